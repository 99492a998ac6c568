package stack_test

import (
	"path/filepath"
	"testing"

	"fpmlint/lint/stack"
)

// layouts are what packages and images install, with one site that works: no error may be found.
var layouts = []struct {
	name  string
	files files
	want  string
}{
	{"debian", files{
		"etc/nginx/nginx.conf":                 "user www-data;\nevents {}\nhttp {\n include /etc/nginx/conf.d/*.conf;\n include /etc/nginx/sites-enabled/*;\n}\n",
		"etc/nginx/fastcgi.conf":               params,
		"etc/nginx/snippets/fastcgi-php.conf":  "fastcgi_split_path_info ^(.+?\\.php)(/.*)$;\ntry_files $fastcgi_script_name =404;\nset $path_info $fastcgi_path_info;\nfastcgi_param PATH_INFO $path_info;\nfastcgi_index index.php;\ninclude fastcgi.conf;\n",
		"etc/nginx/sites-available/default":    "server {\n listen 80 default_server;\n root /var/www/html;\n server_name _;\n location ~ \\.php$ {\n  include snippets/fastcgi-php.conf;\n  fastcgi_pass unix:/run/php/php8.2-fpm.sock;\n }\n}\n",
		"etc/nginx/sites-enabled/default":      "-> /etc/nginx/sites-available/default",
		"etc/nginx/sites-enabled/.default.swp": "\x00\x01",
		"etc/php/8.2/fpm/php-fpm.conf":         "[global]\npid = /run/php/php8.2-fpm.pid\nerror_log = /var/log/php8.2-fpm.log\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf":      "; Start a new pool named 'www'.\n[www]\nuser = www-data\ngroup = www-data\nlisten = /run/php/php8.2-fpm.sock\nlisten.owner = www-data\nlisten.group = www-data\npm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n",
		"etc/passwd":                           "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n",
		"etc/group":                            "root:x:0:\nwww-data:x:33:\n",
		"usr/sbin/php-fpm8.2":                  "",
	}, `
nginx /etc/nginx/nginx.conf
fpm debian 8.2 /etc/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/php8.2-fpm.sock
server 80, location ~ \.php$: unix:/run/php/php8.2-fpm.sock=www
`},
	{"rhel", files{
		"etc/nginx/nginx.conf":            "user nginx;\nevents {}\nhttp {\n include /etc/nginx/conf.d/*.conf;\n server {\n  listen 80;\n  listen [::]:80;\n  server_name _;\n  root /usr/share/nginx/html;\n  include /etc/nginx/default.d/*.conf;\n }\n}\n",
		"etc/nginx/conf.d/php-fpm.conf":   "upstream php-fpm {\n server unix:/run/php-fpm/www.sock;\n}\n",
		"etc/nginx/default.d/php.conf":    "index index.php index.html;\nlocation ~ \\.(php|phar)(/.*)?$ {\n fastcgi_split_path_info ^(.+\\.(?:php|phar))(/.*)$;\n fastcgi_intercept_errors on;\n fastcgi_index index.php;\n include fastcgi_params;\n fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n fastcgi_pass php-fpm;\n}\n",
		"etc/nginx/fastcgi_params":        params,
		"etc/php-fpm.conf":                "include=/etc/php-fpm.d/*.conf\n[global]\npid = /run/php-fpm/php-fpm.pid\nerror_log = /var/log/php-fpm/error.log\ndaemonize = yes\n",
		"etc/php-fpm.d/www.conf":          "[www]\nuser = apache\ngroup = apache\nlisten = /run/php-fpm/www.sock\nlisten.acl_users = apache,nginx\nlisten.allowed_clients = 127.0.0.1\npm = dynamic\npm.max_children = 50\npm.start_servers = 5\npm.min_spare_servers = 5\npm.max_spare_servers = 35\nslowlog = /var/log/php-fpm/www-slow.log\nphp_admin_value[error_log] = /var/log/php-fpm/www-error.log\nphp_admin_flag[log_errors] = on\n",
		"etc/passwd":                      "root:x:0:0::/root:/bin/sh\napache:x:48:48::/:/sbin/nologin\nnginx:x:991:988::/:/sbin/nologin\n",
		"etc/group":                       "root:x:0:\napache:x:48:\nnginx:x:988:\n",
		"etc/nginx/conf.d/x.conf.rpmsave": "not nginx {",
	}, `
nginx /etc/nginx/nginx.conf
fpm rhel /etc/php-fpm.conf
  www unix:/run/php-fpm/www.sock
server 80, location ~ \.(php|phar)(/.*)?$: unix:/run/php-fpm/www.sock=www
`},
	{"remi collection", files{
		"etc/nginx/nginx.conf":                "user nginx;\nevents {}\nhttp { include conf.d/*.conf; }\n",
		"etc/nginx/conf.d/a.conf":             "server { server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass unix:/var/opt/remi/php82/run/php-fpm/www.sock; } }\n",
		"etc/opt/remi/php82/php-fpm.conf":     "include=/etc/opt/remi/php82/php-fpm.d/*.conf\n[global]\npid = /var/opt/remi/php82/run/php-fpm/php-fpm.pid\n",
		"etc/opt/remi/php82/php-fpm.d/w.conf": "[www]\nuser = apache\nlisten = /var/opt/remi/php82/run/php-fpm/www.sock\nlisten.acl_users = apache,nginx\npm = static\npm.max_children = 2\n",
	}, `
nginx /etc/nginx/nginx.conf
fpm remi 8.2 /etc/opt/remi/php82/php-fpm.conf
  www unix:/var/opt/remi/php82/run/php-fpm/www.sock
server a, location ~ \.php$: unix:/var/opt/remi/php82/run/php-fpm/www.sock=www
`},
	{"alpine", files{
		"etc/nginx/nginx.conf":          "user nginx;\nevents {}\ninclude /etc/nginx/conf.d/*.conf;\nhttp { include /etc/nginx/http.d/*.conf; }\n",
		"etc/nginx/http.d/default.conf": "server { listen 80; server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass 127.0.0.1:9000; } }\n",
		"etc/php83/php-fpm.conf":        "[global]\ninclude=/etc/php83/php-fpm.d/*.conf\n",
		"etc/php83/php-fpm.d/www.conf":  "[www]\nuser = nobody\ngroup = nobody\nlisten = 127.0.0.1:9000\npm = ondemand\npm.max_children = 5\n",
	}, `
nginx /etc/nginx/nginx.conf
fpm alpine 8.3 /etc/php83/php-fpm.conf
  www 127.0.0.1:9000
server a, location ~ \.php$: 127.0.0.1:9000=www
`},
	{"freebsd", files{
		"usr/local/etc/nginx/nginx.conf":     "events {}\nhttp { server { server_name a; root /srv; location ~ \\.php$ { include fastcgi_params; fastcgi_param SCRIPT_FILENAME $request_filename; fastcgi_pass unix:/var/run/php-fpm.sock; } } }\n",
		"usr/local/etc/nginx/fastcgi_params": params,
		"usr/local/etc/php-fpm.conf":         "[global]\npid = run/php-fpm.pid\ninclude=/usr/local/etc/php-fpm.d/*.conf\n",
		"usr/local/etc/php-fpm.d/www.conf":   "[www]\nuser = www\nlisten = /var/run/php-fpm.sock\nlisten.owner = www\nlisten.group = www\nlisten.mode = 0660\npm = static\npm.max_children = 2\n",
		"usr/local/etc/rc.d/php_fpm":         "",
	}, `
nginx /usr/local/etc/nginx/nginx.conf
fpm freebsd /usr/local/etc/php-fpm.conf
  www unix:/run/php-fpm.sock
server a, location ~ \.php$: unix:/run/php-fpm.sock=www
`},
	{"homebrew", files{
		"opt/homebrew/etc/nginx/nginx.conf":           "events {}\nhttp { include servers/*; }\n",
		"opt/homebrew/etc/nginx/servers/a":            "server { listen 8080; server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass 127.0.0.1:9000; } }\n",
		"opt/homebrew/etc/php/8.3/php-fpm.conf":       "[global]\ndaemonize = no\ninclude=/opt/homebrew/etc/php/8.3/php-fpm.d/*.conf\n",
		"opt/homebrew/etc/php/8.3/php-fpm.d/www.conf": "[www]\nuser = _www\ngroup = _www\nlisten = 127.0.0.1:9000\npm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n",
	}, `
nginx /opt/homebrew/etc/nginx/nginx.conf
fpm homebrew 8.3 /opt/homebrew/etc/php/8.3/php-fpm.conf
  www 127.0.0.1:9000
server a, location ~ \.php$: 127.0.0.1:9000=www
`},
	{"two versions of PHP", files{
		"etc/nginx/nginx.conf":            "user www-data;\nevents {}\nhttp { include sites/*; }\n",
		"etc/nginx/sites/a":               "server { server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }\n",
		"etc/nginx/sites/b":               "server { server_name b; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass unix:/var/run/php/php7.4-fpm.sock; } }\n",
		"etc/php/7.4/fpm/php-fpm.conf":    "include=/etc/php/7.4/fpm/pool.d/*.conf\n",
		"etc/php/7.4/fpm/pool.d/www.conf": poolFile("www", "/run/php/php7.4-fpm.sock", "listen.owner = www-data", "listen.group = www-data"),
		"etc/php/8.2/fpm/php-fpm.conf":    "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.2-fpm.sock", "listen.owner = www-data", "listen.group = www-data"),
		"etc/php/8.1/cli/php.ini":         "",
		"etc/php/8.1/fpm/conf.d/a.ini":    "",
		"usr/sbin/php-fpm7.4":             "",
		"usr/sbin/php-fpm8.2":             "",
	}, `
nginx /etc/nginx/nginx.conf
fpm debian 7.4 /etc/php/7.4/fpm/php-fpm.conf
  www unix:/run/php/php7.4-fpm.sock
fpm debian 8.2 /etc/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/php8.2-fpm.sock
server a, location ~ \.php$: unix:/run/php/php8.2-fpm.sock=www
server b, location ~ \.php$: unix:/run/php/php7.4-fpm.sock=www
`},
	{"the alternatives' link of Debian", files{
		"etc/nginx/nginx.conf":            oneSite("user www-data;\n", "unix:/run/php/php-fpm.sock"),
		"run/php/php-fpm.sock":            "-> /etc/alternatives/php-fpm.sock",
		"etc/alternatives/php-fpm.sock":   "-> /run/php/php8.2-fpm.sock",
		"etc/php/8.2/fpm/php-fpm.conf":    "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.2-fpm.sock", "listen.owner = www-data", "listen.group = www-data"),
	}, `
nginx /etc/nginx/nginx.conf
fpm debian 8.2 /etc/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/php8.2-fpm.sock
server a, location ~ \.php$: unix:/run/php/php-fpm.sock=www
`},
	{"the alternatives' link of a snapshot without /run", files{
		"etc/nginx/nginx.conf":            oneSite("user www-data;\n", "unix:/var/run/php/php-fpm.sock"),
		"etc/alternatives/php-fpm.sock":   "-> /run/php/php8.2-fpm.sock",
		"etc/php/8.2/fpm/php-fpm.conf":    "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.2-fpm.sock", "listen.owner = www-data", "listen.group = www-data"),
	}, `
nginx /etc/nginx/nginx.conf
fpm debian 8.2 /etc/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/php8.2-fpm.sock
server a, location ~ \.php$: unix:/run/php/php-fpm.sock=www
`},
	{"the alternatives' link of files alone", files{
		"etc/nginx/nginx.conf":            oneSite("user www-data;\n", "unix:/run/php/php-fpm.sock"),
		"etc/php/8.2/fpm/php-fpm.conf":    "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.2-fpm.sock", "listen.owner = www-data", "listen.group = www-data"),
	}, `
nginx /etc/nginx/nginx.conf
fpm debian 8.2 /etc/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/php8.2-fpm.sock
server a, location ~ \.php$: unix:/run/php/php-fpm.sock=external
`},
	{"a linked socket directory", files{
		"etc/nginx/nginx.conf":            oneSite("user www-data;\n", "unix:/srv/sockets/www.sock"),
		"srv/sockets":                     "-> /run/php",
		"run/php/keep":                    "",
		"etc/php/8.2/fpm/php-fpm.conf":    "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/$pool.sock", "listen.owner = www-data", "listen.group = www-data"),
	}, `
nginx /etc/nginx/nginx.conf
fpm debian 8.2 /etc/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/www.sock
server a, location ~ \.php$: unix:/srv/sockets/www.sock=www
`},
	{"a main file with pools of its own, which includes none of those beside it", files{
		"etc/nginx/nginx.conf":                         oneSite("user nginx;\n", "127.0.0.1:9000"),
		"opt/remi/php56/root/etc/php-fpm.conf":         "[global]\npid = /run/php-fpm.pid\n" + poolFile("www", "127.0.0.1:9000"),
		"opt/remi/php56/root/etc/php-fpm.d/www.conf":   poolFile("www", "127.0.0.1:9000"),
		"opt/remi/php56/root/etc/php-fpm.d/other.conf": poolFile("other", "127.0.0.1:9001"),
	}, `
nginx /etc/nginx/nginx.conf
fpm rhel /opt/remi/php56/root/etc/php-fpm.conf
  www 127.0.0.1:9000
server a, location ~ \.php$: 127.0.0.1:9000=www
`},
}

func TestLayouts(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			s := loadOne(t, stack.Options{Root: l.files.write(t)})
			compare(t, l.want, outline(s))
			if faults, _ := run(t, s); len(faults) > 0 {
				t.Errorf("false alarms: %q", faults)
			}
		})
	}
}

// docker's PHP image keeps listen = 9000 in docker.conf, before www.conf; images built earlier
// kept it in zz-docker.conf, after it.
var dockerOrders = map[string]files{
	"listen in zz-docker.conf": {
		"usr/local/etc/php-fpm.conf":             "[global]\ninclude=etc/php-fpm.d/*.conf\n",
		"usr/local/etc/php-fpm.d/docker.conf":    "[global]\nerror_log = /proc/self/fd/2\nlog_limit = 8192\n\n[www]\naccess.log = /proc/self/fd/2\nclear_env = no\ncatch_workers_output = yes\ndecorate_workers_output = no\n",
		"usr/local/etc/php-fpm.d/www.conf":       "[www]\nuser = www-data\ngroup = www-data\nlisten = 127.0.0.1:9000\npm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n",
		"usr/local/etc/php-fpm.d/zz-docker.conf": "[global]\ndaemonize = no\n\n[www]\nlisten = 9000\n",
	},
	"listen in docker.conf": {
		"usr/local/etc/php-fpm.conf":             "[global]\ninclude=etc/php-fpm.d/*.conf\n",
		"usr/local/etc/php-fpm.d/docker.conf":    "[global]\nerror_log = /proc/self/fd/2\n\n[www]\naccess.log = /proc/self/fd/2\nlisten = 9000\nclear_env = no\n",
		"usr/local/etc/php-fpm.d/www.conf":       "[www]\nuser = www-data\n;listen = 127.0.0.1:9000\npm = static\npm.max_children = 5\n",
		"usr/local/etc/php-fpm.d/zz-docker.conf": "[global]\ndaemonize = no\n",
	},
}

func TestTwoImages(t *testing.T) {
	for name, php := range dockerOrders {
		t.Run(name, func(t *testing.T) {
			fpm := php.write(t)
			for _, c := range []struct {
				pass, leads string
				fault       bool
			}{
				{"php:9000", "php:9000=www", false},
				{"app.internal:9000", "app.internal:9000=www", false},
				{"10.0.0.7:9000", "10.0.0.7:9000=www", false},
				{"php:9001", "php:9001=nobody", true},
				{"127.0.0.1:9000", "127.0.0.1:9000=www?", false}, // they may share a network namespace
			} {
				nginx := files{"etc/nginx/nginx.conf": "user nginx;\nevents {}\nhttp { include /etc/nginx/conf.d/*.conf; }\n", "etc/nginx/conf.d/default.conf": "server { server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass " + c.pass + "; } }\n"}.write(t)
				s := loadOne(t, stack.Options{NginxRoot: nginx, FPMRoot: fpm})
				compare(t, "nginx /etc/nginx/nginx.conf\nfpm docker /usr/local/etc/php-fpm.conf\n  www *:9000\nserver a, location ~ \\.php$: "+c.leads+"\n", outline(s))
				if faults, _ := run(t, s); (len(faults) > 0) != c.fault {
					t.Errorf("%s: %q", c.pass, faults)
				}
			}
		})
	}
}

// TestTwoImagesLoopback: where www.conf wins, a pool on loopback is out of another container's reach.
func TestTwoImagesLoopback(t *testing.T) {
	php := dockerOrders["listen in docker.conf"]
	php["usr/local/etc/php-fpm.d/www.conf"] = poolFile("www", "127.0.0.1:9000")
	nginx := files{"etc/nginx/nginx.conf": oneSite("user nginx;\n", "php:9000")}
	s := loadOne(t, stack.Options{NginxRoot: nginx.write(t), FPMRoot: php.write(t)})
	if faults, _ := run(t, s); len(faults) != 1 {
		t.Errorf("%q", faults)
	}
}

// TestOneSide: where one of two roots is not given, its rules have nothing to say.
func TestOneSide(t *testing.T) {
	nginx := files{"etc/nginx/nginx.conf": oneSite("user nginx;\n", "php:9000")}.write(t)
	php := dockerOrders["listen in zz-docker.conf"].write(t)
	for name, o := range map[string]stack.Options{"nginx": {NginxRoot: nginx}, "fpm": {FPMRoot: php}, "nginx's root": {Root: nginx}, "fpm's root": {Paths: []string{php}}} {
		s := loadOne(t, o)
		if faults, _ := run(t, s); name != "fpm's root" && len(faults) > 0 {
			t.Errorf("%s: %q", name, faults)
		}
	}
	if _, err := stack.Load(t.Context(), stack.Options{NginxRoot: nginx, Root: filepath.Dir(nginx)}); err == nil {
		t.Error("two meanings of one root")
	}
}
