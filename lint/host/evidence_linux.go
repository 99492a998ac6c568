package host

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// observe collects what this machine shows. Paths are looked at when a configuration names them.
func observe() *Evidence {
	e := &Evidence{Version: 1, Processes: readProcesses("/proc"), Paths: map[string]Path{}}
	_, err := os.Stat("/run/systemd/system") // sd_booted(3)
	e.Systemd = err == nil
	e.SELinux = selinuxMode("/sys/fs/selinux")
	e.Sockets, e.SocketsKnown = listeningSockets("/proc")
	return e
}

// selinuxMode reads SELinux's file system, which is mounted only where it is on.
func selinuxMode(dir string) string {
	data, err := os.ReadFile(dir + "/enforce")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "disabled"
	case err != nil:
		return ""
	case strings.TrimSpace(string(data)) == "1":
		return "enforcing"
	}
	return "permissive"
}

// Look adds what stands at the paths on this machine.
func (e *Evidence) Look(paths []string) {
	for _, p := range paths {
		if _, seen := e.Paths[p]; !seen {
			e.Paths[p] = look(p)
		}
	}
}

func look(name string) Path {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return Path{Kind: KindMissing}
	case err != nil:
		return Path{Kind: KindUnknown}
	}
	p := Path{Kind: KindOther, Mode: uint32(info.Mode().Perm())}
	switch {
	case info.IsDir():
		p.Kind = KindDir
	case info.Mode().IsRegular():
		p.Kind = KindFile
	case info.Mode().Type() == fs.ModeSocket:
		p.Kind = KindSocket
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		p.UID, p.GID = int(s.Uid), int(s.Gid)
	}
	label := make([]byte, 256)
	if n, err := unix.Getxattr(name, "security.selinux", label); err == nil && n > 0 {
		p.Context = strings.TrimRight(string(label[:n]), "\x00")
	}
	if n, err := unix.Getxattr(name, "system.posix_acl_access", nil); err == nil && n > 0 {
		p.ACL = true
	}
	var s unix.Statfs_t
	if p.Kind == KindDir && unix.Statfs(name, &s) == nil {
		p.ReadOnly = s.Flags&unix.ST_RDONLY != 0
		p.Free, p.Size = int64(s.Bavail)*s.Bsize, int64(s.Blocks)*s.Bsize
	}
	return p
}

func sortSockets(list []Socket) []Socket {
	slices.SortFunc(list, func(a, b Socket) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Address, b.Address), cmp.Compare(a.UID, b.UID))
	})
	return slices.Compact(list)
}
