package rules_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/testdata/live"
)

// TestNginxUser has nginx -t judge users and groups of this machine's nginx: those that are there, and
// such that are not. Debian has a user nobody and no group of that name. A file elsewhere may be another
// machine's.
func TestNginxUser(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	dir := t.TempDir()
	if err := unix.Mount(dir, "/etc/nginx", "", unix.MS_BIND, ""); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	for _, user := range []string{"root", "www-data", "nobody", "nobody nogroup", "no-such-user", "no-such-user root", "root no-such-group", "0"} {
		write(t, filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, "user %s;\nevents {}\nhttp {}\n", user))
		said, refused := live.NginxTest(t, dir, "/etc/nginx/nginx.conf")
		findings := usersFaults(t, "/etc/nginx/nginx.conf")
		if len(findings) != 0 != refused {
			t.Errorf("user %s: found %v, and nginx says\n%s", user, findings, said)
		}
		for _, f := range findings {
			if words, _, _ := strings.Cut(f.Message, ": "); !strings.Contains(said, "[emerg] "+words) {
				t.Errorf("user %s: found %s, and nginx says\n%s", user, f.Message, said)
			}
		}
		if elsewhere := usersFaults(t, filepath.Join(dir, "nginx.conf")); len(elsewhere) > 0 {
			t.Errorf("user %s: found %v in a file that no nginx here reads", user, elsewhere)
		}
	}
}

func usersFaults(t *testing.T, conf string) []lint.Finding {
	t.Helper()
	stacks, err := stack.Load(context.Background(), stack.Options{NginxConf: []string{conf}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := lint.Run(context.Background(), stacks, []lint.Rule{rule(t, "nginx-syntax")})
	if err != nil {
		t.Fatal(err)
	}
	return r.Findings
}
