package rules_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// crowd asks for a page while others do for another.
func crowd(n int, others, path string) func(*testing.T, *live.Server) (int, string) {
	return func(t *testing.T, s *live.Server) (int, string) {
		t.Helper()
		var group sync.WaitGroup
		defer group.Wait()
		begun := s.Begun()
		for range n {
			group.Go(func() { s.Get("bad.test", others) })
			time.Sleep(20 * time.Millisecond)
		}
		s.AwaitBegun(begun + 1)
		time.Sleep(100 * time.Millisecond)
		return s.Get("bad.test", path)
	}
}

// after asks for a page once another was answered.
func after(first, path string) func(*testing.T, *live.Server) (int, string) {
	return func(t *testing.T, s *live.Server) (int, string) {
		t.Helper()
		s.Get("bad.test", first)
		return s.Get("bad.test", path)
	}
}

// ownHosts gives this thread and what it starts an /etc/hosts of their own. The thread ends with the test.
func ownHosts(t *testing.T, s *live.Server) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Skipf("no namespace: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(s.Path("hosts"), "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
}

// order posts an order, and says how many were placed.
func order(t *testing.T, s *live.Server) (status int, placed string) {
	t.Helper()
	s.Write("orders", "")
	if err := os.Chmod(s.Path("orders"), 0o666); err != nil {
		t.Fatal(err)
	}
	status, _ = s.Do("POST", "bad.test", "/order.php")
	return status, s.Read("orders")
}

// pools says how many pools answer, by their limits.
func pools(t *testing.T, s *live.Server) (status int, answering string) {
	t.Helper()
	limits := map[string]bool{}
	for range 100 {
		got, limit := s.Get("bad.test", "/pools.php")
		status, limits[limit] = got, true
		if len(limits) > 1 {
			return status, "two pools"
		}
	}
	return status, "one pool"
}

func TestProofConnectivity(t *testing.T) {
	ports := live.Ports(t, 10)
	port := func(i int) string { return "127.0.0.1:" + ports[i] }
	tcp := func(pass, listen string) string {
		return live.Site(live.PHPServer("bad.test", pass, "")) + live.Master("php", "", live.Pool("www", "a.sock", "listen = "+listen))
	}
	prove(t, map[string]proof{
		"pass-form": {
			rule: "pass-form", archive: passTo("", `@DIR@/a.sock; # want "pass-form: "`),
			refused: true, cured: ok,
		},
		"listen-form": {
			rule: "listen-form", archive: site("", `listen = unix:@DIR@/a.sock ; want "listen-form: "`),
			refused: true, cured: ok,
		},
		"listen.mode": {
			rule: "listen-form", archive: site("", `listen.mode = 0888 ; want "listen-form: "`),
			broken: answer{status: 502}, cured: ok, silent: true,
		},
		"upstream-default-port": {
			rule: "upstream-default-port",
			archive: strings.Replace(tcp("php", port(0)), "    server {", `    upstream php {
        server 127.0.0.1; # want "upstream-default-port: "
    }
    server {`, 1),
			broken: answer{status: 502}, cured: ok,
		},
		"listen-conflict": {
			rule: "listen-conflict", archive: tcp(port(1), port(1)) + fmt.Sprintf("[two]\nuser = www-data\npm = static\npm.max_children = 1\nlisten = %s ; want \"listen-conflict: \"\n", ports[1]),
			refused: true, cured: ok, hand: [3]string{"php/pool.d/www.conf", "listen = " + ports[1], "listen = @DIR@/b.sock"},
		},
		"two servers with one name": {
			rule: "listen-conflict", severity: lint.Warning, or: "[warn] conflicting SERVER NAME, ignored",
			archive: live.Site("    server {\n        listen unix:@DIR@/http.sock;\n        server_name bad.test;\n        return 200 welcome;\n    }\n"+
				strings.Replace(live.PHPServer("bad.test", "unix:@DIR@/a.sock", ""), "server_name bad.test;", `server_name bad.test; # want "listen-conflict: nginx ignores the name bad.test of this server on unix:"`, 1)) +
				live.Master("php", "", live.Pool("www", "a.sock", "")),
			broken: answer{200, "welcome"}, cured: ok, hand: [3]string{"nginx.conf", "server_name bad.test;\n        return", "server_name old.test;\n        return"},
		},
		"listen-allowed-clients": {
			rule: "listen-allowed-clients", archive: tcp(port(2), port(2)+"\nlisten.allowed_clients = 192.0.2.1 ; want \"listen-allowed-clients: \""),
			broken: answer{status: 502}, cured: ok, or: "upstream prematurely closed connection while reading response header from upstream",
		},
		"one address in other words": {
			rule: "listen-conflict", silent: true, archive: tcp(port(8), port(8)) + strings.Replace(live.Pool("two", "b.sock", "php_value[memory_limit] = 99M"), "listen = @DIR@/b.sock", "listen = "+strings.Replace(port(8), ":", ":0", 1)+" ; want \"listen-conflict: .*either pool\"", 1) +
				"-- www/pools.php --\n<?php echo ini_get('memory_limit');\n",
			ask: pools, broken: answer{200, "two pools"}, cured: answer{200, "one pool"}, hand: [3]string{"php/pool.d/www.conf", strings.Replace(port(8), ":", ":0", 1), "@DIR@/b.sock"},
		},
		"listen-backlog": {
			rule: "listen-backlog", severity: lint.Warning, archive: site("", "pm.max_children = 1\nlisten.backlog = 1 ; want \"listen-backlog: \""),
			ask: crowd(4, "/wait.php?500", "/index.php"), broken: answer{status: 502}, cured: ok,
		},
		"no-live-upstream": {
			rule:    "no-live-upstream",
			archive: passTo("    upstream php { # want \"no-live-upstream: \"\n        server unix:@DIR@/a.sock down;\n    }\n", "php"),
			broken:  answer{status: 502}, cured: ok, hand: [3]string{"nginx.conf", " down;", ";"},
		},
		"proxy-unreachable": {
			rule: "proxy-unreachable",
			archive: strings.Replace(passTo("", "unix:@DIR@/a.sock"), "        root", fmt.Sprintf(`        listen %s;
        location = /fine { return 200 ok; }
        location /api/ {
            proxy_pass http://%s; # want "proxy-unreachable: "
        }
        root`, port(3), port(4)), 1),
			ask: get("/api/"), broken: answer{status: 502}, cured: ok, hand: [3]string{"nginx.conf", port(4), port(3) + "/fine"},
		},
		"proxy-pass-to-fpm": {
			rule:    "proxy-pass-to-fpm",
			archive: strings.Replace(passTo("", port(5)+`; # want "proxy-pass-to-fpm: "`), "        root", "        listen "+port(5)+";\n        root", 1),
			broken:  answer{status: 502}, cured: ok, hand: [3]string{"nginx.conf", "fastcgi_pass " + port(5), "fastcgi_pass unix:@DIR@/a.sock"},
		},
		"localhost-dual-stack": {
			rule: "localhost-dual-stack", severity: lint.Warning, before: ownHosts,
			archive: live.Site(live.PHPServer("bad.test", "localhost:"+ports[9]+`; # want "localhost-dual-stack: "`, "            fastcgi_read_timeout 500ms;\n")) +
				live.Master("php", "", live.Pool("www", "a.sock", "pm.max_children = 4\nlisten = "+port(9))) + "-- hosts --\n127.0.0.1 localhost\n::1 localhost\n",
			ask: after("/wait.php?1500", "/index.php"), broken: answer{status: 502}, cured: ok,
		},
		"max-fails-blackout": {
			rule: "max-fails-blackout", severity: lint.Warning,
			archive: live.Site(`    upstream php {
        server unix:@DIR@/a.sock;
        server unix:@DIR@/a.sock; # want "max-fails-blackout: "
    }
`+live.PHPServer("bad.test", "php", "            fastcgi_read_timeout 500ms;\n")) + live.Master("php", "", live.Pool("www", "a.sock", "pm.max_children = 4")),
			ask: after("/wait.php?1500", "/index.php"), broken: answer{status: 502}, cured: ok,
		},
		"next-upstream": {
			rule: "next-upstream", severity: lint.Warning,
			archive: live.Site(fmt.Sprintf(`    upstream php { # want "next-upstream: .*nothing bounds"
        server %s;
        server %s;
    }
`, port(6), port(7))+live.PHPServer("bad.test", "php", `            fastcgi_read_timeout 500ms;
            fastcgi_next_upstream error timeout non_idempotent; # want "next-upstream: .*non_idempotent"
`)) + live.Master("php", "", live.Pool("www", "a.sock", "listen = "+port(6))+live.Pool("two", "b.sock", "listen = "+port(7))) +
				"-- www/order.php --\n<?php file_put_contents('@DIR@/orders', 'order ', FILE_APPEND); usleep(800000);\n",
			ask: order, broken: answer{504, "order order "}, cured: answer{504, "order "},
		},
		"variable-pass-no-resolver": {
			rule: "variable-pass-no-resolver", archive: strings.Replace(passTo("", "$to"), "            fastcgi_pass", "            set $to php:9000; # want \"variable-pass-no-resolver: \"\n            fastcgi_pass", 1),
			broken: answer{status: 502}, cured: ok, hand: [3]string{"nginx.conf", "php:9000", "unix:@DIR@/a.sock"},
		},
	})
}
