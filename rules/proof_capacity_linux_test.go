package rules_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// beside asks for a page while another site's pool is busy.
func beside(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	var group sync.WaitGroup
	defer group.Wait()
	begun := s.Begun()
	group.Go(func() { s.Get("other.test", "/wait.php?2500") })
	s.AwaitBegun(begun + 1)
	return s.Get("bad.test", "/index.php")
}

// starved asks for a page after page until nginx can open no more files. A hand-off takes two, so
// that the last file may be a visitor's, who then waits: the second time one more is open.
func starved(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	status = 200
	for range 2 {
		var group sync.WaitGroup
		var lock sync.Mutex
		for range 12 {
			group.Go(func() {
				got, _ := s.Get("bad.test", "/wait.php?1000")
				lock.Lock()
				defer lock.Unlock()
				status = max(status, got)
			})
			time.Sleep(20 * time.Millisecond)
		}
		group.Wait()
		if status != 200 {
			return status, ""
		}
		c, err := net.Dial("unix", s.Path("http.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // nothing is sent
	}
	return status, "ok"
}

// settled asks for a page once PHP-FPM has started its workers or given up: until then those it has
// started answer.
func settled(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	for range 500 {
		log := s.Read("fpm.log")
		if last := log[strings.LastIndex(log, "fpm is running")+1:]; strings.Contains(last, "ready to handle connections") || strings.Contains(last, "bye-bye") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return s.Get("bad.test", "/index.php")
}

// noisy asks for a page of a busy pool, and says whether PHP-FPM's log speaks of it.
func noisy(t *testing.T, s *live.Server) (status int, said string) {
	t.Helper()
	status, _ = crowd(4, "/wait.php?500", "/index.php")(t, s)
	if log := s.Read("fpm.log"); strings.Contains(log, "WARNING") {
		return status, log
	}
	return status, "nothing"
}

func TestProofCapacity(t *testing.T) {
	prove(t, map[string]proof{
		"process-max": {
			rule: "process-max", severity: lint.Warning,
			archive: live.Site(live.PHPServer("bad.test", "unix:@DIR@/a.sock", "            fastcgi_read_timeout 1s;\n")+live.PHPServer("other.test", "unix:@DIR@/b.sock", "")) +
				live.Master("php", `process.max = 1 ; want "process-max: "`, live.Pool("www", "a.sock", "pm = ondemand")+live.Pool("two", "b.sock", "pm = ondemand")),
			ask: beside, broken: answer{status: 504}, cured: ok,
		},
		"file-limit of nginx": {
			rule: "file-limit", severity: lint.Warning,
			archive: strings.Replace(site("", "pm.max_children = 12"), "worker_processes 1;", "worker_processes 1;\nworker_rlimit_nofile 20; # want \"file-limit: \"", 1),
			ask:     starved, broken: answer{status: 500}, cured: ok,
		},
		"file-limit of PHP-FPM": {
			rule: "file-limit", silent: true,
			archive: live.Site(live.PHPServer("bad.test", "unix:@DIR@/a.sock", "")) +
				live.Master("php", `rlimit_files = 20 ; want "file-limit: "`, live.Pool("www", "a.sock", "pm.max_children = 12\ncatch_workers_output = yes")),
			ask: settled, broken: answer{status: 502}, cured: ok,
		},
		"static-silent": {
			rule: "static-silent", severity: lint.Info,
			archive: strings.Replace(site("", "pm.max_children = 1\nlisten.backlog = 1"), "pm = static", `pm = static ; want "static-silent: "`, 1),
			ask:     noisy, broken: answer{502, "nothing"}, cured: answer{502, "nothing"}, hand: [3]string{"php/pool.d/www.conf", "pm = static", "pm.status_path = /status\npm = static"},
		},
		"spare-servers": {
			rule: "spare-servers", severity: lint.Warning,
			archive: site("", `pm = dynamic
pm.max_children = 40
pm.min_spare_servers = 1
pm.max_spare_servers = 1 ; want "spare-servers: "`),
			ask: burst(6, 4500), broken: answer{200, "some waited"}, cured: answer{200, "at once"},
		},
	})
}

// burst asks for many pages at once that take some time each, and says whether some waited for a worker.
func burst(n, ms int) func(*testing.T, *live.Server) (int, string) {
	return func(t *testing.T, s *live.Server) (int, string) {
		t.Helper()
		begin := time.Now()
		var group sync.WaitGroup
		for range n {
			group.Go(func() {
				if status, _ := s.Get("bad.test", fmt.Sprintf("/wait.php?%d", ms)); status != 200 {
					t.Errorf("status %d", status)
				}
			})
		}
		group.Wait()
		if time.Since(begin) > time.Duration(ms)*time.Millisecond*3/2 {
			return 200, "some waited"
		}
		return 200, "at once"
	}
}
