package rules_test

import (
	"os"
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// edge is an nginx that stands before the other as Cloudflare does: it waits two seconds for an
// answer, and gives up with 524.
const edge = `-- edge/nginx.conf --
user www-data;
worker_processes 1;
pid @DIR@/edge/nginx.pid;
error_log @DIR@/edge/error.log;
events {}
http {
    access_log off;
    client_body_temp_path @DIR@/edge/tmp-body;
    fastcgi_temp_path @DIR@/edge/tmp-fastcgi;
    proxy_temp_path @DIR@/edge/tmp-proxy;
    uwsgi_temp_path @DIR@/edge/tmp-uwsgi;
    scgi_temp_path @DIR@/edge/tmp-scgi;
    server {
        listen unix:@DIR@/http.sock;
        error_page 504 =524 /524;
        location = /524 { internal; return 524 "the edge's words"; }
        location / {
            proxy_set_header Host $host;
            proxy_read_timeout 2s;
            proxy_pass http://unix:@DIR@/origin.sock;
        }
    }
}
`

// work is a script that says when it begins and when it has ended, which "released" allows.
const work = `-- www/work.php --
<?php
tempnam('@DIR@/begun', '');
while (!file_exists('@DIR@/released')) usleep(20000);
tempnam('@DIR@/begun', '');
`

// throughEdge asks the edge for a page that takes longer than it waits, and again, as visitors do.
// The workers do both to the end.
func throughEdge(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	s.StartEdge("edge/nginx.conf")
	if err := os.RemoveAll(s.Path("released")); err != nil {
		t.Fatal(err)
	}
	begun := s.Begun()
	for range 2 {
		status, body = s.Get("bad.test", "/work.php")
	}
	s.AwaitBegun(begun + 2)
	s.Write("released", "")
	s.AwaitBegun(begun + 4)
	return status, body
}

func TestProofEdge(t *testing.T) {
	t.Parallel()
	prove(t, map[string]proof{
		"edge-timeout": {
			rule: "edge-timeout", severity: lint.Info, option: [2]string{"max", "2s"},
			archive: strings.NewReplacer(
				"unix:@DIR@/http.sock", "unix:@DIR@/origin.sock",
				"        location", "        real_ip_header CF-Connecting-IP;\n        error_page 504 /504;\n        location = /504 { internal; return 504 \"the site's words\"; }\n        location",
			).Replace(site("            fastcgi_read_timeout 60s; # want \"edge-timeout: \"\n", "")) + edge + work,
			ask: throughEdge, broken: answer{524, "the edge's words"}, cured: answer{504, "the site's words"}, hand: [3]string{"nginx.conf", "60s", "500ms"},
		},
	})
}
