package rules_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"fpmlint/testdata/live"
)

// services has nginx or PHP-FPM run as systemd does: in a control group of its unit's name and, where
// the unit says PrivateTmp, with an empty /tmp of its own.
func services(t *testing.T, s *live.Server) {
	t.Helper()
	if err := os.MkdirAll("/run/systemd/system", 0o755); err != nil {
		t.Fatal(err)
	}
	for unit, within := range map[string]func(string){"nginx": s.NginxWithin, "php8.2-fpm": s.FPMWithin} {
		name := unit + ".service"
		if err := os.Link(s.Path(name), "/run/systemd/system/"+name); err != nil {
			t.Fatal(err)
		}
		within(fmt.Sprintf("echo 0 > %s/cgroup.procs\nif grep -q PrivateTmp=true %s; then mount -t tmpfs tmp /tmp; fi", live.Group(t, name), s.Path(name)))
	}
}

func TestProofPrivateTmp(t *testing.T) {
	for name, private := range map[string][2]string{
		"PHP-FPM": {"PrivateTmp=false", `PrivateTmp=true`},
		"nginx":   {"PrivateTmp=true", "PrivateTmp=false"},
	} {
		t.Run(name, func(t *testing.T) {
			if !live.Alone(t) {
				return
			}
			for _, dir := range []string{"/run", "/tmp"} {
				if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=1777"); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("TMPDIR", "/run") // the stack's files are not what PrivateTmp hides
			(&proof{
				rule: "private-tmp", before: services,
				archive: live.Site(live.PHPServer("bad.test", `unix:/tmp/php8.2-fpm.sock; # want "private-tmp: "`, "")) +
					live.Master("php", "", live.Pool("www", "a.sock", "listen = /tmp/php8.2-fpm.sock")) +
					fmt.Sprintf("-- nginx.service --\n[Service]\nExecStart=/usr/sbin/nginx\n%s\n-- php8.2-fpm.service --\n[Service]\nExecStart=/usr/sbin/php-fpm8.2\n%s\n", private[0], private[1]),
				broken: answer{status: 502}, cured: ok, hand: [3]string{"nginx.conf php/pool.d/www.conf", "/tmp/php8.2-fpm.sock", "@DIR@/php8.2-fpm.sock"},
			}).run(t)
		})
	}
}
