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

func (f *Facts) readUsers(root *source.Root) {
	f.Users, f.Groups = map[string]User{}, map[string]Group{}
	for _, l := range lines(root, "/etc/passwd") {
		fields := strings.Split(l, ":")
		if len(fields) < 4 {
			continue
		}
		uid, err1 := strconv.Atoi(fields[2])
		gid, err2 := strconv.Atoi(fields[3])
		if err1 == nil && err2 == nil {
			f.Users[fields[0]] = User{fields[0], uid, gid}
			f.HasUsers = true
		}
	}
	for _, l := range lines(root, "/etc/group") {
		fields := strings.Split(l, ":")
		if len(fields) < 4 {
			continue
		}
		if gid, err := strconv.Atoi(fields[2]); err == nil {
			g := Group{Name: fields[0], GID: gid}
			if fields[3] != "" {
				g.Members = strings.Split(fields[3], ",")
			}
			f.Groups[g.Name] = g
			f.HasGroups = true
		}
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
	for _, other := range f.Groups {
		for _, m := range other.Members {
			if m == user {
				gids[other.GID] = true
			}
		}
	}
	return u.UID, gids, true
}
