//go:build !unix

package source

import (
	"errors"
	"io"
	"os"
)

type descriptor struct{ *os.File }

func openNoFollow(name string) (reader, error) {
	f, err := os.Open(name)
	return descriptor{f}, err
}

// Read returns 0 and no error at the end of the file.
func (d descriptor) Read(p []byte) (int, error) {
	n, err := d.File.Read(p)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
