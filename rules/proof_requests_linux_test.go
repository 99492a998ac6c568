package rules_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// upload is a picture with code in it.
const upload = "-- www/uploads/photo.jpg --\n<?php echo 'uploaded';\n"

// params are the lines that live.PHPServer's location begins with.
const params = `            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
`

// dead leaves of a pool a socket that refuses, as a kill does, and asks for a page.
func dead(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	if err := os.Remove(s.Path("a.sock")); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", s.Path("a.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Chmod(s.Path("a.sock"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Get("bad.test", "/index.php")
}

func TestProofRequests(t *testing.T) {
	prove(t, map[string]proof{
		"fastcgi-params": {
			rule: "fastcgi-params", silent: true,
			archive: strings.Replace(passTo("", `unix:@DIR@/a.sock; # want "fastcgi-params: "`), params, params[strings.LastIndex(params, "            "):], 1) +
				"-- fastcgi_params --\nfastcgi_param REQUEST_METHOD $request_method;\n",
			broken: answer{200, ""}, cured: ok,
		},
		"script-filename of a status page": {
			rule: "script-filename",
			archive: strings.Replace(site("", "ping.path = /ping"), "        location", `        location = /ping {
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param SCRIPT_NAME $fastcgi_script_name;
            fastcgi_pass unix:@DIR@/a.sock; # want "script-filename: "
        }
        location`, 1),
			ask: get("/ping"), broken: answer{status: 404}, cured: answer{200, "pong"},
		},
		"script-filename-twice": {
			rule: "script-filename-twice", severity: lint.Warning,
			archive: site("            fastcgi_param SCRIPT_FILENAME /old$fastcgi_script_name; # want \"script-filename-twice: \"\n", ""),
			broken:  answer{status: 404}, cured: ok, hand: [3]string{"nginx.conf", "/old$", "$document_root$"},
		},
		"fastcgi-param-shadowed": {
			rule: "fastcgi-param-shadowed", severity: lint.Warning, silent: true,
			archive: strings.NewReplacer("        root", "        fastcgi_param APP_ENV production;\n        root", "$request_method;", `$request_method; # want "fastcgi-param-shadowed: "`).Replace(site("", "")) +
				"-- www/env.php --\n<?php echo $_SERVER['APP_ENV'] ?? 'none';\n",
			ask: get("/env.php"), broken: answer{200, "none"}, cured: answer{200, "production"},
			hand: [3]string{"nginx.conf", "            fastcgi_pass", "            fastcgi_param APP_ENV production;\n            fastcgi_pass"},
		},
		"nested-location": {
			rule: "nested-location", silent: true,
			archive: site(`            location ~ ^/admin/ { # want "nested-location: "
            }
`, "") + "-- www/admin/a.php --\n<?php echo 'ok';\n",
			ask: get("/admin/a.php"), broken: answer{200, "<?php echo 'ok';\n"}, cured: ok,
			hand: [3]string{"nginx.conf", "^/admin/ {", "^/admin/ {\n                fastcgi_pass unix:@DIR@/a.sock;"},
		},
		"path-info-exec": {
			rule: "path-info-exec", severity: lint.Warning, silent: true,
			archive: live.Site(live.PHPServer("bad.test", `unix:@DIR@/a.sock; # want "path-info-exec: "`, "")) + live.Master("php", "", live.Pool("www", "a.sock", "security.limit_extensions =")) + upload,
			ask:     get("/uploads/photo.jpg/x.php"), broken: answer{200, "uploaded"}, cured: answer{status: 404},
		},
		"path-info-exec of scripts alone": {
			rule: "path-info-exec", severity: lint.Info,
			archive: passTo("", `unix:@DIR@/a.sock; # want "path-info-exec: "`) + upload,
			ask:     get("/uploads/photo.jpg/x.php"), broken: answer{status: 403}, cured: answer{status: 404},
		},
		"path-info-lost": {
			rule: "path-info-lost", severity: lint.Warning, silent: true,
			archive: strings.Replace(site(`            fastcgi_split_path_info ^(.+?\.php)(/.*)$;
            try_files $fastcgi_script_name =404;
            fastcgi_param PATH_INFO $fastcgi_path_info; # want "path-info-lost: "
`, ""), "php$", "php(/|$)", 1) + "-- www/path.php --\n<?php echo 'path ', $_SERVER['PATH_INFO'] ?? '';\n",
			ask: get("/path.php/a/b"), broken: answer{200, "path "}, cured: answer{200, "path /a/b"},
		},
		"limit-extensions-empty": {
			rule: "limit-extensions-empty", severity: lint.Warning, late: true,
			archive: site("", `security.limit_extensions = ; want "limit-extensions-empty: "`) + upload,
			ask:     get("/uploads/photo.jpg/x.php"), broken: answer{200, "uploaded"}, cured: answer{status: 403},
		},
		"limit-extensions-empty of pictures": {
			rule: "limit-extensions-empty", severity: lint.Warning, silent: true,
			archive: site("", `security.limit_extensions = .php .jpg ; want "limit-extensions-empty: "`) + upload,
			ask:     get("/uploads/photo.jpg/x.php"), broken: answer{200, "uploaded"}, cured: answer{status: 403},
		},
		"error-page-loop": {
			rule: "error-page-loop", severity: lint.Warning,
			archive: strings.Replace(site("", ""), "        root", `        error_page 502 504 /502.php; # want "error-page-loop: "
        root`, 1) + "-- www/502.html --\ndown\n-- www/502.php --\ndown\n",
			ask: dead, broken: answer{status: 502}, cured: answer{502, "down\n"}, hand: [3]string{"nginx.conf", "/502.php", "/502.html"},
		},
	})
}
