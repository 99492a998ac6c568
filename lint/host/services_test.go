package host

import "testing"

func TestStarted(t *testing.T) {
	for command, want := range map[string]string{
		"/usr/sbin/nginx -g 'daemon on; master_process on;'": "nginx",
		"/usr/local/openresty/bin/openresty":                 "nginx",
		"nginx":                                              "nginx",
		"/usr/bin/env -i /usr/sbin/nginx":                    "nginx",
		"/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config /etc/php/8.2/fpm/php-fpm.conf": "php-fpm",
		"/usr/sbin/php-fpm --nodaemonize":                                               "php-fpm",
		"/usr/sbin/php82-fpm -F":                                                        "php-fpm",
		"/opt/php-7.4-fpm":                                                              "php-fpm",
		"/usr/lib/php/sessionclean":                                                     "",
		"/usr/bin/php /srv/app/worker.php nginx":                                        "",
		"/usr/sbin/php-fpm-exporter":                                                    "",
		"":                                                                              "",
	} {
		if got := started(command); got != want {
			t.Errorf("%q starts %q, want %q", command, got, want)
		}
	}
}
