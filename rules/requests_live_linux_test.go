package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// TestRequestsLive asks for scripts behind locations of all kinds: exactly those that do not run are
// errors of exactly one rule of this list.
func TestRequestsLive(t *testing.T) {
	t.Parallel()
	list := []lint.Rule{rule(t, "script-filename"), rule(t, "fastcgi-params"), rule(t, "nested-location")}
	const method, script, pass = "fastcgi_param REQUEST_METHOD $request_method; ", "fastcgi_param SCRIPT_FILENAME @DIR@/www/index.php; ", "fastcgi_pass unix:@DIR@/a.sock; "
	pages := []struct {
		server, location string
		rule             string // "" where the script runs
		path             string
	}{
		{location: `location ~ \.php$ { ` + method + script + pass + `}`},
		{location: `location ~ \.php$ { ` + script + method + pass + `}`},
		{location: `location ~ \.php$ { include fastcgi.conf; ` + pass + `}`},
		{location: `location ~ \.php$ { include fastcgi_params; ` + pass + `}`, rule: "script-filename"},
		{location: `location ~ \.php$ { include fastcgi_params; ` + script + pass + `}`},
		{location: `location ~ \.php$ { ` + script + pass + `}`, rule: "fastcgi-params"},
		{location: `location ~ \.php$ { ` + method + pass + `}`, rule: "script-filename"},
		{location: `location ~ \.php$ { ` + pass + `}`, rule: "script-filename"},
		{location: `location ~ \.php$ { fastcgi_param REQUEST_METHOD $request_method; fastcgi_param PATH_TRANSLATED @DIR@/www/index.php; ` + pass + `}`},
		{location: `location ~ \.php$ { fastcgi_param HTTPS on; ` + pass + `}`, server: method + script, rule: "script-filename"},
		{location: `location ~ \.php$ { ` + pass + `}`, server: method + script},
		{location: `location ~ \.php$ { ` + script + pass + `}`, server: method, rule: "fastcgi-params"},
		{location: `location ~ \.php$ { if ($request_method = GET) { ` + pass + `} }`, server: method + script},
		{location: `location ~ \.php$ { ` + method + script + pass + `location ~ index { } }`, rule: "nested-location"},
		{location: `location ~ \.php$ { ` + method + script + pass + `location ~ index { expires 1d; } }`, rule: "nested-location"},
		{location: `location ~ \.php$ { ` + method + script + pass + `location ~ index { ` + pass + `} }`},
		{location: `location ~ \.php$ { ` + method + script + pass + `location ~ admin { } }`, path: "/admin/index.php", rule: "nested-location"},
		{location: `location ~ \.php$ { ` + method + script + pass + `location ~ ^/admin/ { } }`, path: "/admin/index.php", rule: "nested-location"},
		{location: `location / { ` + method + script + pass + `location ~ \.php$ { } }`, rule: "nested-location"},
		{location: `location / { ` + method + script + pass + `location ~ \.(jpg|png)$ { } }`},
		{location: `location / { location ~ \.php$ { ` + method + script + pass + `} }`},
		{location: `location ~ \.php$ { ` + method + script + pass + `if ($arg_x) { return 403; } }`},
		{location: `location ~ \.php$ { ` + method + script + pass + `limit_except GET { deny all; } }`},
		{location: `location ~ \.php$ { ` + method + script + pass + `location ~ ^/index { try_files $uri =404; } }`, rule: "nested-location"},
		{location: `location ~ \.php$ { try_files $uri =404; ` + method + script + pass + `}`},
	}
	var servers strings.Builder
	for i, page := range pages {
		fmt.Fprintf(&servers, "    server {\n        listen unix:@DIR@/http.sock;\n        server_name %d.test;\n        root @DIR@/www;\n        %s\n        %s\n    }\n", i, page.server, page.location)
	}
	s := live.Start(t, live.Site(servers.String())+live.Master("php", "", live.Pool("www", "a.sock", ""))+live.Scripts+
		"-- www/admin/index.php --\n<?php echo 'ok';\n-- fastcgi_params --\n"+method+"\nfastcgi_param SCRIPT_NAME $fastcgi_script_name;\n"+
		"-- fastcgi.conf --\n"+method+"\nfastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n")
	found := map[string][]string{}
	for _, r := range list {
		for _, f := range lintLive(t, s, r).Findings {
			for _, h := range f.Handoffs {
				host := h.Scope.Server().Find("server_name").Arg(0)
				found[host] = append(found[host], f.Rule)
			}
		}
	}
	for i, page := range pages {
		host, path := fmt.Sprintf("%d.test", i), "/index.php"
		if page.path != "" {
			path = page.path
		}
		status, body := s.Get(host, path)
		if works := status == 200 && body == "ok"; works != (page.rule == "") {
			t.Errorf("%s %s: status %d %q", page.server, page.location, status, body)
		}
		if got := strings.Join(found[host], " "); got != page.rule {
			t.Errorf("%s %s: found %q, want %q", page.server, page.location, got, page.rule)
		}
	}
}
