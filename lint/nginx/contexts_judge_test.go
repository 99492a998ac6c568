package nginx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fpmlint/lint/source"
	"fpmlint/testdata/live"
)

// samples are arguments with which nginx takes a directive somewhere; one of no argument is a block.
var samples = map[string]string{
	"server": "{ }", "upstream": "x { server 127.0.0.1:1; }", "map": "$host $x { default 1; }", "geo": "$x { default 1; }",
	"split_clients": "$host $x { * a; }", "log_format": "x a", "limit_req_zone": "$host zone=x:1m rate=1r/s", "limit_conn_zone": "$host zone=x:1m",
	"fastcgi_cache_path": "@DIR@/cache keys_zone=x:1m", "proxy_cache_path": "@DIR@/cache keys_zone=x:1m", "server_name": "a", "listen": "127.0.0.1:2",
	"location": "/x { }", "try_files": "/a =404", "alias": "/x", "internal": "", "limit_except": "GET { deny all; }",
	"fastcgi_split_path_info": "^(.+)(/.*)$", "fastcgi_pass": "unix:/a", "proxy_pass": "http://127.0.0.1:2", "if": "($host) { set $x 1; }", "return": "404", "rewrite": "^ /",
	"set": "$x 1", "break": "", "root": "/x", "error_page": "404 /x", "add_header": "A b", "expires": "1d", "access_log": "off", "allow": "all", "deny": "all", "auth_basic": "x",
	"index": "x", "error_log": "/dev/null", "client_max_body_size": "1m", "keepalive_timeout": "5", "limit_req": "zone=none", "send_timeout": "5", "client_body_timeout": "5",
	"proxy_set_header": "A b", "proxy_read_timeout": "5", "proxy_send_timeout": "5", "proxy_connect_timeout": "5", "proxy_buffering": "on", "proxy_buffers": "8 4k",
	"proxy_buffer_size": "4k", "proxy_request_buffering": "on", "proxy_next_upstream": "error", "keepalive": "1", "fastcgi_param": "A b", "fastcgi_bind": "off", "fastcgi_buffers": "8 4k",
	"fastcgi_cache": "off", "fastcgi_cache_bypass": "$host", "fastcgi_cache_key": "x", "fastcgi_cache_use_stale": "error", "fastcgi_cache_valid": "1m",
	"fastcgi_cache_methods": "GET", "fastcgi_hide_header": "A", "fastcgi_ignore_headers": "Expires", "fastcgi_index": "x", "fastcgi_next_upstream": "error", "fastcgi_no_cache": "$host",
	"fastcgi_pass_header": "A", "fastcgi_store": "off", "fastcgi_store_access": "user:rw", "fastcgi_catch_stderr": "x", "fastcgi_temp_path": "@DIR@/temp",
	"fastcgi_buffering": "on", "fastcgi_cache_background_update": "on", "fastcgi_cache_lock": "on", "fastcgi_cache_revalidate": "on", "fastcgi_force_ranges": "on",
	"fastcgi_ignore_client_abort": "on", "fastcgi_intercept_errors": "on", "fastcgi_keep_conn": "on", "fastcgi_pass_request_body": "on", "fastcgi_pass_request_headers": "on",
	"fastcgi_request_buffering": "on", "fastcgi_socket_keepalive": "on", "fastcgi_busy_buffers_size": "8k", "fastcgi_temp_file_write_size": "8k", "fastcgi_max_temp_file_size": "0",
}

// TestMisplaced puts each directive into each block: nginx and Misplaced refuse the same.
func TestMisplaced(t *testing.T) {
	live.Nginx(t)
	blocks := map[string]string{
		"http": "@", "server": "server { @ }", "location": "server { location / { @ } }", "upstream": "upstream u { server 127.0.0.1:1; @ }",
		"if of a server": "server { if ($host) { @ } }", "if of a location": "server { location / { if ($host) { @ } } }", "limit_except": "server { location / { limit_except GET { @ } } }",
	}
	for in, text := range blocks {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			for _, d := range table {
				name := d.name
				if d.in == 0 {
					continue
				}
				if name == "server" && in == "upstream" {
					continue // there it is another directive
				}
				args, known := samples[name]
				if !known {
					args = "5" // a time, a size or a number
				}
				end := ";"
				if strings.HasSuffix(args, "}") {
					end = ""
				}
				dir := t.TempDir()
				text := "events {}\nhttp {\n" + strings.Replace(text, "@", strings.ReplaceAll(name+" "+args+end, "@DIR@", dir), 1) + "\n}\n"
				conf := filepath.Join(dir, "nginx.conf")
				if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				out, failed := live.NginxTest(t, dir, conf)
				refused := strings.Contains(out, `"`+name+`" directive is not allowed here`)
				if failed && !refused && strings.Contains(out, "unknown directive") {
					continue // newer than this nginx
				}
				c := LoadFile(source.Memory("-", nil), source.NewFile("/nginx.conf", []byte(text)), Options{})
				if misplaced := len(c.Misplaced())+len(c.Problems) > 0; misplaced != refused {
					t.Errorf("%s\nnginx: %s\nhere misplaced: %v", text, out, misplaced)
				}
			}
		})
	}
}
