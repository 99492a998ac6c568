package nginx

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/source"
	"fpmlint/testdata/live"
)

// TestIncludesAgainstNginx holds the files that includes lead to, and their order, to nginx -T.
func TestIncludesAgainstNginx(t *testing.T) {
	nginx := live.Nginx(t)
	for i, include := range []string{
		"d/*.conf", "d/*", "d/.*.conf", "d/[.]*.conf", "d/?hidden.conf", "d/\\\\.h*", "d/[ab].conf", "d/[!a].conf", "d/[^a].conf", "d/[A-Z].conf", "d/[0-9]*",
		"d/a[.]conf", "d/a[-_]b.conf", "d/a[_-]b.conf", "d/x[]]y", "d/x[]-]y", "d/x[!]]y", "d/[[:digit:]]*", "d/[![:alnum:]]*.conf", "'d/[x*'", "d/[[]x].conf", "d/[z-a]*",
		"'d/{a,b}.conf*'", "d/a\\\\*.conf", "d/**", "e/*/nginx.conf", "e/**/nginx.conf", "e/*/*/nginx.conf", "e/*/absent", "[e]/file", "d/*.none", "absent/*", "d//./a.con?",
		"d/??.conf", "d/?.conf", "d/a.conf", "e/../d/a.conf", "links/*",
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, name := range []string{
				"d/a.conf", "d/B.conf", "d/10-a.conf", "d/2-a.conf", "d/.hidden.conf", "d/a.conf.bak", "d/a-b.conf", "d/a_b.conf", "d/[x].conf", "d/{a,b}.conf", "d/é.conf",
				"d/a*.conf", "d/x]y", "d/x-y", "e/one/nginx.conf", "e/two/nginx.conf", "e/two/sub/nginx.conf", "e/file", "e/.three/nginx.conf",
			} {
				put(t, filepath.Join(dir, name), "# nothing\n")
			}
			if err := os.MkdirAll(filepath.Join(dir, "links"), 0o755); err != nil {
				t.Fatal(err)
			}
			for name, target := range map[string]string{"b": "../d/a.conf", "a": "../e/file"} {
				if err := os.Symlink(target, filepath.Join(dir, "links", name)); err != nil {
					t.Fatal(err)
				}
			}
			conf := filepath.Join(dir, "nginx.conf")
			put(t, conf, "events {}\ninclude "+include+";\ninclude "+include+";\n")
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, nginx, "-T", "-p", dir, "-c", conf, "-g", "pid "+dir+"/pid;", "-e", dir+"/log").Output()
			root, fault := source.Dir(dir)
			if fault != nil {
				t.Fatal(fault)
			}
			c, fault := Load(root, "/nginx.conf", Options{})
			if fault != nil {
				t.Fatal(fault)
			}
			if (err == nil) != (len(c.Problems) == 0) {
				t.Fatalf("include %s: nginx: %v, here: %v", include, err, c.Problems)
			}
			if err != nil {
				return
			}
			var want, got []string
			for _, m := range regexp.MustCompile(`(?m)^# configuration file (.*):$`).FindAllStringSubmatch(string(out), -1) {
				real, err := filepath.EvalSymlinks(m[1])
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, strings.TrimPrefix(real, dir))
			}
			for _, f := range c.Files {
				got = append(got, f.Source.Path)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("include %s (-nginx +here):\n%s", include, diff)
			}
		})
	}
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
