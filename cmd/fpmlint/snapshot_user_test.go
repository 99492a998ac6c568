//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSnapshotOfUnreadable takes a snapshot as a user who may not read all of the configuration: the
// audit judges no more than linting on the server does, and both the snapshot and the audit say so.
func TestSnapshotOfUnreadable(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"web1/etc/nginx/nginx.conf":            "user www-data;\nevents {}\nhttp {\n    include conf.d/*.conf;\n    server {\n        listen 80;\n        location ~ \\.php$ { fastcgi_pass unix:/run/php/b.sock; }\n    }\n}\n",
		"web1/etc/nginx/conf.d/a.conf":         "server { listen 81; }\n",
		"web1/etc/php/8.2/fpm/php-fpm.conf":    "[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"web1/etc/php/8.2/fpm/pool.d/www.conf": "[www]\nuser = www-data\nlisten = /run/php/b.sock\npm = static\npm.max_children = 4\n",
	} {
		p := filepath.Join(dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "fpmlint")
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(program, self, 0o755), os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777), //nolint:gosec // another user is to run it
		os.Chmod(filepath.Join(dir, "web1/etc/nginx/conf.d/a.conf"), 0), os.Chmod(filepath.Join(dir, "web1/etc/php/8.2/fpm/pool.d"), 0)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "web1/etc/php/8.2/fpm/pool.d"), 0o755) })
	asUser := func(args ...string) (string, string) {
		t.Helper()
		var out, errs strings.Builder
		c := exec.Command(program, args...)
		c.Dir, c.Stdout, c.Stderr = dir, &out, &errs
		if os.Geteuid() == 0 {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		if err := c.Run(); c.ProcessState == nil || c.ProcessState.ExitCode() == exitUsage {
			t.Fatal(err, errs.String())
		}
		return out.String(), errs.String()
	}
	live, _ := asUser("lint", "--select", "socket-mismatch", "web1")
	if strings.Contains(live, "error[") {
		t.Errorf("lint judges what it could not read:\n%s", live)
	}
	_, errs := asUser("snapshot", "--root", "web1", "-o", "web1.tar.zst")
	for _, want := range []string{"/etc/nginx/conf.d/a.conf", "/etc/php/8.2/fpm/pool.d", "may not read"} {
		if !strings.Contains(errs, want) {
			t.Errorf("the snapshot does not say %q: %s", want, errs)
		}
	}
	for _, host := range []string{"web1.tar.zst", "web1"} {
		out, _ := asUser("audit", "--select", "socket-mismatch", host)
		if strings.Contains(out, "error[") || !strings.Contains(out, "not all of it was read: /etc/nginx/nginx.conf:4: ") {
			t.Errorf("the audit of %s:\n%s", host, out)
		}
	}
}
