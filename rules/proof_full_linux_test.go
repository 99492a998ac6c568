package rules_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// two are the workers of live.Pool, five those of a packaged pool.
const (
	two  = "pm = static\npm.max_children = 2\n"
	five = "pm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n"
)

// packagedSite is a site whose pool has them.
func packagedSite(location, pool string) string {
	return strings.Replace(site(location, pool), two, five, 1) + work
}

// someSeconds are enough for the master, which looks once a second whether a pool needs a worker.
const someSeconds = "            fastcgi_read_timeout 4s;\n"

// whileFive asks for a page while five visitors have one that takes its time.
func whileFive(work string) func(*testing.T, *live.Server) (int, string) {
	return func(t *testing.T, s *live.Server) (status int, body string) {
		t.Helper()
		if err := os.RemoveAll(s.Path("released")); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		begun := s.Begun()
		for range 5 {
			group.Go(func() { s.Get("bad.test", work) })
		}
		s.AwaitBegun(begun + 5)
		status, body = s.Get("bad.test", "/index.php")
		s.Write("released", "")
		group.Wait()
		return status, body
	}
}

// stampede lets five visitors come for a page that is not in the cache, and says how many workers
// made it.
func stampede(t *testing.T, s *live.Server) (status int, workers string) {
	t.Helper()
	if err := os.RemoveAll(s.Path("released")); err != nil {
		t.Fatal(err)
	}
	begun := s.Begun()
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if status, body := s.Get("bad.test", fmt.Sprintf("/work.php?%d", begun)); status != 200 {
				t.Errorf("a visitor gets %d %q", status, body)
			}
		})
	}
	const all = "Active connections: 6 " // one is the question's
	for range 500 {
		if status, workers = s.Get("bad.test", "/nginx-status"); strings.HasPrefix(workers, all) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if locked := strings.Contains(s.Read("nginx.conf"), "fastcgi_cache_lock on"); locked {
		s.AwaitBegun(begun + 1)
	} else {
		s.AwaitBegun(begun + 5)
		s.AwaitLog("fpm.log", "server reached pm.max_children setting (5)")
	}
	made := s.Begun() - begun
	s.Write("released", "")
	group.Wait()
	return status, fmt.Sprint(made)
}

func TestProofFull(t *testing.T) {
	t.Parallel()
	prove(t, map[string]proof{
		"max-children-default": {
			rule: "max-children-default", severity: lint.Info,
			archive: strings.Replace(packagedSite(someSeconds, ""), "pm.max_children = 5", `pm.max_children = 5 ; want "max-children-default: "`, 1),
			ask:     whileFive("/work.php"), broken: answer{status: 504}, cured: ok, hand: [3]string{"php/pool.d/www.conf", "= 5", "= 8"},
		},
		"admin-ajax-shared": {
			rule: "admin-ajax-shared", severity: lint.Info,
			archive: strings.NewReplacer("www/work.php", "www/wp-admin/admin-ajax.php", "unix:@DIR@/a.sock;", `unix:@DIR@/a.sock; # want "admin-ajax-shared: "`).
				Replace(packagedSite(someSeconds, live.Pool("ajax", "ajax.sock", "pm.max_children = 5"))) + "-- www/wp-config.php --\n<?php\n",
			ask: whileFive("/wp-admin/admin-ajax.php"), broken: answer{status: 504}, cured: ok,
			hand: [3]string{"nginx.conf", "        location ~", "        location = /wp-admin/admin-ajax.php {\n" + params + "            fastcgi_pass unix:@DIR@/ajax.sock;\n        }\n        location ~"},
		},
		"cache-stampede": {
			rule: "cache-stampede", severity: lint.Info,
			archive: strings.NewReplacer("    server {", "    fastcgi_cache_path @DIR@/cache keys_zone=pages:1m;\n    server {", "        location", "        location = /nginx-status { stub_status; }\n        location").
				Replace(packagedSite("            fastcgi_cache_key $request_uri;\n            fastcgi_cache_valid 1m;\n            fastcgi_cache pages; # want \"cache-stampede: \"\n", "")),
			ask: stampede, broken: answer{200, "5"}, cured: answer{200, "1"},
		},
	})
}
