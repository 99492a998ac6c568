package stack

import "testing"

// TestRootOf holds to their root the files that are given by name: what they include by absolute paths
// is looked up below it.
func TestRootOf(t *testing.T) {
	for _, c := range []struct{ file, checkout, want string }{
		{"/etc/nginx/sites-enabled/shop", "", "/"},
		{"/etc/nginx/sites-enabled/shop", "/etc", "/"}, // etckeeper
		{"/opt/bitnami/nginx/conf/nginx.conf", "", "/"},
		{"/opt/ci/build/nginx.conf", "/opt/ci/build", "/opt/ci/build"},
		{"/home/ci/build/deploy/nginx.conf", "/home/ci/build", "/home/ci/build"},
		{"/home/me/nginx.conf", "", "/home/me"},
	} {
		if got := rootOf(c.file, c.checkout); got != c.want {
			t.Errorf("%s in %q: root %s, want %s", c.file, c.checkout, got, c.want)
		}
	}
}

// TestAbove: files of several directories are read with what holds them all as their root, but never the
// machine for that.
func TestAbove(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"/srv/web/nginx", "/srv/web/php", "/srv/web"},
		{"/srv/web", "/srv/web/php/pool.d", "/srv/web"},
		{"/srv/web/php/pool.d", "/srv/web", "/srv/web"},
		{"/srv/web", "/srv/web", "/srv/web"},
		{"/srv/web", "/srv/website", "/srv"},
		{"/srv/web", "/home/me", ""},
	} {
		if got := above(c.a, c.b); got != c.want {
			t.Errorf("above %s and %s: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}
