//go:build unix

package fix

import (
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/stack"
)

// socketKeys are the settings that a reload does not apply to a socket that exists, and that can be
// applied to it from outside.
var socketKeys = []string{"listen.owner", "listen.group", "listen.mode"}

// socketsToAlign are the live sockets whose owner, group or mode are not what the changed files
// say. Sockets with ACLs are left to a restart.
func socketsToAlign(before, after []*stack.Stack) []savedSocket {
	var out []savedSocket
	for i, s := range after {
		old := map[string]*fpm.Pool{}
		for _, p := range before[i].Pools() {
			old[p.Master.Conf.Path+"\x00"+p.Name] = p
		}
		for _, p := range s.Pools() {
			was := old[p.Master.Conf.Path+"\x00"+p.Name]
			if was == nil || !s.Live || slices.Equal(texts(was), texts(p)) {
				continue
			}
			if socket, ok := align(p, s.FPMHost); ok {
				out = append(out, socket)
			}
		}
	}
	return out
}

func texts(p *fpm.Pool) []string {
	var out []string
	for _, key := range socketKeys {
		out = append(out, p.Get(key).Text)
	}
	return out
}

// align says what a pool's live socket should become.
func align(p *fpm.Pool, h *host.Facts) (s savedSocket, ok bool) {
	listen, _, err := p.Listen()
	if err != nil || !listen.IsUnix() || p.Get("listen.acl_users").Text != "" || p.Get("listen.acl_groups").Text != "" {
		return s, false
	}
	var st unix.Stat_t
	if err := unix.Lstat(listen.Path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return s, false
	}
	s = savedSocket{Path: listen.Path, OldUID: int(st.Uid), OldGID: int(st.Gid), OldMode: uint32(st.Mode) & 0o7777} //nolint:unconvert // its type differs between systems
	s.NewUID, s.NewGID, s.NewMode = s.OldUID, s.OldGID, uint32(fpm.ParseMode(p.Get("listen.mode").Text))&0o7777
	if owner := p.Get("listen.owner"); !owner.IsDefault {
		// fpm_unix_resolve_socket_permissions: a name brings its group along, a number does not.
		if n, err := strconv.Atoi(owner.Text); err == nil {
			s.NewUID = n
		} else if u, known := h.Users[owner.Text]; known {
			s.NewUID, s.NewGID = u.UID, u.GID
		} else {
			return s, false
		}
	}
	if group := p.Get("listen.group"); !group.IsDefault {
		if n, err := strconv.Atoi(group.Text); err == nil {
			s.NewGID = n
		} else if g, known := h.Groups[group.Text]; known {
			s.NewGID = g.GID
		} else {
			return s, false
		}
	}
	return s, s.NewUID != s.OldUID || s.NewGID != s.OldGID || s.NewMode != s.OldMode
}
