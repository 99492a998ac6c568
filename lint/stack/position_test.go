package stack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fpmlint/lint/stack"
)

// TestPositions holds each hand-off's address and each pool's listen to the bytes that they are
// written in, whatever the line ends and the quotes.
func TestPositions(t *testing.T) {
	dir := files{
		"etc/nginx/nginx.conf":         "events {}\r\nhttp {\r\n  include s/*;\r\n}",
		"etc/nginx/s/a":                "server {\r\n\tlocation ~ \\.php$ { fastcgi_pass\r\n\t\t'unix:/run/a.sock'; }\r\n}",
		"etc/nginx/s/b":                "# ä\nserver { set $u \"127.0.0.1:9000\"; location ~ \\.php$ { fastcgi_pass $u; } }\n",
		"etc/nginx/s/c":                "upstream c {\n  server\n    unix:/run/c.sock max_fails=0;\n}\nserver { location ~ \\.php$ { fastcgi_pass c; } }",
		"etc/php/8.2/fpm/php-fpm.conf": "[global]\r\ninclude=/etc/php/8.2/fpm/pool.d/*.conf",
		"etc/php/8.2/fpm/pool.d/a.conf": "\xef\xbb\xbf[a]\r\nlisten = \"/run/a.sock\" ; here\r\npm = static\r\npm.max_children = 1\r\n" +
			"[b]\r\n\tlisten=127.0.0.1:9000;there\r\npm = static\r\npm.max_children = 1\r\n[c]\r\npm = static\r\npm.max_children = 1\r\nlisten = /run/c.sock",
	}.write(t)
	s := loadOne(t, stack.Options{Root: dir})
	var got []string
	for _, h := range s.Handoffs {
		for _, b := range h.Backends {
			p := b.Span.Position()
			got = append(got, fmt.Sprintf("%s:%d:%d %s", b.Span.File.Path, p.Line, p.Column, b.Span.Text()))
		}
	}
	for _, p := range s.Pools() {
		_, set, _ := p.Listen()
		at := set.Span.Position()
		got = append(got, fmt.Sprintf("%s %d:%d %s", p.Name, at.Line, at.Column, set.Span.Text()))
	}
	compare(t, `
/etc/nginx/s/a:3:3 'unix:/run/a.sock'
/etc/nginx/s/b:2:17 "127.0.0.1:9000"
/etc/nginx/s/c:3:5 unix:/run/c.sock
a 2:10 "/run/a.sock"
b 6:9 127.0.0.1:9000
c 12:10 /run/c.sock
`, strings.Join(got, "\n")+"\n")
	for _, h := range s.Handoffs {
		if len(h.Backends) != 1 || len(h.Backends[0].Pools) != 1 {
			t.Errorf("%s leads to %d pools", h.Scope.Label(), len(h.Backends[0].Pools))
		}
	}
}

// TestLinkedSites: links of sites-enabled mean paths inside the root; a snippet that three sites
// include is one fault with three hand-offs.
func TestLinkedSites(t *testing.T) {
	f := files{
		"etc/nginx/nginx.conf":            "user www-data;\nevents {}\nhttp { include /etc/nginx/sites-enabled/*; }\n",
		"etc/nginx/snippets/php":          "location ~ \\.php$ { " + params + "fastcgi_pass unix:/run/php/php8.1-fpm.sock; }\n",
		"etc/php/8.2/fpm/php-fpm.conf":    "[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.2-fpm.sock", "listen.owner = www-data"),
		"etc/nginx/sites-available/off":   "server { location ~ \\.php$ { fastcgi_pass unix:/run/off.sock; } }\n",
		"etc/nginx/sites-enabled/gone":    "-> /etc/nginx/sites-available/a",
		"etc/nginx/sites-enabled/up":      "-> ../../../../../../../../../../etc/nginx/sites-available/b",
		"etc/nginx/sites-enabled/to":      "-> ../sites-available/c",
	}
	for _, name := range []string{"a", "b", "c"} {
		f["etc/nginx/sites-available/"+name] = "server { server_name " + name + "; root /srv; include snippets/php; }\n"
	}
	s := loadOne(t, stack.Options{Root: f.write(t)})
	var names []string
	for _, h := range s.Handoffs {
		names = append(names, strings.TrimPrefix(strings.Split(h.Scope.Label(), ",")[0], "server "))
	}
	slices.Sort(names)
	if strings.Join(names, " ") != "a b c" {
		t.Errorf("hand-offs of %q", names)
	}
	faults, _ := run(t, s)
	if len(faults) != 1 || !strings.HasPrefix(faults[0], "socket-mismatch: ") {
		t.Errorf("%q", faults)
	}
}
