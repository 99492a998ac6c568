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
)

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

func decompress(r io.Reader) (plain io.Reader, closer func(), err error) {
	b := bufio.NewReader(r)
	magic, _ := b.Peek(4) // a shorter file is no archive, which tar says
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		return z, func() {}, err
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxMemory(maxTarSize))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return b, func() {}, nil
}

func (m memory) readTar(t *tar.Reader) error {
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
		n := &node{mode: fs.FileMode(h.Mode).Perm()}
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
