package rules_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// site is a site on a pool's socket, and the pool.
func site(location, pool string) string {
	return live.Site(live.PHPServer("bad.test", "unix:@DIR@/a.sock", location)) + live.Master("php", "", live.Pool("www", "a.sock", pool))
}

// passTo is a site that passes to an address, or by lines of its own, and a pool on a socket.
func passTo(upstreams, pass string) string {
	return live.Site(upstreams+live.PHPServer("bad.test", pass, "")) + live.Master("php", "", live.Pool("www", "a.sock", ""))
}

const limit = "-- www/limit.php --\n<?php echo ini_get('memory_limit');\n"

// limits are the memory limits of two sites.
func limits(t *testing.T, s *live.Server) (status int, both string) {
	t.Helper()
	_, one := s.Get("bad.test", "/limit.php")
	status, two := s.Get("other.test", "/limit.php")
	return status, one + " " + two
}

func TestProofStart(t *testing.T) {
	prove(t, map[string]proof{
		"nginx-syntax": {
			rule:    "nginx-syntax",
			archive: strings.Replace(site("", ""), "a.sock;\n        }", "a.sock\n        } # want \"nginx-syntax: unexpected\"", 1),
			refused: true, cured: ok, hand: [3]string{"nginx.conf", "a.sock\n", "a.sock;\n"},
		},
		"two default servers": {
			rule: "nginx-syntax", silent: true,
			archive: live.Site("    server {\n        listen unix:@DIR@/http.sock default_server;\n        return 404;\n    }\n"+
				strings.Replace(live.PHPServer("bad.test", "unix:@DIR@/a.sock", ""), "http.sock;", `http.sock default_server; # want "nginx-syntax: a duplicate default server for unix:"`, 1)) +
				live.Master("php", "", live.Pool("www", "a.sock", "")),
			refused: true, cured: ok, hand: [3]string{"nginx.conf", "default_server; #", "; #"},
		},
		"fpm-syntax": {
			rule: "fpm-syntax", archive: site("", `pm.max_requests ; want "fpm-syntax: value is NULL"`),
			refused: true, cured: ok, hand: [3]string{"php/pool.d/www.conf", "pm.max_requests ;", "pm.max_requests = 9 ;"},
		},
		"pool-hash-comment": {
			rule: "pool-hash-comment", archive: site("", `#old ; want "pool-hash-comment: "`),
			refused: true, cured: ok,
		},
		"fpm-config": {
			rule: "fpm-config",
			archive: site("", `pm = dynamic
pm.max_children = 5
pm.min_spare_servers = 1
pm.max_spare_servers = 9 ; want "fpm-config: .*cannot be greater than pm.max_children"`),
			refused: true, cured: ok,
		},
		"a chroot that is not there": {
			rule: "fpm-config", silent: true, archive: site("", `chroot = @DIR@/gone ; want "fpm-config: .*the chroot path '.*/gone' does not exist"`),
			refused: true, cured: ok, hand: [3]string{"php/pool.d/www.conf", "chroot = @DIR@/gone", "chdir = @DIR@/www"},
		},
		"a slow log that is never opened": {
			rule: "fpm-config", silent: true, archive: site("", `request_slowlog_timeout = 5sec ; want "fpm-config: .*unknown suffix"`+"\nslowlog = @DIR@/gone/slow.log"),
			refused: true, cured: ok, hand: [3]string{"php/pool.d/www.conf", "5sec", "0"},
		},
		"upstream-unresolvable": {
			rule: "upstream-unresolvable", archive: passTo("", `php; # want "upstream-unresolvable: "`),
			refused: true, cured: ok, hand: [3]string{"nginx.conf", "    server {", "    upstream php { server unix:@DIR@/a.sock; }\n    server {"},
		},
		"upstream with a port": {
			rule: "upstream-unresolvable", archive: passTo("    upstream php { server unix:@DIR@/a.sock; }\n", `php:9000; # want "upstream-unresolvable: "`),
			refused: true, cured: ok, silent: true,
		},
		"php-value-shadowed": {
			rule: "php-value-shadowed", severity: lint.Warning, silent: true,
			archive: site("", `php_admin_value[memory_limit] = 64M
php_admin_value[memory_limit] = 96M ; want "php-value-shadowed: "`) + limit,
			ask: get("/limit.php"), broken: answer{200, "64M"}, cured: answer{200, "96M"},
		},
		"include-matches-nothing": {
			rule: "include-matches-nothing", severity: lint.Warning,
			archive: strings.NewReplacer("www.conf --", "www.pool --", "*.conf", `*.conf ; want "include-matches-nothing: "`).Replace(site("", "")),
			refused: true, cured: ok, hand: [3]string{"php/php-fpm.conf", "*.conf", "*.pool"},
		},
		"directive-after-include": {
			rule: "directive-after-include", severity: lint.Warning, silent: true,
			archive: strings.Replace(live.Site(live.PHPServer("bad.test", "unix:@DIR@/a.sock", "")+live.PHPServer("other.test", "unix:@DIR@/b.sock", ""))+
				live.Master("php", "", live.Pool("www", "a.sock", "")+"-- php/pool.d/zzz.conf --\n"+live.Pool("zzz", "b.sock", "")),
				"*.conf\n", "*.conf\nphp_admin_value[memory_limit] = 96M ; want \"directive-after-include: \"\n", 1) + limit,
			ask: limits, broken: answer{200, "128M 96M"}, cured: answer{200, "128M 96M"},
		},
		"backup-config-included": {
			rule: "backup-config-included", severity: lint.Warning,
			archive: strings.Replace(live.Site("    include @DIR@/sites/*;\n")+live.Master("php", "", live.Pool("www", "a.sock", "")), "@DIR@/error.log info", "@DIR@/error.log", 1) +
				"-- sites/bad.bak --\n# want \"backup-config-included: \"\n" + live.PHPServer("bad.test", "unix:@DIR@/old.sock", "") + "-- sites/bad.conf --\n" + live.PHPServer("bad.test", "unix:@DIR@/a.sock", ""),
			broken: answer{status: 502}, cured: ok, hand: [3]string{"nginx.conf", "/sites/*", "/sites/*.conf"},
		},
		"scalar-overridden": {
			rule: "scalar-overridden", severity: lint.Info,
			archive: site("", `listen = @DIR@/b.sock ; want "scalar-overridden: "`),
			broken:  answer{502, ""}, cured: ok, hand: [3]string{"php/pool.d/www.conf", "listen = @DIR@/b.sock ;", ";"},
		},
	})
}

// TestReloadEndsPHPFPM reloads a PHP-FPM whose file no longer parses: the pages of the rules on
// refused starts say that it dies, and that its socket stays and refuses.
func TestReloadEndsPHPFPM(t *testing.T) {
	t.Parallel()
	s := live.Start(t, site("", "")+live.Scripts)
	if status, body := s.Get("bad.test", "/index.php"); status != 200 {
		t.Fatalf("status %d %q", status, body)
	}
	s.Write("php/pool.d/www.conf", s.Read("php/pool.d/www.conf")+"#old\n")
	conf := s.Path("php/php-fpm.conf")
	if err := syscall.Kill(s.MasterOf(conf), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		time.Sleep(50 * time.Millisecond)
		if status, _ := s.Get("bad.test", "/index.php"); status == 502 && strings.Contains(s.Read("error.log"), "(111: Connection refused)") {
			return
		}
	}
	t.Errorf("the socket does not refuse: %s", s.Read("error.log"))
}
