package nginx

import (
	"strings"
	"testing"

	"fpmlint/lint/source"
)

// TestTemplateMark tells templates by their marks from what nginx reads as it stands.
func TestTemplateMark(t *testing.T) {
	for _, c := range []struct{ name, text, mark string }{
		{"site.j2", "server { server_name {{ item.host }}; }", "{{ item.host }}"},
		{"site", "{% for s in sites %}\nserver {}\n{% endfor %}", "{% for s in sites %}"},
		{"site", "fastcgi_pass \"{{ php['socket'] }}\";", "{{ php['socket'] }}"},
		{"site.erb", "listen <%= @port %>;", "<%="},
		{"site", "server { listen __PORT__; }", "__PORT__"},
		{"site", "root @prefix@/www;", "@prefix@"},
		{"site", "server unix:@{SOCKET};", "@{SOCKET}"},
		{"site", "server_name build.#{DOMAIN};", "#{DOMAIN}"},
		{"site", "server_tokens {EXPOSE};", "{EXPOSE}"},
		{"site", "listen 80 backlog=<somax>;", "backlog=<somax>"},
		{"site", "fastcgi_pass ${PHP_HOST}:9000;", "${PHP_HOST}"},
		{"site", "listen $PORT;", "$PORT"},
		{"site", "client_max_body_size ${max_body};", "${max_body}"},
		{"site", "fastcgi_read_timeout ${timeout}s;", "${timeout}"},
		{"site", "listen 80; include ${dir}/*.conf;", "${dir}"},
		{"site", "fastcgi_buffers ${BUFFERS:-256 32k};", "${BUFFERS:-"},
		{"site", "fastcgi_pass ${host:-php}:9000;", "${host:-"},
		{"site", "fastcgi_pass 127.0.0.1:FPM_PORT;", "FPM_PORT"},
		{"site.tpl", "proxy_pass http://MY_IP:MY_Port/;", "MY_Port"},
		{"site", "server {\n{w:port:w}\n}", "{w:port:w}"},
		{"site", "server ##HOST##:6443;", "##HOST##"},
		{"site.template", "fastcgi_pass $PHP_HOST:9000;", "$PHP_HOST"},

		{"site", "# {{ ansible_managed }}\nlisten 80; # ${PORT}", ""},
		{"site", "listen 80; ##TLS##\n##REST##\nserver {\n##END##\n}", ""},
		{"site", "proxy_pass http://MY_IP:MY_Port/;", ""}, // nginx refuses it
		{"site.tpl", "proxy_pass http://localhost:80/A;", ""},
		{"site", "fastcgi_pass $PHP_HOST:9000;", ""}, // set in another file, perhaps
		{"site", "set $ROOT /srv; root ${ROOT};", ""},
		{"site", "fastcgi_pass PHP:9000; add_header X a:B; proxy_pass http://a:80/:ID;", ""},
		{"site", "set $max 8m; client_max_body_size ${max};", ""}, // nginx refuses it
		{"site", "root /srv/${host}; access_log /var/log/${host}.log;", ""},
		{"site", `if ($uri ~ "^/(?<ID>\d+)") { return 302 /x/${ID}; }`, ""},
		{"site", "fastcgi_pass unix:/run/${version}.sock; set $a ${b}c;", ""},
		{"site", "sub_filter '{{ title }}' x; return 200 '{% raw %}';", ""},
		{"site", "content_by_lua_block { local t = {{1, 2}, {a}} local u = '<% x' }\nserver {}", ""},
		{"site", `location ~ "^/\w{2}/(\d{4,8})$" {}`, ""},
		{"site", "location ~ ^/\\p{Lu}/ {}", ""},
		{"site", "rewrite ^/%E2%80%99$ /%AD%BE%;", ""},
		{"site", `log_format j '{"a":{"b":"$c"}}'; add_header NEL '{"x":{"y":1}}';`, ""},
		{"site", "location @php { try_files $uri @php; }", ""},
		{"site", "rewrite \"(?<year>[0-9]+)\" /$year; location ~ ^/(?<id>x) {}", ""},
		{"site", "root \"/unclosed; {EXPOSE}", ""},
	} {
		f := source.NewFile("/"+c.name, []byte(c.text))
		mark, ok := TemplateMark(f)
		if ok != (c.mark != "") || mark.Text() != c.mark {
			t.Errorf("%s: mark %q, want %q", c.text, mark.Text(), c.mark)
		}
	}
}

// TestTemplateMarkLinear would run for minutes if each word of a long line were looked at to its end.
func TestTemplateMarkLinear(t *testing.T) {
	for _, unit := range []string{"a ", "{ ", "${a} ", "{{ ", "<% "[:1], "'x' "} {
		text := strings.Repeat(unit, 256<<10/len(unit))
		if _, ok := TemplateMark(source.NewFile("/x", []byte(text))); ok {
			t.Errorf("%q repeated is a template", unit)
		}
	}
}

func FuzzTemplateMark(f *testing.F) {
	f.Add([]byte("server { listen {{ a }}; \"{% x %}\" ${A} @{b} }"))
	f.Add([]byte("a_by_lua_block {{{ } #{x} '"))
	f.Fuzz(func(t *testing.T, data []byte) {
		mark, ok := TemplateMark(source.NewFile("/x", data))
		if ok && mark.Text() == "" {
			t.Error("a mark without text")
		}
	})
}
