package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// entry is a member of an archive; its zero type is a file with the content as its text, a link's
// target or nothing.
type entry struct {
	name, content string
	kind          byte
}

func pack(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o640}
		switch e.kind {
		case 0, tar.TypeReg:
			h.Size = int64(len(e.content))
		case tar.TypeSymlink, tar.TypeLink:
			h.Linkname = e.content
		case tar.TypeXGlobalHeader:
			*h = tar.Header{Typeflag: e.kind, PAXRecords: map[string]string{"comment": e.content}}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(t *testing.T, entries ...entry) *Root {
	t.Helper()
	r, err := Tar("host.tar", bytes.NewReader(pack(t, entries)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, r *Root, name string) string {
	t.Helper()
	f, err := r.Read(name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return ""
	}
	return string(f.Data)
}

func TestTarCompression(t *testing.T) {
	plain := pack(t, []entry{{name: "etc/nginx/nginx.conf", content: "events {}"}})
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{g, z} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"tar": plain, "gzip": gz.Bytes(), "zstd": zst.Bytes()} {
		r, err := Tar("host.tar", bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := r.Read("/etc/nginx/nginx.conf")
		if err != nil || string(f.Data) != "events {}" || f.Mode != 0o640 || f.Display != "host.tar:/etc/nginx/nginx.conf" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		for _, n := range []int{1, 3, len(data) / 3, len(data) / 2} {
			if name == "tar" && n > 512+len("events {}") { // only padding is missing
				continue
			}
			if _, err := Tar("host.tar", bytes.NewReader(data[:n])); err == nil || !strings.HasPrefix(err.Error(), "host.tar: ") {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
	}
	for name, data := range map[string]string{"empty": "", "text": "events {}\n", "zeros": strings.Repeat("\x00", 2048)} {
		if _, err := Tar("host.tar", strings.NewReader(data)); err == nil {
			t.Errorf("%s is an archive", name)
		}
	}
}

func TestTarEntries(t *testing.T) {
	r := unpack(t,
		entry{name: "./", kind: tar.TypeDir},
		entry{name: "/etc/absolute", content: "absolute"},
		entry{name: "./etc//./odd/", kind: tar.TypeDir},
		entry{name: "etc/twice", content: "first"},
		entry{name: "etc/twice", content: "second"},
		entry{name: "etc/hard", content: "etc/twice", kind: tar.TypeLink},
		entry{name: "etc/hard-abs", content: "/etc/twice", kind: tar.TypeLink},
		entry{name: "etc/hard-gone", content: "etc/absent", kind: tar.TypeLink},
		entry{name: "etc/link", content: "/etc/twice", kind: tar.TypeSymlink},
		entry{name: "etc/out", content: "../../../../../etc/twice", kind: tar.TypeSymlink},
		entry{name: "etc/loop", content: "loop", kind: tar.TypeSymlink},
		entry{name: "etc/pipe", kind: tar.TypeFifo},
		entry{name: "etc/null", kind: tar.TypeChar},
		entry{name: "etc/disk", kind: tar.TypeBlock},
		entry{name: "etc/..name", content: "dots"},
		entry{name: "etc/dir", content: "a file first"},
		entry{name: "etc/dir/in", content: "in"},
		entry{name: "usr/sbin/php-fpm8.2", content: ""},
	)
	for name, want := range map[string]string{
		"/etc/absolute": "absolute", "/etc/twice": "second", "/etc/hard": "second", "/etc/hard-abs": "second", "/etc/link": "second", "/etc/out": "second",
		"/etc/..name": "dots", "/etc/dir/in": "in", "/usr/sbin/php-fpm8.2": "",
	} {
		if got := text(t, r, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]error{"/etc/hard-gone": fs.ErrNotExist, "/etc/pipe": ErrNotRegular, "/etc/null": ErrNotRegular, "/etc/disk": ErrNotRegular, "/etc/odd": ErrIsDir, "/etc/twice/below": fs.ErrNotExist} {
		if _, err := r.Read(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if _, err := r.Read("/etc/loop"); err == nil {
		t.Error("a link to itself is read")
	}
	entries, err := r.ReadDir("/etc")
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := strings.Fields("..name absolute dir disk hard hard-abs link loop null odd out pipe twice"); err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v", names, err)
	}
}

func TestTarLeadsOut(t *testing.T) {
	for _, name := range []string{"../etc/passwd", "etc/../../passwd", "/../x", "a/.."} {
		if _, err := Tar("host.tar", bytes.NewReader(pack(t, []entry{{name: name}}))); err == nil || !strings.Contains(err.Error(), "leads out") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTarTooLarge(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "etc/large", Size: MaxFileSize + 1, Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	zero := make([]byte, 1<<20)
	for n := int64(0); n < MaxFileSize+1; {
		k, err := w.Write(zero[:min(int64(len(zero)), MaxFileSize+1-n)])
		if err != nil {
			t.Fatal(err)
		}
		n += int64(k)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Tar("host.tar", &b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read("/etc/large"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want %v", err, ErrTooLarge)
	}
}

// TestTarTop finds the root below the one directory of an archive.
func TestTarTop(t *testing.T) {
	for name, entries := range map[string][]entry{
		"plain":     {{name: "etc/nginx/nginx.conf", content: "x"}},
		"wrapped":   {{name: "web1/etc/nginx/nginx.conf", content: "x"}, {name: "web1/etc/link", content: "/etc/nginx/nginx.conf", kind: tar.TypeSymlink}},
		"git":       {{content: "3b4e690", kind: tar.TypeXGlobalHeader}, {name: "web1/", kind: tar.TypeDir}, {name: "web1/etc/nginx/nginx.conf", content: "x"}},
		"only dots": {{name: "./", kind: tar.TypeDir}, {name: "./web1/etc/nginx/nginx.conf", content: "x"}},
	} {
		r := unpack(t, entries...)
		if got := text(t, r, "/etc/nginx/nginx.conf"); got != "x" {
			t.Errorf("%s: not at its place", name)
		}
		if name == "wrapped" && text(t, r, "/etc/link") != "x" {
			t.Error("the link does not lead into the archive's root")
		}
	}
	two := unpack(t, entry{name: "web1/etc/f", content: "1"}, entry{name: "web2/etc/f", content: "2"})
	if text(t, two, "/web1/etc/f") != "1" || two.Exists("/etc/f") {
		t.Error("two directories at the top are not one root")
	}
	other := unpack(t, entry{name: "project/docker/f", content: "1"})
	if text(t, other, "/project/docker/f") != "1" {
		t.Error("a directory that is no root is taken for one")
	}
}

// FuzzTar looks for panics, and for entries that a root lists but cannot look at.
func FuzzTar(f *testing.F) {
	f.Add([]byte{})
	f.Add(pack(f, []entry{{name: "web1/etc/nginx/nginx.conf", content: "events {}"}}))
	f.Add(pack(f, []entry{{name: "a", content: "a", kind: tar.TypeSymlink}, {name: "a/b", content: "x"}, {name: "c", content: "a/b", kind: tar.TypeLink}, {name: "d", kind: tar.TypeFifo}}))
	f.Add(pack(f, []entry{{name: "a", content: "x"}, {name: "a/b/c", content: "y"}, {name: "a", content: "z"}}))
	f.Add(append([]byte{0x1f, 0x8b, 8, 0}, make([]byte, 20)...))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Tar("f.tar", bytes.NewReader(data))
		if err != nil {
			return
		}
		n := 0
		var walk func(dir string)
		walk = func(dir string) {
			entries, err := r.back.ReadDir(dir)
			if err != nil {
				t.Fatalf("%s: %v", dir, err)
			}
			for _, e := range entries {
				if n++; n > 10_000 {
					return
				}
				p := strings.TrimSuffix(dir, "/") + "/" + e.Name()
				if e.IsDir() {
					walk(p)
					continue
				}
				f, err := r.Read(p)
				if err == nil && f.Display != "f.tar:"+f.Path {
					t.Fatalf("%s is shown as %s", f.Path, f.Display)
				}
			}
		}
		walk("/")
	})
}
