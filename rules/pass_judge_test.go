package rules_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// TestPassesAgainstNginx holds pass-form and upstream-unresolvable to nginx -t: they speak where
// it refuses an address, and only there.
func TestPassesAgainstNginx(t *testing.T) {
	live.Nginx(t)
	for _, pass := range []string{
		"fastcgi_pass 127.0.0.1:9000", "fastcgi_pass [::1]:9000", "fastcgi_pass unix:/run/a.sock", "fastcgi_pass unix:/run/a.sock:/x",
		"fastcgi_pass group", "fastcgi_pass GROUP", "fastcgi_pass group:9000", "fastcgi_pass nobody", "fastcgi_pass 9000",
		"fastcgi_pass [::1]", "fastcgi_pass /run/a.sock", "fastcgi_pass fastcgi://127.0.0.1:9000", "fastcgi_pass unix://run/a.sock",
		"fastcgi_pass 127.0.0.1:", "fastcgi_pass 127.0.0.1:0", "fastcgi_pass 127.0.0.1:9000/a", `fastcgi_pass ""`, "fastcgi_pass :9000",
		"proxy_pass http://127.0.0.1", "proxy_pass HTTP://127.0.0.1/a", "proxy_pass https://[::1]:1?a", "proxy_pass http://group",
		"proxy_pass http://group:80", "proxy_pass http://unix:/run/a.sock:/a", "proxy_pass http://unix:", "proxy_pass 127.0.0.1:80",
		"proxy_pass http:/127.0.0.1", "proxy_pass http://", "proxy_pass http://127.0.0.1:99999/",
	} {
		conf := fmt.Sprintf("error_log /dev/null;\nevents {}\nhttp { access_log off; upstream group { server 127.0.0.1:9000; } server { location / { %s; } } }\n", pass)
		dir := t.TempDir()
		name := filepath.Join(dir, "etc/nginx/nginx.conf")
		write(t, name, []byte(conf))
		out, refused := live.NginxTest(t, dir, name)
		a := &txtar.Archive{}
		found := check(t, a, dir, []lint.Rule{rule(t, "pass-form"), rule(t, "upstream-unresolvable")}).Findings
		if refused != (len(found) == 1) {
			t.Errorf("%s: nginx refuses it: %v, findings: %v\n%s", pass, refused, found, out)
		}
	}
}
