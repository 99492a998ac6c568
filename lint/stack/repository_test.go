package stack_test

import (
	"strings"
	"testing"

	"fpmlint/lint/stack"
)

// repositories keep parts of images in directories of their own.
var repositories = []struct {
	name  string
	files files
	want  string
}{
	{"parts of two images", files{
		"docker/nginx/etc/nginx/nginx.conf":               "user nginx;\nevents {}\nhttp { include /etc/nginx/conf.d/*.conf; }\n",
		"docker/nginx/etc/nginx/conf.d/a.conf":            "server { server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass php:9000; } }\n",
		"docker/php/usr/local/etc/php-fpm.conf":           "[global]\ninclude=etc/php-fpm.d/*.conf\n",
		"docker/php/usr/local/etc/php-fpm.d/docker.conf":  "[global]\nerror_log = /proc/self/fd/2\n[www]\nclear_env = no\n",
		"docker/php/usr/local/etc/php-fpm.d/www.conf":     poolFile("www", "127.0.0.1:9000"),
		"docker/php/usr/local/etc/php-fpm.d/zz-fpm.conf":  "[global]\ndaemonize = no\n[www]\nlisten = 9000\n",
		"docker/php/usr/local/etc/php-fpm.d/www.conf.bak": "[www]\nlisten = 1\n",
	}, `
nginx /docker/nginx/etc/nginx/nginx.conf
fpm docker /docker/php/usr/local/etc/php-fpm.conf
  www *:9000
server a, location ~ \.php$: php:9000=www?
`},
	{"a versioned directory", files{
		"nginx/site.conf": "server { server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }\n",
		"roles/php/files/etc/php/8.2/fpm/php-fpm.conf":    "[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"roles/php/files/etc/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.2-fpm.sock", "listen.owner = www-data"),
	}, `
nginx /nginx/site.conf
fpm debian 8.2 /roles/php/files/etc/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/php8.2-fpm.sock
server a, location ~ \.php$: unix:/run/php/php8.2-fpm.sock=www
`},
	{"a copy of /etc/nginx and /etc/php", files{
		"server/nginx/nginx.conf":          "user www-data;\nevents {}\nhttp { include /etc/nginx/sites-enabled/*; }\n",
		"server/nginx/sites-enabled/a":     "server { server_name a; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }\n",
		"server/php/8.2/fpm/php-fpm.conf":  "[global]\npid = /run/php/php8.2-fpm.pid\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"server/php/8.2/fpm/pool.d/a.conf": poolFile("www", "/run/php/php8.2-fpm.sock", "listen.owner = www-data"),
	}, `
nginx /server/nginx/nginx.conf
fpm other /server/php/8.2/fpm/php-fpm.conf
  www unix:/run/php/php8.2-fpm.sock
server a, location ~ \.php$: unix:/run/php/php8.2-fpm.sock=www
`},
	{"an include of another version's pools", files{
		"v1.0/php/8.2/fpm/php-fpm.conf":    "[global]\npid = /run/php/php8.2-fpm.pid\ninclude=/etc/php/8.1/fpm/pool.d/*.conf\n",
		"v1.0/php/8.2/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.2-fpm.sock"),
		"v1.0/php/8.3/fpm/php-fpm.conf":    "[global]\npid = /run/php/php8.3-fpm.pid\ninclude=/etc/php/8.3/fpm/pool.d/*.conf\n",
		"v1.0/php/8.3/fpm/pool.d/www.conf": poolFile("www", "/run/php/php8.3-fpm.sock"),
	}, `
fpm other /v1.0/php/8.2/fpm/php-fpm.conf
fpm other /v1.0/php/8.3/fpm/php-fpm.conf
  www unix:/run/php/php8.3-fpm.sock
fpm other /v1.0/php/8.2/fpm/pool.d/www.conf
  www unix:/run/php/php8.2-fpm.sock
`},
	{"services with main files of their own", files{
		"blog/nginx/nginx.conf":       "user nginx;\nevents {}\nhttp { upstream blog { server 127.0.0.1:9000; } include /etc/nginx/conf.d/*.conf; }\n",
		"blog/nginx/conf.d/site.conf": "server { server_name blog; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass blog; } }\n",
		"blog/php/php-fpm.conf":       "[global]\ninclude=/usr/local/etc/php-fpm.d/*.conf\n",
		"blog/php/php-fpm.d/www.conf": poolFile("blog", "127.0.0.1:9000"),
		"shop/nginx/nginx.conf":       "user nginx;\nevents {}\nhttp { upstream shop { server 127.0.0.1:9001; } include /etc/nginx/conf.d/*.conf; }\n",
		"shop/nginx/conf.d/site.conf": "server { server_name shop; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass shop; } }\n",
		"shop/php/php-fpm.conf":       "[global]\ninclude=etc/php-fpm.d/*.conf\n",
		"shop/php/php-fpm.d/www.conf": poolFile("shop", "127.0.0.1:9001"),
	}, `
nginx /blog/nginx/nginx.conf
nginx /shop/nginx/nginx.conf
fpm other /blog/php/php-fpm.conf
  blog 127.0.0.1:9000
fpm other /shop/php/php-fpm.conf
  shop 127.0.0.1:9001
server blog, location ~ \.php$: 127.0.0.1:9000=blog
server shop, location ~ \.php$: 127.0.0.1:9001=shop
`},
	{"two images of PHP on the same port", files{
		"app/nginx.conf":       oneSite("user nginx;\n", "app:9000"),
		"app/php/www.conf":     poolFile("www", "9000"),
		"reports/php/www.conf": poolFile("www", "9000"),
	}, `
nginx /app/nginx.conf
fpm other /app/php/www.conf
  www *:9000
fpm other /reports/php/www.conf
  www *:9000
server a, location ~ \.php$: app:9000=www?,www?
`},
	{"what other programs read, and what continues a pool elsewhere", files{
		"nginx.conf":                        oneSite("user nginx;\n", "php-fpm:9000"),
		"php-fpm/laravel.ini":               "memory_limit = 256M\npost_max_size = 20M\nmax_execution_time = 60\nrequest_terminate_timeout = 600\n",
		"php-fpm/xlaravel.pool.conf":        "user = www-data\ngroup = www-data\nlisten = 0.0.0.0:9000\npm = static\npm.max_children = 9\nenv[A] = b\n",
		"php-fpm/docker-php-ext-install":    "#!/bin/sh\npm=x\nlisten=$PHP_CFLAGS\nlisten.mode=$PHP_LDFLAGS\n",
		"php-fpm/Dockerfile":                "FROM php:8.3-fpm\nRUN printf '\\\nserver {\n listen ${PORT};\n}\n' >/etc/nginx/conf.d/a.conf\n",
		"rspamd/worker-proxy.inc":           "upstream \"local\" {\n  name = \"localhost\";\n  hosts = \"rspamd:11333\"\n}\n",
		"kube/nginx.conf.temp":              "events {}\nstream { upstream k { server ##HOST##:6443; } }\n",
		"php/usr/local/etc/php-fpm.default": "[www]\nlisten = 1\npm = static\n",
	}, `
nginx /nginx.conf
fpm other /php-fpm/xlaravel.pool.conf
server a, location ~ \.php$: php-fpm:9000=external
`},
	{"sockets that a build or a script makes", files{
		"nginx/a.conf":       oneSite("user nginx;\n", "unix:/run/php-fpm.sock"),
		"nginx/b.conf":       oneSite("user nginx;\n", "127.0.0.1:9003"),
		"php/www.conf":       poolFile("www", "/run/php/php-fpm.sock"),
		"php/Dockerfile":     "FROM debian\nRUN apt-get update && \\\n  ln -sf /run/php/php-fpm.sock /run/php-fpm.sock\n",
		"php/entrypoint":     "#!/bin/sh\nsed -i 's/^listen = .*/listen = 127.0.0.1:9003/' www.conf\n",
		"php/healthcheck.sh": "test -S /run/php-fpm.sock\n",
	}, `
nginx /nginx/a.conf
nginx /nginx/b.conf
fpm other /php/www.conf
  www unix:/run/php/php-fpm.sock
server a, location ~ \.php$: unix:/run/php-fpm.sock=external
server a, location ~ \.php$: 127.0.0.1:9003=external
`},
	{"sites of two servers", files{
		"blog/nginx/site.conf":     "upstream php { server php:9000; }\nserver { server_name blog; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass php; } }\n",
		"blog/php/www.conf":        poolFile("www", "9000"),
		"shop/nginx/site.conf":     "server { server_name shop; root /srv; location ~ \\.php$ { " + params + "fastcgi_pass php; } }\n",
		"shop/nginx/upstream.conf": "upstream php { server app:9000; }\n",
		"shop/nginx/old/a.conf":    "upstream php { server old:9000; }\n",
	}, `
nginx /blog/nginx/site.conf
nginx /shop/nginx/old/a.conf
nginx /shop/nginx/site.conf
fpm other /blog/php/www.conf
  www *:9000
server blog, location ~ \.php$: php:9000=www?
server shop, location ~ \.php$: app:9000=www?
`},
	{"a part that tunes an image's own pool", files{
		"php/tuning.conf":     "[global]\nlog_level = warning\n[www]\npm = ondemand\npm.max_children = 20\n",
		"nginx/site.conf":     oneSite("", "127.0.0.1:9000"),
		"nginx/limits.conf":   "client_max_body_size ${max_body};\nfastcgi_read_timeout ${timeout}s;\nlimit_conn_status 429;\n",
		"nginx/body.conf.tpl": "server { listen 80; client_max_body_size ${max_body}; }\n",
	}, `
nginx /nginx/site.conf
fpm other /php/tuning.conf
  www unknown
server a, location ~ \.php$: 127.0.0.1:9000=external
`},
	{"a site for servers beside the containers", files{
		"compose.yaml":       "services:\n  web:\n    image: nginx:1.27\n    volumes: ['./nginx/site.conf:/etc/nginx/conf.d/site.conf']\n  app:\n    image: php:8.3-fpm\n    volumes: ['./php/zzz.conf:/usr/local/etc/php-fpm.d/zzz.conf']\n",
		"nginx/site.conf":    oneSite("", "app:9000"),
		"server/example.com": oneSite("", "unix:/run/php/php8.3-fpm.sock"),
		"php/zzz.conf":       poolFile("www", "9000"),
	}, `
nginx /nginx/site.conf
nginx /server/example.com
fpm other /php/zzz.conf
  www *:9000
server a, location ~ \.php$: app:9000=www
server a, location ~ \.php$: unix:/run/php/php8.3-fpm.sock=external
`},
	{"another machine's nginx beside an image's root", files{
		"image/rootfs/etc/nginx/nginx.conf":         oneSite("user nginx;\n", "127.0.0.1:9001"),
		"image/rootfs/etc/php83/php-fpm.d/www.conf": poolFile("www", "127.0.0.1:9001"),
		"windows/nginx.conf":                        oneSite("", "127.0.0.1:9123"),
	}, `
nginx /image/rootfs/etc/nginx/nginx.conf
nginx /windows/nginx.conf
fpm alpine 8.3 /image/rootfs/etc/php83/php-fpm.d/www.conf
  www 127.0.0.1:9001
server a, location ~ \.php$: 127.0.0.1:9001=www
server a, location ~ \.php$: 127.0.0.1:9123=external
`},
	{"pools that are copied where nothing reads them", files{
		"Dockerfile":   "FROM debian:12\nRUN apt-get install -y php-fpm nginx\nADD --chown=root:root fpm/www.conf /etc/php/fpm/pool.d/\n",
		"site.conf":    oneSite("", "unix:/run/php/php8.2-fpm.sock"),
		"fpm/www.conf": poolFile("www", "/run/php-fpm.sock"),
	}, `
nginx /site.conf
fpm other /fpm/www.conf
  www unix:/run/php-fpm.sock
server a, location ~ \.php$: unix:/run/php/php8.2-fpm.sock=external
`},
	{"pools of several machines", files{
		"site.conf":      oneSite("", "unix:/run/php-fpm.sock"),
		"dns/www.conf":   poolFile("www", "/run/php-fpm/www.sock"),
		"tuned-www.conf": poolFile("www", "127.0.0.1:9001"),
	}, `
nginx /site.conf
fpm other /dns/www.conf
  www unix:/run/php-fpm/www.sock
fpm other /tuned-www.conf
  www 127.0.0.1:9001
server a, location ~ \.php$: unix:/run/php-fpm.sock=external
`},
	{"main files that include each other", files{
		"nginx.conf": oneSite("user nginx;\n", "127.0.0.1:9000"),
		"etc/a.conf": "[global]\nlog_level = notice\ninclude = /etc/b.conf\n" + poolFile("www", "127.0.0.1:9000"),
		"etc/b.conf": "[global]\nlog_level = notice\ninclude = /etc/a.conf\n",
	}, ""},
}

func TestRepositories(t *testing.T) {
	for _, r := range repositories {
		t.Run(r.name, func(t *testing.T) {
			s := loadOne(t, stack.Options{Paths: []string{r.files.write(t)}})
			if r.want == "" {
				if len(s.Masters) == 0 {
					t.Error("no main file is left")
				}
				return
			}
			compare(t, r.want, outline(s))
			if faults, _ := run(t, s); len(faults) > 0 {
				t.Errorf("false alarms: %q", faults)
			}
		})
	}
}

// TestFilesByName: what the files given by name leave open is no error.
func TestFilesByName(t *testing.T) {
	dir := files{
		"nginx.conf": oneSite("user nginx;\n", "php:9000"),
		"www.conf":   poolFile("www", "9000"),
	}.write(t)
	s := loadOne(t, stack.Options{Paths: []string{dir + "/nginx.conf", dir + "/www.conf"}})
	if faults, _ := run(t, s); len(faults) > 0 {
		t.Errorf("false alarms: %q", faults)
	}
	if !strings.Contains(outline(s), "php:9000=www?") {
		t.Error(outline(s))
	}
}

// TestManyImages: what is not known of many images is said once.
func TestManyImages(t *testing.T) {
	images := files{"nginx.conf": oneSite("user nginx;\n", "php:9000")}
	for _, version := range []string{"8.1", "8.2", "8.3", "8.4"} {
		images["php"+version+"/www.conf"] = poolFile("www", "9000")
	}
	s := loadOne(t, stack.Options{Paths: []string{images.write(t)}})
	faults, skipped := run(t, s)
	said := skipped["listen-conflict"]
	if len(faults) > 0 || len(said) != 1 || !strings.HasPrefix(said[0], "4 pools listen on *:9000, such as those of ") {
		t.Errorf("%q, %q", faults, said)
	}
}
