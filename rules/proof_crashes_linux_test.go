package rules_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// crash is a script whose worker gets the signal in its query.
const crash = "-- www/crash.php --\n<?php posix_kill(posix_getpid(), (int) $_SERVER['QUERY_STRING']); usleep(500000); echo 'ok';\n"

// without is a site whose main file lacks the lines that live.Master writes for emergencies.
func without(want string) string {
	return strings.NewReplacer("emergency_restart_threshold = 10\n", "", "emergency_restart_interval = 1m\n", "", "[global]", "[global] ; want \""+want+": \"").Replace(site("", ""))
}

// crashes asks for a page whose worker crashes until PHP-FPM restarts itself.
func crashes(t *testing.T, s *live.Server) (status int, restarted string) {
	t.Helper()
	for range 10 {
		if status, _ = s.Get("bad.test", "/crash.php?11"); status != 502 {
			t.Errorf("status %d of a crash", status)
		}
	}
	restarted = "not restarted"
	for range 200 {
		_, after, found := strings.Cut(s.Read("fpm.log"), "failed processes threshold (10 in 60 sec) is reached, initiating reload")
		if found {
			restarted = "restarted"
			if strings.Contains(after, "ready to handle connections") {
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	status, _ = s.Get("bad.test", "/index.php")
	return status, restarted
}

// reloading asks for a page and reloads PHP-FPM meanwhile.
func reloading(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	master := s.MasterOf(s.Path("php/php-fpm.conf"))
	begun := s.Begun()
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		s.AwaitBegun(begun + 1)
		_ = syscall.Kill(master, syscall.SIGUSR2) // the answer tells
	})
	return s.Get("bad.test", "/wait.php?2500")
}

func TestProofCrashes(t *testing.T) {
	prove(t, map[string]proof{
		"emergency-restart": {
			rule: "emergency-restart", severity: lint.Warning, archive: without("emergency-restart") + crash,
			ask: crashes, broken: answer{200, "not restarted"}, cured: answer{200, "restarted"},
		},
		"process-control-timeout": {
			rule: "process-control-timeout", severity: lint.Warning, archive: without("process-control-timeout"),
			ask: reloading, broken: answer{status: 502}, cured: ok,
		},
	})
}

// debugger listens where Xdebug asks for one, and never answers.
func debugger(port string) func(*testing.T, *live.Server) {
	return func(t *testing.T, s *live.Server) {
		t.Helper()
		out, err := exec.Command(s.FPM, "-i").Output()
		if err != nil {
			t.Fatal(err)
		}
		dir := regexp.MustCompile(`(?m)^extension_dir => (\S+)`).FindSubmatch(out)
		if _, err := os.Stat(filepath.Join(string(dir[1]), "xdebug.so")); err != nil {
			t.Skip("Xdebug is not installed")
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() }) // the kernel takes connections without being asked
	}
}

func TestProofXdebug(t *testing.T) {
	t.Parallel()
	port := live.Ports(t, 1)[0]
	(&proof{
		rule: "xdebug-enabled", severity: lint.Warning, before: debugger(port),
		archive: live.Site(live.PHPServer("bad.test", "unix:@DIR@/a.sock", "            fastcgi_read_timeout 2s;\n")) + version("8.2", "fpm.log", "a.sock") +
			"-- etc/php/8.2/fpm/php.ini --\nzend_extension = xdebug ; want \"xdebug-enabled: \"\nxdebug.mode = debug\nxdebug.start_with_request = yes\nxdebug.client_port = " + port + "\n",
		ask: get("/index.php"), broken: answer{status: 504}, cured: ok,
	}).run(t)
}
