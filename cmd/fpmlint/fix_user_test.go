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

// TestFixWithoutPermission runs fix as a user who may read the configuration and not write it: nothing is
// changed, and the message says who may.
func TestFixWithoutPermission(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to have files of another user")
	}
	dir := t.TempDir()
	site := filepath.Join(dir, "web1/etc/nginx/nginx.conf")
	const text = "user www-data;\nevents {}\nhttp {\n    server {\n        listen 80;\n        location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.1-fpm.sock; }\n    }\n}\n"
	for name, text := range map[string]string{
		site: text,
		filepath.Join(dir, "web1/etc/php/8.2/fpm/php-fpm.conf"): "[global]\n[www]\nuser = www-data\nlisten = /run/php/php8.2-fpm.sock\npm = static\npm.max_children = 4\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	program, state := filepath.Join(dir, "fpmlint"), filepath.Join(dir, "state")
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(program, self, 0o755), os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), //nolint:gosec // another user is to run it
		os.Mkdir(state, 0o700), os.Chown(state, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		state string
		code  int
	}{"the state directory": {filepath.Join(dir, "none"), exitUsage}, "the files": {state, exitRolledBack}} {
		c := exec.Command(program, "fix", "--write", "--select", "socket-mismatch", "--state-dir", test.state, "web1")
		c.Dir, c.SysProcAttr = dir, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, _ := c.CombinedOutput() // the exit code tells
		if code := c.ProcessState.ExitCode(); code != test.code || !strings.Contains(string(out), "permission denied; run fpmlint as root or as the owner") {
			t.Errorf("%s: exit code %d, want %d\n%s", name, code, test.code, out)
		}
		if data, err := os.ReadFile(site); err != nil || string(data) != text {
			t.Errorf("%s: %v, the file is\n%s", name, err, data)
		}
	}
}
