package source

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Bounds on a snapshot.
const (
	maxTarEntries = 200_000
	maxTarSize    = 1 << 30 // bytes of all files together
	maxWindow     = 64 << 20
)

// NotAllowed is the comment of an entry in a snapshot whose content this process was not allowed
// to read when the snapshot was taken. Other programs pass over comments.
const NotAllowed = "fpmlint: not allowed to read"

// PAXComment is the extended header that holds an entry's comment.
const PAXComment = "comment"

// Tar reads a snapshot into memory: tar, plain or compressed with gzip or zstd. Where all entries
// lie in one directory that looks like a root, that directory is the root.
func Tar(name string, r io.Reader) (*Root, error) {
	plain, closer, err := decompress(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer closer()
	m := memory{"/": {name: "/", mode: fs.ModeDir | 0o755}}
	if err := m.readTar(tar.NewReader(plain)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	root := newRoot(name, m.unwrapped())
	root.display = func(p string) string { return name + ":" + p }
	return root, nil
}

// Bounds on a snapshot that came from another machine.
const (
	maxSnapshotEntries = 50_000
	maxSnapshotSize    = 64 << 20
)

// Snapshot reads a snapshot that came from elsewhere into memory, as Tar does, and trusts it less:
// devices, pipes, hard links, entries that come twice, absolute paths and more than 64 MiB are
// refused. Links are followed inside it only. Files are called by their paths in it.
func Snapshot(r io.Reader) (*Root, error) {
	plain, closer, err := decompress(r)
	if err != nil {
		return nil, err
	}
	defer closer()
	m := memory{"/": {name: "/", mode: fs.ModeDir | 0o755}}
	if err := m.readTar(&strictTar{Reader: tar.NewReader(plain), seen: map[string]bool{}}); err != nil {
		return nil, err
	}
	return newRoot("", m.unwrapped()), nil
}

// archive is a tar.Reader, or one that refuses more.
type archive interface {
	Next() (*tar.Header, error)
	io.Reader
}

type strictTar struct {
	*tar.Reader
	seen  map[string]bool
	total int64
}

// Next refuses an entry that no snapshot of fpmlint's holds.
func (t *strictTar) Next() (*tar.Header, error) {
	h, err := t.Reader.Next()
	if err != nil {
		return nil, damaged(err)
	}
	name := path.Clean(h.Name)
	t.total += h.Size
	switch {
	case path.IsAbs(h.Name):
		return nil, fmt.Errorf("the entry %q has an absolute path", h.Name)
	case t.seen[name] && h.Typeflag != tar.TypeDir:
		return nil, fmt.Errorf("the entry %q comes twice", h.Name)
	case h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir && h.Typeflag != tar.TypeSymlink:
		return nil, fmt.Errorf("the entry %q is a device, a pipe or a hard link", h.Name)
	case len(t.seen) >= maxSnapshotEntries:
		return nil, fmt.Errorf("more than %d entries", maxSnapshotEntries)
	case h.Size < 0 || t.total > maxSnapshotSize:
		return nil, fmt.Errorf("more than %d MiB of files", maxSnapshotSize>>20)
	}
	t.seen[name] = true
	return h, nil
}

func (t *strictTar) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	return n, damaged(err)
}

// damaged says in plain words what a reader of archives says of their inside.
func damaged(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("the archive is damaged: %w", err)
}

func decompress(r io.Reader) (plain io.Reader, closer func(), err error) {
	b := bufio.NewReader(r)
	magic, _ := b.Peek(4) // a shorter file is no archive, which tar says
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		return z, func() {}, err
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxMemory(maxTarSize), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return b, func() {}, nil
}

func (m memory) readTar(t archive) error {
	total := int64(0)
	for count := 0; ; count++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			if count == 0 {
				return errors.New("the archive is empty")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if count >= maxTarEntries {
			return fmt.Errorf("more than %d entries", maxTarEntries)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // git archive writes the commit there
		}
		if strings.Contains("/"+h.Name+"/", "/../") {
			return fmt.Errorf("the entry %q leads out of the archive", h.Name)
		}
		p := path.Clean("/" + h.Name)
		n := &node{mode: fs.FileMode(h.Mode).Perm(), unread: h.PAXRecords[PAXComment] == NotAllowed}
		switch h.Typeflag {
		case tar.TypeDir:
			n.mode |= fs.ModeDir
		case tar.TypeSymlink:
			n.mode |= fs.ModeSymlink
			n.link = h.Linkname
		case tar.TypeLink:
			old := m[path.Clean("/"+h.Linkname)]
			if old == nil || !old.mode.IsRegular() {
				continue
			}
			*n = *old
		case tar.TypeReg:
			if n.size = h.Size; h.Size <= MaxFileSize {
				if total += h.Size; total > maxTarSize {
					return fmt.Errorf("more than %d MiB of files", maxTarSize>>20)
				}
				if n.data, err = io.ReadAll(t); err != nil {
					return err
				}
			}
		default: // devices, pipes: there, but not to be read
			n.mode |= fs.ModeIrregular
		}
		if p != "/" {
			m.put(p, n)
		}
	}
}

// unwrapped is the tree below the only directory at the top, where that looks like a root.
func (m memory) unwrapped() memory {
	top := m["/"].children
	if len(top) == 0 {
		return m
	}
	for _, c := range top[1:] {
		if c != top[0] {
			return m
		}
	}
	prefix := "/" + top[0]
	if m[prefix+"/etc"] == nil && m[prefix+"/usr"] == nil {
		return m
	}
	out := memory{"/": m[prefix]}
	for p, n := range m {
		if rest, ok := strings.CutPrefix(p, prefix+"/"); ok {
			out["/"+rest] = n
		}
	}
	return out
}
