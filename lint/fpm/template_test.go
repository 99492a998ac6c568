package fpm

import (
	"testing"

	"fpmlint/lint/source"
)

// TestTemplateMark tells templates by their marks from what FPM reads as it stands.
func TestTemplateMark(t *testing.T) {
	for _, c := range []struct{ text, mark string }{
		{"pm.max_children = {{ children }}", "{{ children }}"},
		{"{% if ondemand %}\npm = ondemand", "{% if ondemand %}"},
		{"listen = <%= @listen %>", "<%="},
		{"[__APP__]", "__APP__"},
		{"listen = {PHP_LISTEN}", "{PHP_LISTEN}"},
		{"listen = @{HOME}/php.sock", "@{HOME}"},
		{"user = $PHP_USER", "$PHP_USER"},
		{"clear_env = $clear_env", "$clear_env"},
		{"listen = /run/$site.sock", "$site"},
		{"[app]\nlisten = 127.0.0.1:APP_PORT", "APP_PORT"},

		{"listen = PHP:9000 ; see A:B", ""},
		{"user = www ; $owner", ""},
		{"listen = /run/$pool.sock ; $x", ""},
		{"php_admin_value[sendmail_path] = mail $a", ""},
		{"; {{ ansible_managed }}\n# {{ x }}\npm = static", ""},
		{"listen = ${FPM_LISTEN}\nlisten.owner = ${USER}", ""},
		{"env[PATH] = $PATH", ""},
		{"listen = /run/php/$pool.sock", ""},
		{`access.format = "%R - %u %t \"%m %r%Q%q\" %{mega}M %{REQUEST_METHOD}e"`, ""},
		{"access.format = %t %m %r %{kilo}M", ""},
		{"pm.max_children = MAX", ""}, // FPM refuses it
	} {
		mark, ok := TemplateMark(source.NewFile("/x", []byte(c.text)))
		if ok != (c.mark != "") || mark.Text() != c.mark {
			t.Errorf("%s: mark %q, want %q", c.text, mark.Text(), c.mark)
		}
	}
	mark, ok := TemplateMark(source.NewFile("/x.tpl", []byte("[www]\npm = static\npm.max_children = MY_MAX\n")))
	if !ok || mark.Text() != "MY_MAX" {
		t.Errorf("a number's name in a file called a template: mark %q", mark.Text())
	}
}
