package source

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestGlob holds Glob to glob(3); nginx itself is asked for the same patterns where it is there
// (lint/nginx, TestIncludesAgainstNginx).
func TestGlob(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{
		"d/a.conf", "d/B.conf", "d/10-a.conf", "d/2-a.conf", "d/.hidden.conf", "d/a.conf.bak", "d/a-b.conf", "d/a_b.conf", "d/[x].conf", "d/{a,b}.conf",
		"d/é.conf", "d/a*.conf", "d/x]y", "d/x-y", "d/.dir/in.conf", "e/one/nginx.conf", "e/two/nginx.conf", "e/two/sub/nginx.conf", "e/file", "e/.three/nginx.conf",
	} {
		files[name] = ""
	}
	r := Memory("m", files)
	for _, c := range []struct{ pattern, want string }{
		{"/d/*.conf", "10-a.conf 2-a.conf B.conf [x].conf a*.conf a-b.conf a.conf a_b.conf {a,b}.conf é.conf"},
		{"/d/*", "10-a.conf 2-a.conf B.conf [x].conf a*.conf a-b.conf a.conf a.conf.bak a_b.conf x-y x]y {a,b}.conf é.conf"},
		{"/d/.*.conf", ".hidden.conf"},
		{"/d/[.]*.conf", ""},
		{"/d/?hidden.conf", ""},
		{"/d/\\.h*", ".hidden.conf"},
		{"/d/[ab].conf", "a.conf"},
		{"/d/[!a].conf", "B.conf"},
		{"/d/[^a].conf", "B.conf"},
		{"/d/[A-Z].conf", "B.conf"},
		{"/d/[0-9]*", "10-a.conf 2-a.conf"},
		{"/d/a[.]conf", "a.conf"},
		{"/d/a[-_]b.conf", "a-b.conf a_b.conf"},
		{"/d/a[_-]b.conf", "a-b.conf a_b.conf"},
		{"/d/x[]]y", "x]y"},
		{"/d/x[]-]y", "x-y x]y"},
		{"/d/x[!]]y", "x-y"},
		{"/d/[[:digit:]]*", "10-a.conf 2-a.conf"},
		{"/d/[![:alnum:]]*.conf", "[x].conf {a,b}.conf é.conf"},
		{"/d/[x*", "[x].conf"},
		{"/d/\\[x\\].conf", "[x].conf"},
		{"/d/[[]x].conf", "[x].conf"},
		{"/d/??.conf", "a*.conf é.conf"},
		{"/d/[z-a]*", ""},
		{"/d/{a,b}.conf*", "{a,b}.conf"},
		{"/d/a\\*.conf", "a*.conf"},
		{"/d/**", "10-a.conf 2-a.conf B.conf [x].conf a*.conf a-b.conf a.conf a.conf.bak a_b.conf x-y x]y {a,b}.conf é.conf"},
		{"/e/*/nginx.conf", "one/nginx.conf two/nginx.conf"},
		{"/e/**/nginx.conf", "one/nginx.conf two/nginx.conf"},
		{"/e/*/*/nginx.conf", "two/sub/nginx.conf"},
		{"/e/*/absent", ""},
		{"/[e]/file", "/e/file"},
		{"/d/*.none", ""},
		{"/d/*\\.bak", "a.conf.bak"},
		{"/d/*b.conf", "a-b.conf a_b.conf"},
		{"/d/*é.conf", "é.conf"},
		{"/d//./a.con?", "a.conf"},
		{"e/t*/nginx.conf", "two/nginx.conf"},
	} {
		got, err := r.Glob(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		}
		for i := range got {
			got[i] = strings.TrimPrefix(strings.TrimPrefix(got[i], "/d/"), "/e/")
			if strings.HasPrefix(c.want, "/") {
				got[i] = "/e/" + got[i]
			}
		}
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", c.pattern, got, want)
		}
	}
}

func TestGlobErrors(t *testing.T) {
	r := open(t, tree(t, map[string]string{"d/a": "", "d/gone": "-> nowhere", "d/sub/": ""}))
	for _, pattern := range []string{"/absent/*", "/d/a/*", "/absent/*/x"} {
		if got, err := r.Glob(pattern); err == nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", pattern, got, err)
		}
	}
	if _, err := r.Glob("/absent/*"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	// glob(3) lists links that lead nowhere, and directories.
	if got, err := r.Glob("/d/*"); err != nil || !slices.Equal(got, []string{"/d/a", "/d/gone", "/d/sub"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := r.Glob("/d/g*"); err != nil || !slices.Equal(got, []string{"/d/gone"}) {
		t.Errorf("%v, %v", got, err)
	}
}

// FuzzGlob compares patterns with path.Match where the two have the same grammar.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{{"*.conf", "a.conf"}, {"[a-c]?", "bx"}, {"[!a]", "b"}, {"[[:digit:]]*", "1a"}, {"[", "["}, {"\\*", "*"}, {"[]", "]"}, {"[z-a]", "b"}, {"[[.a.]]", "a"}, {"é*", "é"}, {".*", ".a"}, {"*", ".a"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.Contains(pattern, "/") || strings.Contains(name, "/") {
			return
		}
		got := compile(pattern).match(name)
		if strings.ContainsAny(pattern, `[\`) || strings.HasPrefix(name, ".") || strings.ContainsFunc(pattern+name, func(r rune) bool { return r > 126 }) {
			return
		}
		if want, err := path.Match(pattern, name); err == nil && got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, name, got, want)
		}
	})
}
