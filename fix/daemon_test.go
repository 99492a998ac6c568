//go:build unix

package fix

import "testing"

// TestWordsByHand are the commands that an operator is told to type.
func TestWordsByHand(t *testing.T) {
	for want, d := range map[string]*Daemon{
		"systemctl start php8.2-fpm.service":        {Kind: kindFPM, Unit: "php8.2-fpm.service", Conf: "/nowhere/fpm.conf", Program: "/usr/sbin/php-fpm8.2"},
		"start it as this machine does":             {Kind: kindNginx, Conf: "/nowhere/nginx.conf"},
		"/usr/sbin/nginx -c '/srv/it'\\''s/n.conf'": {Kind: kindNginx, Program: "/usr/sbin/nginx", Conf: "/srv/it's/n.conf"},
		"/usr/sbin/php-fpm8.2 -D -y /etc/f.conf":    {Kind: kindFPM, Program: "/usr/sbin/php-fpm8.2", Conf: "/etc/f.conf"},
		"service nginx reload":                      {Kind: kindNginx, ReloadCommand: "service nginx reload", Conf: "/etc/nginx/nginx.conf"},
	} {
		if got := d.ReloadByHand(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
