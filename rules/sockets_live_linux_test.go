package rules_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// TestSocketsLive connects to sockets of all owners and modes: listen-permissions speaks of exactly
// those that nginx may not connect to.
func TestSocketsLive(t *testing.T) {
	t.Parallel()
	sockets := []struct {
		set   string // the pool's settings, separated by semicolons
		dir   string // the socket's directory
		works bool
	}{
		{set: ""},
		{set: "listen.owner = www-data", works: true},
		{set: "listen.owner = 33", works: true},
		{set: "listen.group = www-data", works: true},
		{set: "listen.group = 33", works: true},
		{set: "listen.owner = root; listen.group = adm"},
		{set: "listen.owner = www-data; listen.mode = 0600", works: true},
		{set: "listen.owner = www-data; listen.mode = 0200", works: true},
		{set: "listen.owner = www-data; listen.mode = 0400"},
		{set: "listen.owner = www-data; listen.group = www-data; listen.mode = 0060"},
		{set: "listen.owner = www-data; listen.group = root; listen.mode = 0066"},
		{set: "listen.group = www-data; listen.mode = 0020", works: true},
		{set: "listen.group = www-data; listen.mode = 0606"},
		{set: "listen.group = www-data; listen.mode = 0640"},
		{set: "listen.mode = 0666", works: true},
		{set: "listen.mode = 0662", works: true},
		{set: "listen.mode = 666", works: true},
		{set: "listen.mode = 0664"},
		{set: "listen.mode = 0777", works: true},
		{set: "listen.mode = 0755"},
		{set: "listen.acl_users = www-data", works: true},
		{set: "listen.acl_groups = www-data", works: true},
		{set: "listen.acl_users = nobody,www-data", works: true},
		{set: "listen.acl_users = nobody; listen.owner = www-data; listen.group = www-data"},
		{set: "listen.acl_users = nobody; listen.mode = 0666", works: true},
		{set: "listen.acl_users = www-data; listen.mode = 0600", works: true},
		{set: "listen.acl_users = www-data; listen.mode = 0606", works: true},
		{set: "listen.owner = www-data", dir: "shut"},
		{set: "listen.owner = www-data", dir: "passage", works: true},
		{set: "listen.mode = 0666", dir: "shut/in"},
	}
	var locations, pools strings.Builder
	for i, c := range sockets {
		fmt.Fprintf(&locations, "        location /%d/ {\n            fastcgi_pass unix:@DIR@/%s/%d.sock;\n        }\n", i, c.dir, i)
		fmt.Fprintf(&pools, "[p%d]\nuser = www-data\nlisten = @DIR@/%s/%d.sock\npm = ondemand\npm.max_children = 1\n%s\n", i, c.dir, i, strings.ReplaceAll(c.set, "; ", "\n"))
	}
	s := live.Prepare(t, live.Site(`    server {
        listen unix:@DIR@/http.sock;
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param SCRIPT_FILENAME @DIR@/www/index.php;
`+locations.String()+"    }\n")+live.Master("php", "", pools.String())+live.Scripts)
	for dir, mode := range map[string]os.FileMode{"passage": 0o711, "shut/in": 0o755, "shut": 0o700} {
		if err := os.MkdirAll(s.Path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(s.Path(dir), mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.TryAll(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := map[string]lint.Severity{}
	for _, f := range lintLive(t, s, rule(t, "listen-permissions")).Findings {
		for _, h := range f.Handoffs {
			found[h.Scope.Statement.Arg(0)] = f.Severity
		}
	}
	for i, c := range sockets {
		at := fmt.Sprintf("/%d/", i)
		if status, body := s.Get("any.test", at); (status == 200) != c.works {
			t.Errorf("%q in %q: status %d %q", c.set, c.dir, status, body)
		}
		if got := found[at] == lint.Error; got == c.works {
			t.Errorf("%q in %q: an error is found: %v, nginx may connect: %v", c.set, c.dir, got, c.works)
		}
	}
}
