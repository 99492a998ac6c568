package lint_test

import (
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

func TestGenerated(t *testing.T) {
	for _, c := range []struct{ path, text, want string }{
		{"/etc/nginx/nginx.conf", "user www-data;\n", ""},
		{"/etc/nginx/nginx.conf", "# {{ ansible_managed }} became: Ansible managed\nuser x;\n", "Ansible"},
		{"/etc/php-fpm.d/a.conf", "\n  ; This file is managed by Puppet.\r\n[a]\n", "Puppet"},
		{"/etc/nginx/a", "#\n# DO NOT EDIT\n", "another program, as its header says"},
		{"/etc/nginx/a", "server { return 200 'do not edit'; } # fine\n", ""},
		{"/etc/nginx/a", "log_format a '\nAnsible managed';\n", ""},
		{"/etc/nginx/a", strings.Repeat("# filler\n", 300) + "# do not edit\n", ""},
		{"/opt/cpanel/ea-php82/root/etc/php-fpm.d/a.conf", "[a]\n", "cPanel"},
		{"/etc/nginx/plesk.conf.d/a.conf", "", "Plesk"},
	} {
		if got := lint.Generated(source.NewFile(c.path, []byte(c.text))); got != c.want {
			t.Errorf("%s %.40q: %q, want %q", c.path, c.text, got, c.want)
		}
	}
}
