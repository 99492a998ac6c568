package rules

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// socket is what FPM makes of a pool's unix socket (fpm_unix_resolve_socket_permissions,
// fpm_sockets_new_listening_socket).
type socket struct {
	pool               *fpm.Pool
	owner, group, mode fpm.Setting
	aclUsers           []string
	aclGroups          []string
	bits               uint64
}

// hasACL says whether an ACL replaces owner and group.
func (s *socket) hasACL() bool { return len(s.aclUsers)+len(s.aclGroups) > 0 }

// readSocket collects a pool's socket settings; why says what is not known of them.
func readSocket(pool *fpm.Pool) (s *socket, why string) {
	s = &socket{pool: pool, owner: pool.Get("listen.owner"), group: pool.Get("listen.group"), mode: pool.Get("listen.mode")}
	users, groups := pool.Get("listen.acl_users"), pool.Get("listen.acl_groups")
	for _, set := range []fpm.Setting{s.owner, s.group, s.mode, users, groups} {
		if set.Unknown != "" {
			return nil, set.Unknown
		}
	}
	s.aclUsers, s.aclGroups = commaList(users.Text), commaList(groups.Text)
	s.bits = fpm.ParseMode(s.mode.Text)
	if s.mode.Text == "" || !isOctal(s.mode.Text) {
		s.bits = 0o660 // listen-form's: judge the owner and the group as they will be
	}
	return s, ""
}

func commaList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// worker is the user that nginx's workers run as.
type worker struct {
	user, group string
	at          source.Span
	host        *host.Facts
}

// nginxWorker reads the user directive. Without one the running workers tell: the default depends on
// how nginx was built, and a container may run it as any user.
func nginxWorker(s *stack.Stack, c *nginx.Config) (w worker, why string) {
	user, group, at, ok := c.User()
	if !ok {
		if running, ok := runningWorker(s, c); ok {
			return running, ""
		}
		return w, "nginx's user is unknown: " + c.Conf.Display + " has no user directive"
	}
	return worker{user, group, at, s.NginxHost}, ""
}

// runningWorker is the user of the workers that run with a main file; false where there are none, or
// where they differ.
func runningWorker(s *stack.Stack, c *nginx.Config) (w worker, ok bool) {
	e := s.NginxHost.Evidence
	if e == nil {
		return w, false
	}
	uid := -1
	for _, p := range e.Processes {
		if p.Program != "nginx" || p.Master || p.Conf != c.Conf.Path && (p.Conf != "" || c.Conf.Path != "/etc/nginx/nginx.conf") {
			continue
		}
		if uid >= 0 && uid != p.UID {
			return w, false
		}
		uid = p.UID
	}
	users, groups := s.NginxHost.Users, s.NginxHost.Groups
	for _, user := range slices.Sorted(maps.Keys(users)) {
		if users[user].UID != uid {
			continue
		}
		for _, group := range slices.Sorted(maps.Keys(groups)) {
			if groups[group].GID == users[user].GID {
				return worker{user: user, group: group, host: s.NginxHost}, true
			}
		}
	}
	return w, false
}

// access is whether nginx's user can connect to a socket.
type access int

const (
	allowed access = iota
	denied
	undecided
)

// mayConnect judges by owner, group, mode and ACL as the kernel does: the owner's bits decide for
// the owner, the group's for the group, and only write permission counts (unix(7)). The reason
// says what decided, or what is missing to decide.
func mayConnect(st *stack.Stack, w worker, s *socket) (access, string) {
	const write = 02
	if w.user == "root" {
		return allowed, ""
	}
	others := s.bits&write != 0
	if others && (s.hasACL() || s.bits>>3&write != 0 && s.bits>>6&write != 0) {
		return allowed, ""
	}
	if s.hasACL() {
		return aclAllows(w, s)
	}
	if s.owner.IsDefault && s.pool.Get("user").IsDefault {
		// FPM as root refuses a pool without user, so this FPM is not root and its sockets belong
		// to whoever starts it.
		return undecided, fmt.Sprintf("%s has no user: FPM runs as a user that is not known here", poolName(s.pool))
	}
	owner, group := s.owner.Text, s.group.Text
	if s.owner.IsDefault {
		owner = "root"
	}
	if same, known := sameUser(st, w, owner); !known {
		if others {
			return allowed, "" // unless it is the owner, of whom such modes are hardly meant to ask more
		}
		return undecided, fmt.Sprintf("whether %s on the one side is %s on the other is not known: give both roots their etc/passwd", w.user, owner)
	} else if same {
		if s.bits>>6&write != 0 {
			return allowed, ""
		}
		return denied, fmt.Sprintf("mode %s gives the owner %s no write permission", s.mode.Text, owner)
	}
	if s.group.IsDefault {
		group = primaryGroup(st.FPMHost, owner, s.owner.IsDefault)
	}
	if others {
		if in, known := inGroup(st, w, group); in && known && s.bits>>3&write == 0 {
			return denied, fmt.Sprintf("mode %s gives the group %s no write permission, and the group's bits count for %s", s.mode.Text, group, w.user)
		}
		return allowed, ""
	}
	if s.bits>>3&write == 0 {
		return denied, fmt.Sprintf("mode %s gives write permission to the owner %s only", s.mode.Text, owner)
	}
	if group == "" {
		return undecided, fmt.Sprintf("the group of %s's socket is unknown: the root has no etc/passwd", poolName(s.pool))
	}
	switch in, known := inGroup(st, w, group); {
	case !known:
		return undecided, fmt.Sprintf("whether %s is in group %s is unknown: the root has no etc/group", w.user, group)
	case in:
		return allowed, ""
	}
	return denied, fmt.Sprintf("the socket is %s:%s mode %s, and %s is neither its owner nor in its group", owner, group, modeText(s), w.user)
}

// closedDirectory is the directory on a socket's path, as it is now, that nginx's user may not
// search; "" where there is none, or where that cannot be told.
func closedDirectory(st *stack.Stack, w worker, socket string) (dir, why string) {
	const search = 01
	e := st.FPMHost.Evidence
	if e == nil || st.Split || w.user == "root" {
		return "", ""
	}
	uid, gids, ok := w.host.GroupsOf(w.user, w.group)
	if !ok {
		return "", ""
	}
	for dir := path.Dir(socket); ; dir = path.Dir(dir) {
		if why, _ := denies(e.Paths, dir, uid, gids, search); why != "" {
			return dir, why
		}
		if dir == "/" || dir == "." {
			return "", ""
		}
	}
}

func modeText(s *socket) string {
	return fmt.Sprintf("%04o", s.bits)
}

// aclAllows judges a socket with listen.acl_users or listen.acl_groups, which replace owner and
// group (fpm_unix_set_socket_permissions).
func aclAllows(w worker, s *socket) (access, string) {
	for _, u := range s.aclUsers {
		if u == w.user {
			return allowed, ""
		}
	}
	if len(s.aclGroups) > 0 {
		_, gids, ok := w.host.GroupsOf(w.user, w.group)
		for _, g := range s.aclGroups {
			if g == w.group {
				return allowed, ""
			}
			if group, have := w.host.Groups[g]; ok && have && gids[group.GID] {
				return allowed, ""
			}
		}
		if !ok {
			return undecided, fmt.Sprintf("whether %s is in one of the groups %s is unknown: the root has no etc/group", w.user, strings.Join(s.aclGroups, ", "))
		}
	}
	return denied, fmt.Sprintf("listen.acl_users and listen.acl_groups do not name nginx's user %s (owner and group do not count beside them)", w.user)
}

// sameUser compares nginx's user with a user of the FPM side, by number where the two have files
// of their own.
func sameUser(st *stack.Stack, w worker, owner string) (same, known bool) {
	if owner == "root" || owner == "0" {
		return false, true // w.user is not root
	}
	if !st.Split && !isNumber(owner) {
		return owner == w.user, true
	}
	a, okA := w.host.Users[w.user]
	b, okB := st.FPMHost.Users[owner]
	if n, err := strconv.Atoi(owner); err == nil {
		b.UID, okB = n, true
	}
	return okA && okB && a.UID == b.UID, okA && okB
}

// primaryGroup is the group that listen.owner brings with it when listen.group is not set; the
// master's own, root, when listen.owner is not set either.
func primaryGroup(h *host.Facts, owner string, isDefault bool) string {
	if isDefault {
		return "root"
	}
	u, ok := h.Users[owner]
	if !ok {
		return ""
	}
	for name, g := range h.Groups {
		if g.GID == u.GID {
			return name
		}
	}
	return ""
}

// inGroup says whether nginx's workers have a group of the FPM side.
func inGroup(st *stack.Stack, w worker, group string) (in, known bool) {
	if group == "root" || group == "0" {
		// No distribution puts nginx into root's group; where it is, it stands in etc/group.
		if _, gids, ok := w.host.GroupsOf(w.user, w.group); ok {
			return gids[0], true
		}
		return false, true
	}
	if !st.Split && group == w.group {
		return true, true
	}
	_, gids, ok := w.host.GroupsOf(w.user, w.group)
	if !ok {
		return false, false
	}
	if n, err := strconv.Atoi(group); err == nil {
		return gids[n], true
	}
	g, have := st.FPMHost.Groups[group]
	return have && gids[g.GID], have
}
