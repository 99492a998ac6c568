//go:build !unix

package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

type descriptor struct{ *os.File }

func openNoFollow(name string) (reader, error) {
	f, err := os.Open(name)
	return descriptor{f}, err
}

// Stat implements reader.
func (d descriptor) Stat() (fs.FileMode, int64, error) {
	info, err := d.File.Stat()
	if err != nil {
		return 0, 0, err
	}
	return info.Mode(), info.Size(), nil
}

// Read returns 0 and no error at the end of the file.
func (d descriptor) Read(p []byte) (int, error) {
	n, err := d.File.Read(p)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
