//go:build unix

package source

import (
	"os"
	"syscall"
)

// openNoFollow opens a regular file. O_NONBLOCK keeps a FIFO from hanging the open.
func openNoFollow(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
