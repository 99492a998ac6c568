package host

import (
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/source"
)

const passwd = `root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nginx:x:101:101:nginx:/nonexistent:/bin/false
deploy:x:1000:33::/home/deploy:/bin/sh
`

const group = `root:x:0:
www-data:x:33:nginx,deploy
nginx:x:101:
docker:x:999:deploy
ssl:x:998:nginx
`

func TestUsers(t *testing.T) {
	f := Read(tree(t, map[string]string{"etc/passwd": passwd, "etc/group": group}), Options{})
	if !f.HasUsers || !f.HasGroups {
		t.Fatalf("HasUsers %v, HasGroups %v", f.HasUsers, f.HasGroups)
	}
	if want := (User{"nginx", 101, 101}); f.Users["nginx"] != want {
		t.Errorf("nginx is %+v, want %+v", f.Users["nginx"], want)
	}
	want := Group{Name: "www-data", GID: 33, Members: []string{"nginx", "deploy"}}
	if diff := cmp.Diff(want, f.Groups["www-data"]); diff != "" {
		t.Error(diff)
	}
}

// nginx's workers have the group of the user directive and those that name the user; the
// user's own primary group does not come along.
func TestGroupsOf(t *testing.T) {
	f := Read(tree(t, map[string]string{"etc/passwd": passwd, "etc/group": group}), Options{})
	for _, c := range []struct {
		user, group string
		uid         int
		gids        []int
	}{
		{"nginx", "nginx", 101, []int{33, 101, 998}},
		{"www-data", "www-data", 33, []int{33}},
		{"deploy", "nginx", 1000, []int{33, 101, 999}},
		{"root", "www-data", 0, []int{33}},
	} {
		uid, gids, ok := f.GroupsOf(c.user, c.group)
		if !ok || uid != c.uid || !slices.Equal(slices.Sorted(maps.Keys(gids)), c.gids) {
			t.Errorf("GroupsOf(%s, %s) = %d, %v, %v; want %d, %v", c.user, c.group, uid, gids, ok, c.uid, c.gids)
		}
	}
	for _, c := range [][2]string{{"nobody", "root"}, {"root", "nogroup"}, {"", ""}} {
		if _, _, ok := f.GroupsOf(c[0], c[1]); ok {
			t.Errorf("GroupsOf(%s, %s) is known", c[0], c[1])
		}
	}
}

func TestRepeatedAccounts(t *testing.T) {
	f := Read(tree(t, map[string]string{
		"etc/passwd": "a:x:1:1:::\na:x:2:2:::\nshort:x:3\nbad:x:none:1::\nminus:x:-2:-2::\n\n# b:x:3:3\n",
		"etc/group":  "g:x:10:a\ng:x:11:a\n  h:x:12: a\nbare:x:13\nbad:x:none:a\n",
	}), Options{})
	if got := slices.Sorted(maps.Keys(f.Users)); !slices.Equal(got, []string{"# b", "a"}) || f.Users["a"].UID != 1 {
		t.Errorf("users are %v", f.Users)
	}
	if f.Groups["g"].GID != 10 || f.Groups["bare"].GID != 13 || len(f.Groups) != 3 {
		t.Errorf("groups are %v", f.Groups)
	}
	_, gids, ok := f.GroupsOf("a", "bare")
	if got := slices.Sorted(maps.Keys(gids)); !ok || !slices.Equal(got, []int{10, 11, 12, 13}) {
		t.Errorf("the groups of a are %v, %v", got, ok)
	}
}

func TestAccountsElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		files         map[string]string
		users, groups bool
	}{
		"no nsswitch":      {nil, true, true},
		"files":            {map[string]string{"etc/nsswitch.conf": "passwd: files systemd # sss\ngroup: files [SUCCESS=merge] systemd\nhosts: files dns\n"}, true, true},
		"sss":              {map[string]string{"etc/nsswitch.conf": "passwd:     sss files systemd\ngroup:      files\n"}, false, true},
		"ldap groups":      {map[string]string{"etc/nsswitch.conf": "passwd: files\ngroup: files ldap\n"}, true, false},
		"initgroups":       {map[string]string{"etc/nsswitch.conf": "passwd: files\ngroup: files\ninitgroups: files sss\n"}, true, false},
		"compat":           {map[string]string{"etc/nsswitch.conf": "passwd: compat\ngroup: compat\n"}, true, true},
		"compat with NIS":  {map[string]string{"etc/passwd": passwd + "+::::::\n", "etc/group": group + "+:::\n"}, false, false},
		"macOS":            {map[string]string{"System/Library/CoreServices/SystemVersion.plist": "x"}, false, false},
		"no etc/group":     {map[string]string{"etc/group": ""}, true, false},
		"no etc/passwd":    {map[string]string{"etc/passwd": ""}, false, true},
		"nothing in there": {map[string]string{"etc/passwd": "\n", "etc/group": "x\n"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"etc/passwd": passwd, "etc/group": group}
			maps.Copy(files, c.files)
			f := Read(tree(t, files), Options{})
			if f.HasUsers != c.users || f.HasGroups != c.groups {
				t.Errorf("HasUsers %v, HasGroups %v; want %v, %v", f.HasUsers, f.HasGroups, c.users, c.groups)
			}
			if _, _, ok := f.GroupsOf("nginx", "nginx"); ok != (c.groups && len(f.Users) > 0) {
				t.Errorf("GroupsOf is known: %v", ok)
			}
		})
	}
}

// id asks the C library for the groups of every account of this machine, as initgroups does.
func TestGroupsOfThisMachine(t *testing.T) {
	root, err := source.Dir("/")
	if err != nil {
		t.Fatal(err)
	}
	f := Read(root, Options{})
	if _, err := exec.LookPath("id"); err != nil || !f.HasUsers || !f.HasGroups {
		t.Skip("no id, or the accounts are not all in etc/passwd and etc/group")
	}
	names := map[int]string{}
	for name, g := range f.Groups {
		names[g.GID] = name
	}
	asked := 0
	for name, u := range f.Users {
		primary, ok := names[u.GID]
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		out, err := exec.Command("id", "-G", name).Output()
		if err != nil {
			t.Fatalf("id -G %s: %v", name, err)
		}
		var want []int
		for _, field := range strings.Fields(string(out)) {
			gid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, gid)
		}
		slices.Sort(want)
		_, gids, _ := f.GroupsOf(name, primary)
		if got := slices.Sorted(maps.Keys(gids)); !slices.Equal(got, want) {
			t.Errorf("the groups of %s are %v, id says %v", name, got, want)
		}
		asked++
	}
	if asked == 0 {
		t.Error("no account was compared")
	}
}

func FuzzUsers(f *testing.F) {
	f.Add(passwd, group, "passwd: files\n")
	f.Add("a:x:1:1\n+", "g:x:1:a,,b\n-", "group: [")
	f.Add(":::::", ":::", ":")
	f.Fuzz(func(t *testing.T, passwd, group, nsswitch string) {
		root := source.Memory("fuzz", map[string]string{"/etc/passwd": passwd, "/etc/group": group, "/etc/nsswitch.conf": nsswitch})
		facts := Read(root, Options{})
		for name, u := range facts.Users {
			if u.Name != name || strings.ContainsAny(name, ":\n") || u.UID < 0 || u.GID < 0 {
				t.Errorf("user %q is %+v", name, u)
			}
		}
		for name, g := range facts.Groups {
			if g.Name != name || strings.ContainsAny(name, ":\n") || g.GID < 0 {
				t.Errorf("group %q is %+v", name, g)
			}
			for _, m := range g.Members {
				if _, ok := facts.Users[m]; !ok {
					continue
				}
				if _, gids, ok := facts.GroupsOf(m, name); ok != facts.HasGroups || ok && !gids[g.GID] {
					t.Errorf("%q is in %+v, its groups are %v", m, g, gids)
				}
			}
		}
		if facts.HasUsers && len(facts.Users) == 0 || facts.HasGroups && len(facts.Groups) == 0 {
			t.Error("accounts are known, and there is none")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var users, groups strings.Builder
	for i := range 20000 {
		n := strconv.Itoa(i)
		users.WriteString("user" + n + ":x:" + n + ":" + n + "::/:/bin/sh\n")
		groups.WriteString("group" + n + ":x:" + n + ":user" + n + ",user1\n")
	}
	files := map[string]string{"/etc/passwd": users.String(), "/etc/group": groups.String()}
	for b.Loop() {
		f := Read(source.Memory("bench", files), Options{})
		if _, gids, _ := f.GroupsOf("user1", "group1"); len(gids) != 20000 {
			b.Fatal(len(gids))
		}
	}
}
