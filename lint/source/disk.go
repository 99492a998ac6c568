package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is a directory on disk. Callers pass resolved paths.
type disk string

// at is where a path inside lies on disk. Both are absolute and clean.
func (d disk) at(name string) string {
	switch {
	case d == "/":
		return filepath.FromSlash(name)
	case name == "/":
		return string(d)
	}
	return string(d) + filepath.FromSlash(name)
}

func (d disk) Lstat(name string) (fs.FileInfo, error)     { return os.Lstat(d.at(name)) }
func (d disk) Readlink(name string) (string, error)       { return os.Readlink(d.at(name)) }
func (d disk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(d.at(name)) }

func (d disk) load(name string, info fs.FileInfo) ([]byte, error) {
	h, err := openNoFollow(d.at(name))
	if err != nil {
		return nil, err
	}
	data, err := readAll(h, info.Size())
	return data, errors.Join(err, h.Close())
}

// open is load for a file that nobody has looked at: what it is, is asked of the open file.
func (d disk) open(name string) ([]byte, fs.FileMode, error) {
	h, err := openNoFollow(d.at(name))
	if err != nil {
		return nil, 0, err
	}
	mode, size, err := h.Stat()
	switch {
	case err != nil:
	case !mode.IsRegular():
		err = ErrNotRegular
	case size > MaxFileSize:
		err = ErrTooLarge
	}
	if err != nil {
		return nil, 0, errors.Join(err, h.Close())
	}
	data, err := readAll(h, size)
	return data, mode, errors.Join(err, h.Close())
}

// ReadRegular reads a file on disk, at the end of its links, that is to be a regular one of at most so
// many bytes. Its errors are as those of Root.Read.
func ReadRegular(name string, limit int64) ([]byte, error) {
	fail := func(err error) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: unwrap(err)}
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return fail(err)
	case !info.Mode().IsRegular():
		return fail(ErrNotRegular)
	case info.Size() > limit:
		return fail(ErrTooLarge)
	}
	data, err := os.ReadFile(name)
	if int64(len(data)) > limit {
		return fail(ErrTooLarge)
	}
	return data, err
}

// reader is an open file.
type reader interface {
	Read(p []byte) (int, error)
	Close() error
	// Stat says what the file is, as far as type and permissions go.
	Stat() (mode fs.FileMode, size int64, err error)
}

// readAll reads a file that should have a size; those under proc have none. A file of the size
// that it should have is read with one call.
func readAll(h reader, size int64) ([]byte, error) {
	buf := make([]byte, 0, size+1)
	for {
		n, err := h.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+max(n, 0)]
		switch {
		case err != nil:
			return nil, err
		case n == 0 || size > 0 && int64(len(buf)) == size:
			return buf, nil
		case len(buf) > MaxFileSize:
			return nil, ErrTooLarge
		case len(buf) == cap(buf):
			buf = append(buf, make([]byte, 4096)...)[:len(buf)]
		}
	}
}
