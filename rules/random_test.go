package rules_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// randomTree draws a server that both daemons accept: sites and pools in many files, laid out as
// people do, with faults for rules to find.
func randomTree(t *rapid.T) map[string]string {
	tree := map[string]string{
		"etc/passwd":                "root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
		"etc/group":                 "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n",
		"proc/meminfo":              "MemTotal: 4000000 kB\n",
		"etc/nginx/fastcgi_params":  plainParams,
		"etc/nginx/fastcgi.conf":    "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n" + plainParams,
		"etc/nginx/mime.types":      "types { text/html html; }\n",
		"usr/sbin/php-fpm8.2":       "",
		"etc/php/8.2/fpm/php.ini":   rapid.SampledFrom([]string{"", "memory_limit = 128M\n", "memory_limit = -1\nmax_execution_time = 30\n"}).Draw(t, "php.ini"),
		"etc/nginx/conf.d/gzip.off": "gzip off;\n",
	}
	pools := rapid.IntRange(1, 3).Draw(t, "pools")
	for i := range pools {
		tree[fmt.Sprintf("etc/php/8.2/fpm/pool.d/p%d.conf", i)] = randomPool(t, i)
	}
	w := newWriter(t, ";")
	w.line("[global]")
	w.setting("error_log", "/var/log/php8.2-fpm.log")
	w.some(w.setting, [][]string{{"emergency_restart_threshold", "10"}, {"process_control_timeout", "10s", "0"}, {"process.max", "0", "3"}, {"daemonize", "yes"}})
	w.setting("include", "/etc/php/8.2/fpm/pool.d/*.conf")
	tree["etc/php/8.2/fpm/php-fpm.conf"] = w.done()

	w = newWriter(t, "#")
	w.pools = pools
	w.some(w.directive, httpSettings)
	w.handoff()
	tree["etc/nginx/snippets/php.conf"] = w.done()

	w = newWriter(t, "#")
	w.directive("user", "www-data")
	w.block("events", func() {})
	w.block("http", func() {
		w.some(w.directive, httpSettings)
		w.directive("include", "/etc/nginx/mime.types", "mime.types")
		w.directive("include", "/etc/nginx/conf.d/*.conf", "conf.d/*.conf")
		w.directive("include", "/etc/nginx/sites-enabled/*", "sites-enabled/*")
	})
	tree["etc/nginx/nginx.conf"] = w.done()
	for i := range rapid.IntRange(1, 3).Draw(t, "sites") {
		w := newWriter(t, "#")
		w.pools = pools
		w.site(i)
		tree[fmt.Sprintf("etc/nginx/sites-enabled/s%d", i)] = w.done()
	}
	return tree
}

const plainParams = "fastcgi_param QUERY_STRING $query_string;\nfastcgi_param REQUEST_METHOD $request_method;\nfastcgi_param CONTENT_TYPE $content_type;\nfastcgi_param CONTENT_LENGTH $content_length;\nfastcgi_param SCRIPT_NAME $fastcgi_script_name;\n"

// Settings with the values that are drawn for them.
var (
	httpSettings = [][]string{
		{"fastcgi_read_timeout", "0", "5s", "60", "300s"}, {"fastcgi_connect_timeout", "1s", "60s", "70s"}, {"fastcgi_buffering", "on", "off"},
		{"fastcgi_keep_conn", "on", "off"}, {"fastcgi_next_upstream", "error timeout", "error timeout non_idempotent", "off"},
		{"fastcgi_buffer_size", "4k", "8k"}, {"fastcgi_buffers", "8 4k", "16 16k"}, {"client_max_body_size", "8m"}, {"keepalive_timeout", "65"},
		{"error_page", "502 504 /50x.php"},
	}
	poolSettings = [][]string{
		{"listen.owner", "www-data", "root"}, {"listen.group", "www-data", "root"}, {"listen.mode", "0660", "0666", "0600"}, {"listen.backlog", "511", "5", "-1"},
		{"request_terminate_timeout", "0", "30s", "500ms", "120"}, {"pm.max_requests", "0", "500"}, {"request_slowlog_timeout", "0", "5s"}, {"catch_workers_output", "yes", "no"},
		{"security.limit_extensions", ".php", ".php .html", "''"}, {"clear_env", "no"}, {"pm.status_path", "/status"}, {"access.log", "/dev/null"},
		{"php_admin_value[memory_limit]", "128M", "-1"}, {"php_value[max_execution_time]", "60", "0"}, {"env[PATH]", "/usr/bin:/bin"}, {"php_flag[display_errors]", "off"},
	}
)

// writer lays out a file in a random manner.
type writer struct {
	t                    *rapid.T
	b                    strings.Builder
	eol, indent, comment string
	depth                int
	// inline says that a block is written on one line, in which no comment may stand.
	inline bool
	pools  int
}

func newWriter(t *rapid.T, comment string) *writer {
	w := &writer{t: t, comment: comment}
	w.eol = rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "eol")
	w.indent = rapid.SampledFrom([]string{"\t", "    ", "  ", ""}).Draw(t, "indent")
	return w
}

// chance is true once in n times.
func (w *writer) chance(n int) bool { return rapid.IntRange(0, n-1).Draw(w.t, "chance") == n-1 }

func (w *writer) pick(of ...string) string { return rapid.SampledFrom(of).Draw(w.t, "pick") }

func (w *writer) done() string {
	if w.chance(4) {
		return strings.TrimSuffix(w.b.String(), w.eol)
	}
	return w.b.String()
}

func (w *writer) line(text string) {
	if w.inline {
		w.b.WriteString(text + " ")
		return
	}
	switch rapid.IntRange(0, 9).Draw(w.t, "before") {
	case 8:
		w.b.WriteString(w.eol)
	case 9:
		w.b.WriteString(strings.Repeat(w.indent, w.depth) + w.comment + w.pick(" a comment", "listen = x", " } {", ` "quote`, " fastcgi_pass unix:/run/x.sock;", " ü \\") + w.eol)
	}
	w.b.WriteString(strings.Repeat(w.indent, w.depth) + text)
	if w.chance(6) {
		w.b.WriteString(w.pick(" ", "\t", "   ") + w.comment + w.pick(" behind", "} it's", " \" ; {"))
	}
	w.b.WriteString(w.eol)
}

// some writes a few of the settings, or leaves them commented out.
func (w *writer) some(write func(name string, values ...string), settings [][]string) {
	for _, s := range settings {
		switch rapid.IntRange(0, 5).Draw(w.t, s[0]) {
		case 0:
			write(s[0], s[1:]...)
		case 1:
			if !w.inline && w.chance(3) {
				text := s[0] + " " + s[1] + ";"
				if w.comment == ";" {
					text = s[0] + " = " + s[1]
				}
				w.b.WriteString(strings.Repeat(w.indent, w.depth) + w.comment + w.pick("", " ") + text + w.eol)
			}
		}
	}
}

// setting writes a line of PHP-FPM's.
func (w *writer) setting(key string, values ...string) {
	value := w.pick(values...)
	if !strings.ContainsAny(value, "'\"*") && w.chance(5) {
		value = `"` + value + `"`
	}
	w.line(key + w.pick(" = ", "=", "\t= ", " =") + value)
}

// directive writes a directive of nginx's: the first value's words are its arguments.
func (w *writer) directive(name string, values ...string) {
	var b strings.Builder
	b.WriteString(name)
	for _, arg := range strings.Fields(w.pick(values...)) {
		switch {
		case !w.inline && w.chance(12):
			b.WriteString(w.eol + strings.Repeat(w.indent, w.depth+1))
		default:
			b.WriteString(w.pick(" ", " ", " ", "\t", "  "))
		}
		if quote := w.pick("", "", "", `"`, "'"); strings.ContainsAny(arg, `"'\`) {
			b.WriteString(arg)
		} else {
			b.WriteString(quote + arg + quote)
		}
	}
	w.line(b.String() + w.pick("", "", "", " ") + ";")
}

func (w *writer) block(head string, body func()) {
	if !w.inline && w.chance(10) {
		w.inline = true
		defer func() { w.inline = false; w.b.WriteString(w.eol) }()
		w.b.WriteString(strings.Repeat(w.indent, w.depth) + head + " { ")
		body()
		w.b.WriteString("}")
		return
	}
	w.line(head + w.pick(" ", "\t", "\n") + "{")
	w.depth++
	body()
	w.depth--
	w.line("}")
}

// handoff writes the inside of a location that passes to PHP.
func (w *writer) handoff() {
	pass := []string{"unix:/run/php/php8.1-fpm.sock"}
	for i := range w.pools {
		pass = append(pass, socketOf(i), socketOf(i))
	}
	w.directive("include", "fastcgi_params", "fastcgi.conf", "/etc/nginx/fastcgi_params")
	if w.chance(2) {
		w.directive("fastcgi_param", "SCRIPT_FILENAME $document_root$fastcgi_script_name", "SCRIPT_FILENAME /srv$fastcgi_script_name")
	}
	if w.chance(4) {
		w.directive("fastcgi_param", "HTTP_PROXY x")
	}
	w.directive("fastcgi_pass", pass...)
}

func socketOf(pool int) string {
	if pool == 1 {
		return "127.0.0.1:9001"
	}
	return fmt.Sprintf("unix:/run/php/p%d.sock", pool)
}

func (w *writer) site(n int) {
	upstream := w.chance(3)
	if upstream {
		w.block(fmt.Sprintf("upstream php%d", n), func() {
			if w.chance(3) {
				w.directive("least_conn", "")
			}
			for i := range w.pools {
				w.directive("server", socketOf(i), socketOf(i)+" max_fails=1 fail_timeout=10s", socketOf(i)+" max_fails=0")
			}
			if w.chance(2) {
				w.directive("keepalive", "16")
			}
		})
	}
	w.block("server", func() {
		w.directive("listen", fmt.Sprint(8080+n), fmt.Sprintf("127.0.0.1:%d", 8080+n))
		w.directive("server_name", fmt.Sprintf("s%d.example.com", n), fmt.Sprintf("s%d.example.com www.s%d.example.com", n, n))
		w.directive("root", "/srv/www")
		w.some(w.directive, httpSettings)
		w.block(w.pick("location /", "location / # the { rest\n"), func() { w.directive("try_files", "$uri $uri/ /index.php?$args", "$uri =404") })
		if w.chance(3) {
			w.block(w.pick("location /static", "location ^~ '/a b'"), func() { w.directive("expires", "1d") })
		}
		w.block(w.pick(`location ~ \.php$`, `location ~ "\.php$"`, `location ~ [^/]\.php(/|$)`), func() {
			switch {
			case upstream:
				w.some(w.directive, httpSettings)
				w.directive("include", "fastcgi.conf")
				w.directive("fastcgi_pass", fmt.Sprintf("php%d", n))
			case w.chance(2):
				w.directive("include", "snippets/php.conf", "/etc/nginx/snippets/php.conf")
			default:
				w.some(w.directive, httpSettings)
				w.handoff()
			}
		})
	})
}

func randomPool(t *rapid.T, n int) string {
	w := newWriter(t, ";")
	w.line(fmt.Sprintf("[p%d]", n))
	w.setting("user", "www-data", "nobody")
	w.setting("group", "www-data")
	w.setting("listen", strings.TrimPrefix(socketOf(n), "unix:"))
	if n != 1 && w.chance(3) {
		w.line("; a second one follows, which counts")
		w.setting("listen", "/run/php/$pool.sock")
	}
	if w.chance(3) {
		w.setting("pm", "static", "ondemand")
	} else {
		w.setting("pm", "dynamic")
		w.setting("pm.start_servers", "2")
		w.setting("pm.min_spare_servers", "1", "2")
		w.setting("pm.max_spare_servers", "3")
	}
	w.setting("pm.max_children", "5", "10", "500")
	w.some(w.setting, poolSettings)
	return w.done()
}
