package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdvised holds the stack that follows all advice to having no finding, not even an info, and
// nothing that could not be judged; and to what nginx and PHP-FPM themselves say of it.
func TestAdvised(t *testing.T) {
	root, err := filepath.Abs("../../testdata/advised")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("fpmlint", func(t *testing.T) {
		var out, errs strings.Builder
		code := run(t.Context(), []string{"fpmlint", "lint", "--strict", "--fail-on", "info", root}, nil, &out, &errs)
		if code != exitClean || strings.Contains(out.String(), "skipped:") || !strings.Contains(out.String(), "3 hand-offs") {
			t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
		}
	})
	t.Run("nginx", func(t *testing.T) {
		judgeAdvised(t, root, "nginx", "nginx -t -q")
	})
	t.Run("php-fpm", func(t *testing.T) {
		programs, _ := filepath.Glob("/usr/sbin/php-fpm[0-9]*") // the pattern is well formed
		program := "php-fpm"
		if len(programs) > 0 {
			program = programs[len(programs)-1]
		}
		// The opcache of conf.d is of another version than the program may be.
		judgeAdvised(t, root, program, program+" -t -n -y /etc/php/8.3/fpm/php-fpm.conf")
	})
}

// judgeAdvised runs a program's own check with a root's files mounted over this machine's, its logs
// and caches in memory.
func judgeAdvised(t *testing.T, root, program, command string) {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin")
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("FPMLINT_LIVE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	const mounts = `for f in nginx php passwd group; do mount --bind "$1/etc/$f" "/etc/$f" || exit 99; done
for d in /var/log /var/cache /run; do mount -t tmpfs tmpfs "$d" || exit 99; done
mkdir -p /var/log/nginx /run/php
`
	out, err := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", mounts+command, "sh", root).CombinedOutput()
	switch {
	case err != nil && strings.Contains(err.Error(), "exit status 99"), err != nil && strings.Contains(string(out), "unshare failed"):
		t.Skipf("no private mounts here: %s", out)
	case err != nil:
		t.Errorf("%s: %v\n%s", command, err, out)
	}
}
