package fpm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	for name, text := range map[string]string{
		"pool":              "[www]\nuser = www-data\nlisten = /run/php/php8.2-fpm.sock\npm = dynamic\npm.max_children = 5\n",
		"override":          "[www]\npm.max_requests = 500\n",
		"no section":        "listen.owner = www-data\n",
		"main":              "[global]\npid = /run/php-fpm.pid\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
		"image's overlay":   "[global]\ndaemonize = no\n[www]\nlisten = 9000\n",
		"log and address":   "[global]\nerror_log = /proc/self/fd/2\n\n[www]\nlisten = 0.0.0.0:9000\n; listen.allowed_clients = 172.20.0.0/16",
		"global keys":       "[global]\nemergency_restart_threshold = 10\n",
		"PHP values":        "[www]\nphp_admin_value[memory_limit] = 64M\n",
		"hash comments":     "# a pool (old)\n[www]\nlisten = 9000\npm = static\n",
		"mistyped":          "[www]\npm = dynmic\npm.max_children = 5\n",
		"from environment":  "[${POOL}]\npm = ${PM}\n",
		"syntax error":      "[www\n[www]\nlisten = (x)\npm = static\npm.max_children = 2\n",
		"CRLF and BOM":      "\ufeff[www]\r\npm = static\r\n",
		"JSON access log":   "[www]\naccess.format = '{\"time\":\"%{%FT%T}t\",\"m\":\"%m\"}'\n",
		"upper case":        "[WWW]\nPM.Max_Children = 3\n",
		"long hash heading": strings.Repeat("# it's ; nothing (yet)\n", 40) + "[www]\npm = static\n",
	} {
		if !Detect([]byte(text)) {
			t.Errorf("%s: not recognised as FPM's:\n%s", name, text)
		}
	}
	for name, text := range map[string]string{
		"empty":        "",
		"comments":     "; pm = dynamic\n; pm.max_children = 5\n",
		"php.ini":      "[PHP]\nengine = On\nmemory_limit = 128M\nerror_log = /var/log/php.log\n[Date]\ndate.timezone = UTC\n",
		"stray key":    "memory_limit = 256M\npost_max_size = 20M\ndefault_socket_timeout = 600\nrequest_terminate_timeout = 600\n",
		"my.cnf":       "[mysqld]\nuser = mysql\nport = 3306\nslow_query_log = 1\n!includedir /etc/mysql/conf.d/\n",
		"supervisor":   "[supervisord]\nnodaemon=true\nuser=root\n[program:php-fpm]\ncommand=/usr/sbin/php-fpm8.2 -F\nuser=root\nenvironment=PM=\"static\"\n",
		"systemd":      "[Unit]\nDescription=The PHP 8.2 FastCGI Process Manager\n[Service]\nType=notify\nExecStart=/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config /etc/php/8.2/fpm/php-fpm.conf\nUser=www-data\n",
		"editorconfig": "root = true\n[*]\nindent_style = space\n[*.php]\nindent_size = 4\n",
		"gitconfig":    "[user]\n\tname = A\n[include]\n\tpath = ~/.gitconfig-fpm\n",
		"samba":        "[global]\nworkgroup = X\nlog level = 1\npid directory = /run\n[homes]\nprefix = /x\nuser = a\n",
		"another's":    "[global]\npid = /run/x.pid\nport = 1\nmode = a\n[web]\nlisten = :80\nroot = /srv\ntimeout = 3\n",
		"pip":          "[global]\nindex-url = https://pypi.example/simple\n",
		"uwsgi":        "[uwsgi]\nsocket = /run/x.sock\nchdir = /srv\nuser = www-data\nlisten = 100\n",
		"shell":        "#!/bin/sh\npm=apt-get\nuser=www-data\ncase $1 in\n(a) echo;;\nesac\n",
		"shell, pm":    "#!/bin/sh\npm=static\nif [ -n \"$1\" ]; then\n  echo a\nfi\nfor x in a b; do\n  echo $x\ndone\n",
		"prose":        "Set these in your pool:\n\n    pm = dynamic\n    pm.max_children = 50\n\nThen reload PHP-FPM\nand look at the log.\n",
		"jinja":        "[{{ pool }}]\nlisten = /run/{{ pool }}.sock\npm = {{ pm }}\npm.max_children = 5\n",
		"jinja block":  "[www]\npm = static\n{% if x %}\nslowlog = {%- x %}\n{% endif %}\npm.max_children = {{ n }}\n",
		"erb":          "[www]\npm = static\npm.max_children = <%= @max %>\n",
		"autoconf":     "[www]\npm = dynamic\nuser = @php_fpm_user@\n",
		"marks":        "[__APP__]\npm = __PM__\npm.max_children = 5\n",
		"htaccess":     "php_value memory_limit 128M\nphp_flag display_errors off\n",
		"dotenv":       "APP_ENV=prod\nPM=npm\nLISTEN=9000\n",
		"array":        "[x]\nphp_value = 1\n",
		"nginx":        "server {\n  listen 80;\n  location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; }\n}\n",
		"binary":       "\x00\x01pm\x00=\xff\n",
	} {
		if Detect([]byte(text)) {
			t.Errorf("%s: recognised as FPM's:\n%s", name, text)
		}
	}
}

// The files that the distribution's packages install are told apart.
func TestDetectInstalled(t *testing.T) {
	for pattern, want := range map[string]bool{
		"/etc/php/*/fpm/php-fpm.conf": true, "/etc/php/*/fpm/pool.d/*.conf": true,
		"/etc/php/*/*/php.ini": false, "/etc/php/*/mods-available/*.ini": false, "/usr/lib/systemd/system/*.service": false,
		"/etc/*.conf": false, "/etc/nginx/*": false,
	} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				continue // a directory, or not ours to read
			}
			if got := Detect(data); got != want {
				t.Errorf("Detect(%s) = %v, want %v", name, got, want)
			}
		}
	}
}

func TestIsMain(t *testing.T) {
	for text, want := range map[string]bool{
		"[global]\npid = /run/x\ninclude = /etc/php-fpm.d/*.conf\n":      true,
		"include = /etc/php-fpm.d/*.conf\n":                              true,
		"[global]\n[www]\nlisten = 9000\npm = static\n":                  true,
		"[global]\n[www]\nlisten = 9000\ninclude = /etc/php-fpm.d/*\n":   true,
		"[GLOBAL]\n[www]\nLISTEN = 9000\npm = ondemand\n":                true,
		"[global]\nlog_level = notice\n[www]\npm = ondemand\n":           false,
		"[www]\nlisten = 9000\npm = static\ninclude = /etc/common.inc\n": false,
		"[www]\nlisten = 9000\npm = static\n":                            false,
		"[global]\ndaemonize = no\n[www]\nlisten = 9000\n":               false,
		"[global]\nerror_log = /proc/self/fd/2\n":                        false,
		"[global]\npm = static\n":                                        false,
		"":                                                               false,
	} {
		if got := IsMain([]byte(text)); got != want {
			t.Errorf("IsMain = %v, want %v:\n%s", got, want, text)
		}
	}
}

func FuzzDetect(f *testing.F) {
	f.Add([]byte("[www]\npm = static\n"))
	f.Add([]byte("[global]\ninclude=/etc/php-fpm.d/*.conf\n\"a"))
	f.Add([]byte("{% x %}\n[a]\nlisten.mode = \"\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		detected := Detect(data)
		IsMain(data)
		if detected && Detect(append([]byte("x = {{ y }}\n"), data...)) {
			t.Errorf("%q is FPM's though it begins with a template", data)
		}
	})
}
