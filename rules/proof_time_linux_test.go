package rules_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// abandoned asks for a page some time after nginx gave up on two that hang.
func abandoned(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { s.Get("bad.test", "/wait.php?6000") })
	}
	group.Wait()
	time.Sleep(1500 * time.Millisecond)
	return s.Get("bad.test", "/index.php")
}

func TestProofTime(t *testing.T) {
	address := "127.0.0.1:" + live.Ports(t, 1)[0]
	prove(t, map[string]proof{
		"read-timeout-zero": {
			rule: "read-timeout-zero", archive: site("            fastcgi_read_timeout 0; # want \"read-timeout-zero: \"\n", ""),
			ask: get("/wait.php?100"), broken: answer{status: 504}, cured: ok,
		},
		"low-read-timeout": {
			rule: "low-read-timeout", severity: lint.Warning, archive: site("            fastcgi_read_timeout 500ms; # want \"low-read-timeout: \"\n", ""),
			ask: get("/wait.php?1200"), broken: answer{status: 504}, cured: ok,
		},
		"timeout-order": {
			rule: "timeout-order", severity: lint.Warning, archive: site("", `php_admin_value[max_execution_time] = 20 ; want "timeout-order: "
request_terminate_timeout = 1s`),
			ask: get("/wait.php?3000"), broken: answer{status: 502}, cured: ok, hand: [3]string{"php/pool.d/www.conf", "= 1s", "= 20s"},
		},
		"unbounded-request": {
			rule: "unbounded-request", severity: lint.Warning, archive: site("            fastcgi_read_timeout 1s;\n", `php_admin_value[max_execution_time] = 1
request_terminate_timeout = 0 ; want "unbounded-request: "`),
			ask: abandoned, broken: answer{status: 504}, cured: ok,
		},
		"fpm-time-unit": {
			rule: "fpm-time-unit", severity: lint.Warning, archive: site("", `request_terminate_timeout = 1m30s ; want "fpm-time-unit: "`),
			ask: get("/wait.php?3000"), broken: answer{status: 502}, cured: ok,
		},
		"connect-timeout": {
			rule: "connect-timeout", severity: lint.Info,
			archive: live.Site(live.PHPServer("bad.test", address, "            fastcgi_connect_timeout 500ms; # want \"connect-timeout: \"\n")) +
				live.Master("php", "", live.Pool("www", "a.sock", fmt.Sprintf("listen = %s\nlisten.backlog = 1\npm.max_children = 1", address))),
			ask: crowd(5, "/wait.php?500", "/index.php"), broken: answer{status: 504}, cured: ok, hand: [3]string{"nginx.conf", "500ms", "20s"},
		},
	})
}
