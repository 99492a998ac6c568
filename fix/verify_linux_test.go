package fix

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fpmlint/lint/address"
)

// TestFullQueue tells a pool that is busy from one that is broken: nobody takes connections off its
// socket's queue, and the queue is full.
func TestFullQueue(t *testing.T) {
	dir, err := os.MkdirTemp("", "queue")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the test ends
	path := filepath.Join(dir, "a.sock")
	listening, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(listening) //nolint:errcheck // the test ends
	if err := errors.Join(unix.Bind(listening, &unix.SockaddrUnix{Name: path}), unix.Listen(listening, 0)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		c, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		defer c.Close() //nolint:errcheck // the test ends
	}
	for _, id := range []*identity{nil, {user: "root"}} {
		if id != nil && os.Geteuid() != 0 {
			t.Skip("only root can take another user on")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := askOnce(ctx, address.Address{Path: path}, id)
		cancel()
		if !errors.Is(err, errBusy) || !strings.Contains(err.Error(), "its queue is full") {
			t.Errorf("as %v: %v", id, err)
		}
	}
}
