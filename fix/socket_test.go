//go:build unix

package fix

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/source"
)

// TestAlign says what becomes of a live socket, as PHP-FPM would make it when it starts.
func TestAlign(t *testing.T) {
	dir, err := os.MkdirTemp("", "align") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the test ends
	path := filepath.Join(dir, "a.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test ends
	if err := errors.Join(os.Chmod(path, 0o660), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	own, group := os.Getuid(), os.Getgid()
	facts := &host.Facts{
		Users:  map[string]host.User{"web": {Name: "web", UID: 4001, GID: 4002}},
		Groups: map[string]host.Group{"web": {Name: "web", GID: 4002}, "php": {Name: "php", GID: 4003}},
	}
	for _, c := range []struct {
		settings string
		ok       bool
		uid, gid int
		mode     uint32
	}{
		{"listen.owner = web", true, 4001, 4002, 0o660},
		{"listen.owner = web\nlisten.group = php", true, 4001, 4003, 0o660},
		{"listen.owner = 4005", true, 4005, group, 0o660},
		{"listen.group = 4006\nlisten.mode = 0666", true, own, 4006, 0o666},
		{"listen.mode = 0600", true, own, group, 0o600},
		{"listen.mode = 0660", false, 0, 0, 0}, // it is that already
		{"listen.owner = nobody-here", false, 0, 0, 0},
		{"listen.group = nobody-here", false, 0, 0, 0},
		{"listen.owner = web\nlisten.acl_users = web", false, 0, 0, 0},
		{"listen.owner = web\nlisten.acl_groups = web", false, 0, 0, 0},
		{"listen.owner = web\nlisten = " + dir + "/file", false, 0, 0, 0},
		{"listen.owner = web\nlisten = " + dir + "/none.sock", false, 0, 0, 0},
		{"listen.owner = web\nlisten = 127.0.0.1:9000", false, 0, 0, 0},
	} {
		root := source.Memory("m", map[string]string{"php-fpm.conf": "[www]\nuser = web\nlisten = " + path + "\npm = static\npm.max_children = 1\n" + c.settings + "\n"})
		m, err := fpm.Load(root, "/php-fpm.conf", fpm.Options{Version: "8.2"})
		if err != nil || len(m.Pools) != 1 {
			t.Fatal(m, err)
		}
		s, ok := align(m.Pools[0], facts)
		if ok != c.ok || ok && (s.NewUID != c.uid || s.NewGID != c.gid || s.NewMode != c.mode) {
			t.Errorf("%q: %v %+v", c.settings, ok, s)
		}
	}
}
