package rules_test

import (
	"context"
	"fmt"
	"testing"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/testdata/live"
)

// TestUnaskedHandoffs has a real nginx tell which hand-offs to a socket that is gone get requests: those
// are errors, the others warnings. The pages asked for are those that would come there.
func TestUnaskedHandoffs(t *testing.T) {
	const pass = "fastcgi_param SCRIPT_FILENAME /x.php; fastcgi_pass unix:@DIR@/gone.sock;"
	for _, c := range []struct {
		name, body string
		path       string
		asked      bool
	}{
		{"a location", `location ~ \.php$ { ` + pass + ` }`, "/x.php", true},
		{"one expression twice", `location ~ \.php$ { return 204; } location ~ \.php$ { ` + pass + ` }`, "/x.php", false},
		{"one of both cases first", `location ~* \.php$ { return 204; } location ~ \.php$ { ` + pass + ` }`, "/x.php", false},
		{"one of both cases second", `location ~ \.php$ { return 204; } location ~* \.php$ { ` + pass + ` }`, "/x.PHP", true},
		{"another expression", `location ~ \.php5$ { return 204; } location ~ \.php$ { ` + pass + ` }`, "/x.php", true},
		{"twice, nested", `location / { location ~ \.php$ { return 204; } location ~ \.php$ { ` + pass + ` } }`, "/x.php", false},
		{"once on each level", `location ~ \.php$ { return 204; } location ^~ /a/ { location ~ \.php$ { ` + pass + ` } }`, "/a/x.php", true},
		{"below a second one", `location ~ \.php$ { return 204; } location ~ \.php$ { location ~ ^/a { ` + pass + ` } }`, "/a/x.php", false},
		{"a return beside it", `location ~ \.php$ { return 204; ` + pass + ` }`, "/x.php", false},
		{"a return after a break", `location ~ \.php$ { break; return 204; ` + pass + ` }`, "/x.php", true},
		{"a return in an if", `location ~ \.php$ { if ($arg_a) { return 204; } ` + pass + ` }`, "/x.php", true},
		{"a return around it", `location /a/ { return 204; location ~ \.php$ { ` + pass + ` } }`, "/a/x.php", true},
		{"a return of the server", `return 204; location ~ \.php$ { ` + pass + ` }`, "/x.php", false},
		{"a return of the server after another", `if ($arg_a) { return 404; } return 204; location ~ \.php$ { ` + pass + ` }`, "/x.php", false},
		{"a return of the server after a rewrite", `rewrite ^/y$ /x.php last; return 204; location ~ \.php$ { ` + pass + ` }`, "/y", true},
		{"a return of the server after a break", `if ($uri = /x.php) { break; } return 204; location ~ \.php$ { ` + pass + ` }`, "/x.php", true},
		{"a page for a return of the server", `error_page 503 /x.php; return 503; location ~ \.php$ { ` + pass + ` }`, "/", false},
		{"a named page for a return of the server", `error_page 503 = @php; return 503; location @php { ` + pass + ` }`, "/", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := live.Start(t, live.Site("    server {\n        listen unix:@DIR@/http.sock;\n        server_name a.test;\n        root @DIR@/www;\n        "+c.body+"\n    }\n")+
				live.Scripts+live.Master("8.2", "", live.Pool("www", "php.sock", "")))
			if status, _ := s.Get("a.test", c.path); (status == 502) != c.asked {
				t.Errorf("status %d", status)
			}
			stacks, err := stack.Load(context.Background(), stack.Options{NginxConf: []string{s.Path("nginx.conf")}, FPMConf: []string{s.Path("8.2/php-fpm.conf")}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := lint.Run(context.Background(), stacks, []lint.Rule{rule(t, "socket-mismatch")})
			if err != nil {
				t.Fatal(err)
			}
			want := lint.Warning
			if c.asked {
				want = lint.Error
			}
			if len(r.Findings) != 1 || r.Findings[0].Severity != want {
				t.Errorf("found %s, want one of severity %v", fmt.Sprint(r.Findings), want)
			}
		})
	}
}
