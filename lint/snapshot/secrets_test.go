package snapshot_test

import (
	"fmt"
	"strings"
	"testing"
)

// smuggled are lines of configurations with a secret in them: the word hunter2.
var smuggled = map[string][]string{
	"etc/nginx/conf.d/http.conf": {
		`map $http_x_api_key $known { default 0; hunter2 1; "~*^hunter2" 2; }`,
		`map $http_authorization $who { "Bearer hunter2" joe; }`,
		`map $host $db_pw { default hunter2; }`,
		`geo $internal_token { default hunter2; }`,
		`proxy_set_header X-Origin-Verify hunter2;`,
		`proxy_set_header "Authorization" "Basic hunter2";`,
		`proxy_set_header Authorization "Basic $prefix-hunter2";`,
		`proxy_set_header Cookie "$http_cookie; sid=hunter2";`,
		`grpc_set_header x-key hunter2;`,
		`add_header Set-Cookie "session=hunter2";`,
		`more_set_input_headers "X-Auth-Token: hunter2";`,
		`proxy_set_body '{"user":"x","key":"hunter2"}';`,
		`return 200 '{"password":"hunter2"}';`,
		`return 200 "{\"password\":\"hunter2\"}";`,
		`return 302 https://x.test/?sig=hunter2;`,
		`encrypted_session_key hunter2;`,
		`redis2_query auth hunter2;`,
		`access_log syslog:server=log.test,tag=x "token=hunter2";`,
		`# hunter2`,
		`# root's password is hunter2`,
		`gzip on; # hunter2`,
		`gzip # hunter2` + "\n  on;",
		`proxy_cache_key x; # fastcgi_param K hunter2;`,
		`set_by_lua_block $x { return "hunter2" }`,
		`access_by_lua 'local x = "hunter2"';`,
		`perl_set $x 'sub { return "hunter2"; }';`,
		`uwsgi_param K hunter2;`,
		`unknown_token hunter2;`,
		`fastcgi_param "DB_PASS" hunter2;`,
		`fastcgi_param K "hunter2 $host";`,
		`fastcgi_param K mysql:host=db;` + "\n" + `fastcgi_param DSN "mysql:host=db;password=hunter2;dbname=$host";`,
		`fastcgi_param URL mysql://root:a/hunter2@b@db/x;`,
		`fastcgi_param QUERY_STRING "token=hunter2&$query_string";`,
		`fastcgi_param PHP_VALUE "memory_limit=64M\nmysqli.default_pw = hunter2\nx=1";`,
		`fastcgi_param PHP_ADMIN_VALUE "session.save_path=tcp://r:1?auth=hunter2";`,
		`fastcgi_param PHP_VALUE mysqli.default_pw=hunter2;`,
		`fastcgi_param HTTP_PROXY http://u:hunter2@proxy:3128;`,
		`fastcgi_param A b; fastcgi_param DB_PASSWORD hunter2; fastcgi_index x;`,
		`FASTCGI_PARAM A hunter2;`,
		`proxy_ssl_certificate_key data:hunter2;`,
		"ssl_certificate_key \"data:-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\";",
		"proxy_pass https://u:hunter2@up.test/;",
		"proxy_pass https://up.test/?api_key=hunter2;",
		`env "DB_PASS=hunter2";`,
	},
	"etc/nginx/conf.d/server.conf": {
		`set $password hunter2;`,
		`set $pw "hunter2";`,
		`set $api_token "$prefix hunter2";`,
		`set $upstream "https://u:hunter2@up.test";`,
		`set $auth_header 'Basic hunter2';`,
		`if ($http_x_api_key != "hunter2") { return 403; }`,
		`if ($arg_k = hunter2) { return 403; }`,
		`if ($cookie_bypass ~* hunter2) { return 403; }`,
		`secure_link_md5 "$secure_link_expires$uri hunter2";`,
		`rewrite ^/a$ /b?token=hunter2 last;`,
	},
	// A file for a shell: nginx refuses it, and it is in the snapshot all the same.
	"etc/nginx/app.env":     {"APP_ENV=prod\nDB_PASSWORD=hunter2\nexport K=\"hunter2\"\n# hunter2\nSTRIPE='hunter2 x'\nX=a;Y=hunter2"},
	"etc/nginx/broken.conf": {"server { fastcgi_param DB_PASSWORD hunter2\n # hunter2\n location / { root hunter2 } } }\n \"hunter2"},
	"etc/php/8.2/fpm/pool.d/www.conf": {
		`env[DB]=hunter2`,
		`env [DB2] = hunter2`,
		`  env["DB3"] = 'hunter2'`,
		`env[DB4] = $2y$10$hunter2.`,
		`env[http_proxy] = http://u:hunter2@proxy`,
		`php_admin_value[mysqli.default_pw] = hunter2`,
		`PHP_ADMIN_VALUE[mysqli.default_pw] = hunter2`,
		`php_value[session.save_path] = "tcp://r:6379?auth=hunter2"`,
		`php_admin_value[app.db] = "host=db;password=hunter2;x=1"`,
		`php_admin_value[app.db] = "user=me password='hunter2 x'"`,
		`php_value[suhosin.session.cryptkey] = hunter2`,
		`php_value[newrelic.license] = hunter2`,
		`php_value[app.url] = mysql://root:hunter2@db/x`,
		`php_flag[x_token] = hunter2`,
		`pm.max_requests = 100 ; hunter2`,
		`; the password is hunter2`,
		`;hunter2`,
		`;env[OLD] = hunter2`,
		`; note = hunter2`,
		`# hunter2`,
		`# Ansible managed: hunter2`,
		`[www2] # hunter2`,
		`[www2] # x = hunter2`,
		`#env[OLD] = hunter2`,
		`env[K] = a(hunter2`,
		`env[K] = "hunter2`,
		`hunter2`,
		`export DB_PASSWORD=hunter2`,
		`STRIPE=hunter2`,
		`password: hunter2`,
		`[www2] env[X] = hunter2`,
		`unfinished[token = hunter2`,
		`[www2] ; hunter2`,
	},
	"etc/php/8.2/fpm/php.ini": {
		`mysqli.default_pw = hunter2`,
		"pgsql.pw = 'a\nhunter2\nhunter2'",
		"memory_limit = 64M\rmysqli.default_pw = hunter2",
		"x.y = \"a\nDB_PASSWORD=hunter2\nhunter2\"",
		"\xef\xbb\xbfmysqli.default_pw = hunter2",
		`session.save_path = "tcp://r:6379?auth=hunter2"`,
		`sendmail_path = "/usr/bin/msmtp --passwordeval 'echo hunter2'"`,
		`app.x = eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyIjoxfQ.hunter2`,
		`SMTP = localhost ; hunter2`,
		`[PATH=/srv/x] ; hunter2`,
	},
	"lib/systemd/system/php8.2-fpm.service": {
		"[Service]\nExecStart=/usr/bin/env DB_PASSWORD=hunter2 /usr/sbin/php-fpm8.2 --fpm-config /etc/php/8.2/fpm/php-fpm.conf\nEnvironment=X=hunter2\n# hunter2",
	},
	"etc/hosts":              {"127.0.0.1 localhost # hunter2"},
	"etc/nsswitch.conf":      {"passwd: files # hunter2"},
	"srv/shop/wp-config.php": {"<?php\ndefine('DB_PASSWORD', 'hunter2'); define('DISABLE_WP_CRON', true);\ndefine('DISABLE_WP_CRON', true); // hunter2\n/* hunter2 */", "<?php // hunter2\ndefine('DISABLE_WP_CRON', 'hunter2');\nrequire '/srv/hunter2.php';\ndefine('DISABLE_WP_CRON', hunter2());"},
}

// Each way to smuggle a secret into a snapshot is tried alone, so that none hides another.
func TestSmuggledSecrets(t *testing.T) {
	for file, lines := range smuggled {
		for _, line := range lines {
			t.Run(strings.ReplaceAll(line, "/", "|"), func(t *testing.T) {
				files := map[string]string{
					"etc/nginx/nginx.conf":                  "user www-data;\nevents {}\nhttp {\n include fastcgi_params;\n include conf.d/http*;\n include app.en[v];\n include broken.con[f];\n server { root /srv/shop; include conf.d/server*; location ~ \\.php$ { fastcgi_pass unix:/run/php/a.sock; } }\n}\n",
					"etc/nginx/fastcgi_params":              "fastcgi_param REQUEST_METHOD $request_method;\n",
					"etc/php/8.2/fpm/php-fpm.conf":          "[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
					"etc/php/8.2/fpm/pool.d/www.conf":       "",
					"etc/php/8.2/fpm/php.ini":               "",
					"lib/systemd/system/php8.2-fpm.service": "[Service]\nExecStart=/usr/sbin/php-fpm8.2 --fpm-config /etc/php/8.2/fpm/php-fpm.conf\n",
				}
				if strings.Contains(file, "pool.d") {
					files[file] = "[www]\nuser = www-data\nlisten = /run/php/a.sock\npm = static\npm.max_children = 7\n"
				}
				files[file] += line + "\n"
				data, _, _ := take(t, build(t, files))
				found := false
				for name, content := range unpack(t, data) {
					found = found || name == file
					if strings.Contains(content, "hunter2") {
						t.Errorf("%s:\n%s", name, content)
					}
				}
				if !found && !strings.HasPrefix(file, "srv/") {
					t.Errorf("%s is not in the snapshot: the line was not tried", file)
				}
			})
		}
	}
}

// What only sounds like a secret stays: a masked path or address changes what is found.
func TestKeptValues(t *testing.T) {
	site := []string{
		"root /srv/www/clientsABCDEFGHIJ0123456789abcdefghij/htdocs/public;",
		"set $skip_cookie 1;",
		"set $root_url /var/www;",
		"proxy_set_header Host $host;",
		"proxy_set_header Connection \"\";",
		"proxy_set_header X-Token $http_x_token;",
		"proxy_cache_key $scheme$host;",
		"auth_basic_user_file /etc/nginx/htpasswd;",
		"auth_request /auth;",
		"fastcgi_pass_header Authorization;",
		"fastcgi_param HTTPS on if_not_empty;",
		"fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
		"fastcgi_param AUTH $http_authorization;",
		"if ($http_host = shop.test) { return 444; }",
		"ssl_certificate_key /etc/ssl/private/shop.key;",
		"error_page 500 502 /50x.html;",
		"#fpmlint:ignore slowlog it is known",
	}
	pool := []string{
		"[www]", "user = www-data", "listen = /run/php/auth.sock", "pm = static", "pm.max_children = 7", "access.format = \"%R %{token}\"",
		"env[TOKEN] = $TOKEN", "php_admin_value[open_basedir] = /srv/www/clientsABCDEFGHIJ0123456789abcdefghij/htdocs", "php_value[session.cookie_secure] = 1",
		"php_flag[display_errors] = off", ";fpmlint:ignore slowlog it is known", ";pm.max_requests =",
	}
	head := "# Ansible managed"
	files := map[string]string{
		"etc/nginx/nginx.conf":            head + "\nuser www-data;\nevents {}\nhttp {\n upstream auth { server token-service:9000; }\n include sites-enabled/*;\n}\n",
		"etc/nginx/sites-available/shop":  "server {\n" + strings.Join(site, "\n") + "\nlocation ~ \\.php$ { fastcgi_pass auth:9000; }\nlocation /a { fastcgi_pass unix:/run/php/auth.sock; }\n}\n",
		"etc/php/8.2/fpm/php-fpm.conf":    "[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf": strings.Join(pool, "\n") + "\n",
	}
	data, _, _ := take(t, build(t, files))
	all := fmt.Sprint(unpack(t, data))
	for _, kept := range append(append(site, pool...), head, "server token-service:9000;", "fastcgi_pass auth:9000;", "fastcgi_pass unix:/run/php/auth.sock;") {
		if !strings.Contains(all, kept) {
			t.Errorf("%q is lost", kept)
		}
	}
}
