package stack

import (
	"testing"

	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

// TestMissingLogs looks for logs' directories as on a machine that has /var/log only.
func TestMissingLogs(t *testing.T) {
	root := source.Memory("t", map[string]string{"/etc/php-fpm.conf": `
error_log = /var/log/php.log
[www]
listen = /run/www.sock
slowlog = /var/log/php/$pool.slow
request_slowlog_timeout = 5s
access.log = /proc/self/fd/2
[b]
listen = /run/b.sock
slowlog = var/slow.log
request_slowlog_timeout = 5s
access.log = /run/log/b.log
[unused]
listen = /run/unused.sock
slowlog = /srv/log/unused.slow
`})
	m, err := fpm.Load(root, "/etc/php-fpm.conf", fpm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Stack{Masters: []*fpm.Master{m}}
	s.findMissingLogs(func(_ *source.Root, dir string) bool { return dir != "/var/log" })
	if len(s.MissingLogs) != 1 || s.MissingLogs[0].Dir != "/var/log/php" || s.MissingLogs[0].Setting.Text != "/var/log/php/www.slow" {
		t.Errorf("missing: %+v", s.MissingLogs)
	}
}
