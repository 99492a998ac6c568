package nginx

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fpmlint/testdata/live"
)

// TestAgainstNginx gives small inputs to nginx -t and to Parse: both accept them or both refuse
// them, with the same words at the same line.
func TestAgainstNginx(t *testing.T) {
	live.Nginx(t)
	cases := judged()
	if len(cases) < 80 {
		t.Fatalf("only %d cases", len(cases))
	}
	for i, text := range cases {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			name := filepath.Join(dir, "nginx.conf")
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, refused := live.NginxTest(t, dir, name)
			f := parse(text)
			if !refused {
				if len(f.Problems) > 0 {
					t.Errorf("nginx accepts\n%q\nhere: %s", text, f.Problems[0].Message)
				}
				return
			}
			m := regexp.MustCompile(`\[emerg\] (.*?)(?: in (\S+):(\d+))?\n`).FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("no message in %q", out)
			}
			if len(f.Problems) == 0 {
				t.Fatalf("nginx refuses\n%q\nwith %s", text, m[1])
			}
			p := f.Problems[0]
			if !strings.HasPrefix(p.Message, m[1]) && !strings.HasPrefix(m[1], p.Message) {
				t.Errorf("%q\nnginx: %s\nhere:  %s", text, m[1], p.Message)
			}
			// nginx names the line that it has come to, fpmlint where the directive begins.
			if first, last := fmt.Sprint(p.Span.Position().Line), fmt.Sprint(p.Span.EndPosition().Line); first != m[3] && last != m[3] {
				t.Errorf("%q\nnginx: %s in line %s\nhere: lines %s to %s", text, m[1], m[3], first, last)
			}
		})
	}
}

// judged are inputs for nginx -t. Those in the first list stand in an http block, those in the
// second in a location, the others are whole files.
func judged() []string {
	var out []string
	for _, s := range []string{
		"", "sendfile on;", "sendfile\n  on\n  ;", "sendfile on", "sendfile on }", "sendfile on;;", "; sendfile on;", "{ sendfile on; }",
		"sendfile 'on';", `sendfile "on";`, `sendfile "on" ;`, `sendfile "on"x;`, `sendfile 'on"x;`, `sendfile "on`, "sendfile on; # c", "# c\nsendfile on;",
		"sendfile on; #", "log_format x 'a' \"b\" c;", "log_format x a\\;b;", "log_format x \\{;", "log_format x a}b;", "log_format x {;",
		"log_format x 'a\nb';", "log_format x ${host}y;", "log_format x \"\\\"\";", `log_format x "a\\";`, `log_format x 'a\'b';`, "log_format x a\"b;",
		"log_format x \"" + strings.Repeat("a", 4094) + "\";", "log_format x \"" + strings.Repeat("a", 4095) + "\";", "log_format x " + strings.Repeat("a", 4095) + ";", "log_format x " + strings.Repeat("a", 4097) + ";",
		"server { }", "server {", "server { } }", "server ;", "server { listen 127.0.0.1:1; location / { return 200; } }", "server { location / { return 200; }",
		"server { location = /a{ return 200; } }", "server{listen 127.0.0.1:1;}", "map $host $a { default 1; }", "map $host $a { default 1 }", "map $host $a { ~x{2} 1; }", `map $host $a { "~x{2}" 1; }`,
		"map $host $a { root 1; }", "map $host $a { set 1; internal 1; }", "types { set a; }", "log_format x;", "server { server_name; }", "server { listen; }", "map $host $a { fastcgi_pas 1; }", "fastcgi_pass unix:/a;", "server { fastcgi_pass unix:/a; }", "geo $a { default 0; 127.0.0.0/8 1; }", "upstream u { server 127.0.0.1:1; keepalive 2; }",
		"server { if ($host = \"a\") { return 200; } }", "server { if ($host ~* \"a{2}\") { return 200; } }", "server { root /a; root /b; }",
		"types { text/html html; }", "server_tokens {", "root \"/srv;\n", "keepalive_timeout 1m30s;", "keepalive_timeout 75s 60s;",
		"client_max_body_size 1g;", "client_max_body_size 1k;", "client_max_body_size 1kb;", "client_max_body_size -1;", "client_max_body_size 1.5m;", "client_max_body_size 0;",
		"gzip on; gzip_types text/css\n  text/plain;", "\tsendfile\ton\t;\r\n", "sendfile on;\r\ntcp_nopush on;\r\n", "sendfile on;tcp_nopush on;",
		"server { listen 127.0.0.1:1 }", "server { server_name a\n location / { } }", "root /a\\ b;", "send_timeout 10;", "send_timeout 10x;", "send_timeout ms;", "client_body_timeout 1d;",
		"\u00a0root /a;", "\u200bfastcgi_index a;", "map $host $a { \u00a0root 1; }", "server { location ~ ^/[0-9]{4}/ { return 204; } }", "server { location ~ ^/a{2,}$ { return 204; } }", `server { location ~ "^/[0-9]{4}/" { return 204; } }`,
	} {
		out = append(out, "events {}\nhttp {\n"+s+"\n}\n")
	}
	for _, s := range []string{
		"fastcgi_read_timeout 60;", "fastcgi_read_timeout 60s;", "fastcgi_read_timeout 1m 30s;", "fastcgi_read_timeout '1m 30s';", "fastcgi_read_timeout 1m30s;", "fastcgi_read_timeout 30s1m;",
		"fastcgi_read_timeout 1.5m;", "fastcgi_read_timeout -1;", "fastcgi_read_timeout 0;", "fastcgi_read_timeout 500ms;", "fastcgi_read_timeout 60S;", "fastcgi_read_timeout 1h1h;", "fastcgi_read_timeout s;", "fastcgi_read_timeout '';",
		"fastcgi_read_timeout 99999999999999999999;", "fastcgi_read_timeout 1M;", "fastcgi_read_timeout 1y 1M;", "fastcgi_read_timeout '1M 1w 1d 1h 1m 1s';",
		"fastcgi_buffer_size 4k;", "fastcgi_buffer_size 4K;", "fastcgi_buffer_size 4m; fastcgi_buffers 4 4m;", "fastcgi_buffer_size 1g;", "fastcgi_buffer_size 4kb;", "fastcgi_buffer_size k;", "fastcgi_buffer_size 4 k;",
		"fastcgi_keep_conn on;", "fastcgi_keep_conn ON;", "fastcgi_keep_conn yes;", "fastcgi_keep_conn 1;", "fastcgi_buffering off;", "fastcgi_param A b};", "fastcgi_param A b#c;", "fastcgi_param A 'b;c';",
		"fastcgi_pass unix:/a; fastcgi_pass unix:/b;", "fastcgi_read_timeout 1; fastcgi_read_timeout 2;", "fastcgi_param A 1; fastcgi_param A 2;", "fastcgi_max_temp_file_size 1g;", "fastcgi_max_temp_file_size 0;", "fastcgi_pass unix:/a }",
		"fastcgi_pas unix:/a;", "fastcgi_params SCRIPT_FILENAME /a;", "fastcgi_buffer 8 4k;", "fastcgi-pass unix:/a;", "fastcgipass unix:/a;", "fastcgi_pass_header A;", "fastcgi_hide_header A;",
		"fastcgi_buffers 0 4k;", "fastcgi_buffers 8 0;", "fastcgi_buffers 8 16kb;", "fastcgi_buffers 8x 4k;", "fastcgi_buffers 16 16k;", "fastcgi_param A b c;", "fastcgi_param A b if_not_empty;",
		"fastcgi_next_upstream error timeout http_502;", "fastcgi_next_upstream http_503 http_429 non_idempotent;", "fastcgi_next_upstream off;", "fastcgi_next_upstream;", "fastcgi_cache_use_stale error foo;", "fastcgi_cache_use_stale updating http_500;",
		"fastcgi_cache_lock yes;", "fastcgi_cache_lock on;", "fastcgi_force_ranges x;", "fastcgi_cache_key;", "fastcgi_cache_key a b;", "fastcgi_hide_header;", "fastcgi_hide_header A B;", "fastcgi_split_path_info;", "fastcgi_split_path_info ^(.+)(/.*)$ x;", "fastcgi_cache_valid 1m;", "fastcgi_no_cache;",
		"try_files $uri;", "try_files $uri =404;", "try_files $uri /a; try_files $uri /b;", "error_page 502;", "error_page 502 503 /x;", "index;", "index a b;", "return;", "return 404;", "return 200 a b;", "rewrite ^;", "rewrite ^ /x last;", "rewrite ^ /x last x;",
		"set $x;", "set $x 1;", "set $x 1 2;", "internal;", "internal x;", "allow;", "allow all;", "deny all x;", "add_header A;", "add_header A b;", "add_header A b always;", "error_log;", "access_log;", "access_log off;", "resolver;",
	} {
		out = append(out, "events {}\nhttp { server { listen 127.0.0.1:1; location / {\n"+s+"\n} } }\n")
	}
	return append(out, "events {}", "events {} http {} }", "events { worker_connections 10; }\n# end", "\xef\xbb\xbfevents {}")
}
