package host

import (
	"strconv"
	"strings"

	"fpmlint/lint/source"
)

// User is a line of etc/passwd.
type User struct {
	Name     string
	UID, GID int
}

// Group is a line of etc/group.
type Group struct {
	Name    string
	GID     int
	Members []string
}

// readUsers reads etc/passwd and etc/group as getpwnam and getgrnam do: of several lines with one
// name the first counts. Memberships add up over all lines, as in initgroups.
func (f *Facts) readUsers(root *source.Root) {
	f.Users, f.Groups, f.memberships = map[string]User{}, map[string]Group{}, map[string][]int{}
	all := true
	for _, fields := range records(root, "/etc/passwd", 4) {
		name := fields[0]
		uid, err1 := strconv.ParseUint(fields[2], 10, 32)
		gid, err2 := strconv.ParseUint(fields[3], 10, 32)
		switch _, have := f.Users[name]; {
		case isNIS(name):
			all = false
		case err1 == nil && err2 == nil && !have:
			f.Users[name] = User{name, int(uid), int(gid)}
		}
	}
	f.HasUsers = all && len(f.Users) > 0
	all = true
	for _, fields := range records(root, "/etc/group", 3) {
		name := fields[0]
		gid, err := strconv.ParseUint(fields[2], 10, 32)
		if isNIS(name) {
			all = false
		}
		if err != nil || isNIS(name) {
			continue
		}
		g := Group{Name: name, GID: int(gid)}
		if len(fields) > 3 {
			g.Members = strings.FieldsFunc(fields[3], func(r rune) bool { return r == ',' || r == ' ' })
		}
		for _, m := range g.Members {
			f.memberships[m] = append(f.memberships[m], g.GID)
		}
		if _, have := f.Groups[name]; !have {
			f.Groups[name] = g
		}
	}
	f.HasGroups = all && len(f.Groups) > 0
	if root.Exists("/System/Library") { // macOS keeps its accounts in Open Directory
		f.HasUsers, f.HasGroups = false, false
	}
	for _, l := range lines(root, "/etc/nsswitch.conf") {
		name, services, ok := strings.Cut(l, ":")
		if !ok || !remote(services) {
			continue
		}
		switch strings.TrimSpace(name) {
		case "passwd":
			f.HasUsers = false
		case "group", "initgroups":
			f.HasGroups = false
		}
	}
}

// records are a file's lines with at least n fields.
func records(root *source.Root, p string, n int) [][]string {
	var out [][]string
	for _, l := range lines(root, p) {
		if fields := strings.Split(strings.TrimLeft(l, " \t"), ":"); len(fields) >= n {
			out = append(out, fields)
		}
	}
	return out
}

// isNIS says whether a line stands for entries of NIS (the compat service).
func isNIS(name string) bool { return strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") }

// remote says whether a line of nsswitch.conf asks more than local files.
func remote(services string) bool {
	services, _, _ = strings.Cut(services, "#")
	for _, s := range strings.Fields(services) {
		switch s {
		case "files", "compat", "db", "systemd":
		default:
			if !strings.HasPrefix(s, "[") {
				return true
			}
		}
	}
	return false
}

// GroupsOf are the groups of a process that runs as a user with a primary group, as nginx sets
// them for its workers: setgid(group), initgroups(user, group) (ngx_worker_process_init). The
// user's own primary group does not count. ok is false where the accounts are not known.
func (f *Facts) GroupsOf(user, group string) (uid int, gids map[int]bool, ok bool) {
	u, okUser := f.Users[user]
	g, okGroup := f.Groups[group]
	if !f.HasGroups || !okUser || !okGroup {
		return 0, nil, false
	}
	gids = map[int]bool{g.GID: true}
	for _, gid := range f.memberships[user] {
		gids[gid] = true
	}
	return u.UID, gids, true
}
