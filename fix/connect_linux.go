package fix

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// connectUnix connects to a socket as a user would, whose rights the kernel checks: on a thread that
// takes the user's file-system identity and ends with the call. Linux keeps identities by thread.
func connectUnix(ctx context.Context, path string, id *identity) (net.Conn, error) {
	if id == nil {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never given back
		var r result
		if r.err = id.assume(); r.err == nil {
			r.conn, r.err = dialHere(ctx, path)
		}
		done <- r
	}()
	r := <-done
	return r.conn, r.err
}

// assume takes the identity on, for the calling thread alone. Leaving user 0 for the file system
// drops the capabilities that override permissions (capabilities(7)).
func (id *identity) assume() error {
	groups := make([]uint32, 0, len(id.groups)+1)
	for _, g := range append(id.groups, id.gid) {
		groups = append(groups, uint32(g))
	}
	// The functions of package unix would change all threads.
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); e != 0 { //nolint:gosec // setgroups(2) takes an array
		return fmt.Errorf("taking on the groups of %s: %w", id.user, e)
	}
	if err := unix.Setfsgid(id.gid); err != nil {
		return err
	}
	return unix.Setfsuid(id.uid)
}

// dialHere connects on the calling thread, within the context's time.
func dialHere(ctx context.Context, path string) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok { // connect waits while the backlog is full
		tv := unix.NsecToTimeval(max(time.Until(deadline), time.Millisecond).Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv); err != nil {
			unix.Close(fd) //nolint:errcheck // the first error counts
			return nil, err
		}
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd) //nolint:errcheck // the first error counts
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() //nolint:errcheck // FileConn has a copy
	return net.FileConn(f)
}
