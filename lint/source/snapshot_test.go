package source

import (
	"archive/tar"
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, h.Size); err != nil && h.Typeflag == tar.TypeReg {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestHostileSnapshots(t *testing.T) {
	plain := tar.Header{Name: "etc/f", Typeflag: tar.TypeReg, Size: 3}
	for want, headers := range map[string][]tar.Header{
		"absolute path":                    {{Name: "/etc/passwd", Typeflag: tar.TypeReg}},
		"leads out of the archive":         {{Name: "etc/../../f", Typeflag: tar.TypeReg}},
		"comes twice":                      {plain, plain},
		"a device, a pipe or a hard link":  {{Name: "dev/sda", Typeflag: tar.TypeBlock}},
		"\"dev/null\" is a device, a pipe": {{Name: "dev/null", Typeflag: tar.TypeChar}},
		"\"p\" is a device, a pipe or a":   {{Name: "p", Typeflag: tar.TypeFifo}},
		"\"etc/link\" is a device, a pipe": {plain, {Name: "etc/link", Typeflag: tar.TypeLink, Linkname: "etc/f"}},
		"the archive is empty":             {},
	} {
		if _, err := Snapshot(bytes.NewReader(tarOf(t, headers...))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	data := tarOf(t, tar.Header{Name: "etc/f", Typeflag: tar.TypeReg, Size: 5000})
	if _, err := Snapshot(bytes.NewReader(data[:2000])); err == nil {
		t.Error("a cut snapshot is taken")
	}
}

// A link never leads out of the snapshot, whatever it names.
func TestSnapshotLinks(t *testing.T) {
	r, err := Snapshot(bytes.NewReader(tarOf(t,
		tar.Header{Name: "etc/out", Typeflag: tar.TypeSymlink, Linkname: "../../../../../etc/hostname"},
		tar.Header{Name: "etc/abs", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		tar.Header{Name: "etc/loop", Typeflag: tar.TypeSymlink, Linkname: "loop"},
		tar.Header{Name: "etc/dir", Typeflag: tar.TypeSymlink, Linkname: "/"})))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/etc/out", "/etc/abs", "/etc/loop", "/etc/dir/etc/dir/etc/out"} {
		if f, err := r.Read(p); err == nil {
			t.Errorf("%s leads to %q", p, f.Data)
		}
	}
}

// Ten gigabytes of zeros in a few hundred kilobytes are refused before they are unpacked.
func TestZeros(t *testing.T) {
	var head bytes.Buffer
	w := tar.NewWriter(&head)
	if err := w.WriteHeader(&tar.Header{Name: "etc/zeros", Typeflag: tar.TypeReg, Mode: 0o644, Size: 10 << 30, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(z, io.MultiReader(&head, zeros{}), 256<<20); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Snapshot(bytes.NewReader(packed.Bytes()))
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "more than 64 MiB") {
		t.Errorf("%v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("it took %d MiB", took>>20)
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add(tarOf(f, tar.Header{Name: "etc/f", Typeflag: tar.TypeReg, Size: 3}))
	f.Add(tarOf(f, tar.Header{Name: "a/b", Typeflag: tar.TypeSymlink, Linkname: "../.."}, tar.Header{Name: "a/", Typeflag: tar.TypeDir}))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Snapshot(bytes.NewReader(data))
		if err != nil {
			return
		}
		for p := range r.back.(memory) {
			_, _ = r.Read(p)
			_, _ = r.ReadDir(p)
		}
	})
}
