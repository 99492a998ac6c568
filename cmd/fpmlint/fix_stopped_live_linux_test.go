package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fpmlint/testdata/live"
)

// TestFixOfStoppedDaemons keeps a fix where a daemon does not run, which may be so for what the fix
// mends, and says how to start it; once started the sites answer.
func TestFixOfStoppedDaemons(t *testing.T) {
	t.Run("PHP-FPM, which its configuration ended", func(t *testing.T) {
		s := live.Start(t, mismatch())
		s.Write("8.2/pool.d/www.conf", strings.Replace(s.Read("8.2/pool.d/www.conf"), "pm = static", "pm = dynamic\npm.start_servers = 9\npm.min_spare_servers = 1\npm.max_spare_servers = 2", 1))
		s.End(s.Path("8.2/php-fpm.conf"))
		code, out := fixed(t, s, "--reload")
		if code != 1 || !strings.Contains(out, "to do: PHP-FPM") || !strings.Contains(out, s.FPM+" -D -y "+s.Path("8.2/php-fpm.conf")) {
			t.Errorf("exit code %d\n%s", code, out)
		}
		s.StartFPM(s.Path("8.2/php-fpm.conf"))
		wantStatus(t, s, "good.test", "/index.php", 200)
		wantStatus(t, s, "bad.test", "/index.php", 200)
	})
	t.Run("PHP-FPM, whose files are well", func(t *testing.T) {
		s := live.Start(t, mismatch())
		s.End(s.Path("8.2/php-fpm.conf"))
		code, out := fixed(t, s, "--reload")
		if code != 1 || !strings.Contains(out, "to do: PHP-FPM") || !strings.Contains(out, "ok      reload nginx") {
			t.Errorf("exit code %d\n%s", code, out)
		}
		s.StartFPM(s.Path("8.2/php-fpm.conf"))
		wantStatus(t, s, "bad.test", "/index.php", 200)
	})
	t.Run("nginx", func(t *testing.T) {
		s := live.Start(t, mismatch())
		s.End(s.Path("nginx.conf"))
		code, out := fixed(t, s, "--reload", "--format", "json")
		if code != 1 || !strings.Contains(out, `"outcome": "applied"`) || !strings.Contains(out, "does not run; start it: "+s.Nginx+" -c "+s.Path("nginx.conf")) {
			t.Errorf("exit code %d\n%s", code, out)
		}
		s.StartNginx()
		wantStatus(t, s, "bad.test", "/index.php", 200)
	})
}

// TestFixOfLoadedFiles tells a daemon that runs with its files from one that runs with older ones: no
// finding is left in the files, and yet the site is down.
func TestFixOfLoadedFiles(t *testing.T) {
	s := live.Start(t, mismatch())
	code, out := fixed(t, s, "--write", "--root", "/")
	if code != 0 || !strings.Contains(out, "it still runs with the old files") {
		t.Errorf("--write: exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 502)
	code, out = fixed(t, s, "--reload")
	_, command, _ := strings.Cut(out, "changed since; reload it: ")
	if code != 1 || !strings.Contains(out, s.Path("nginx.conf")+" changed since") {
		t.Fatalf("--reload: exit code %d\n%s", code, out)
	}
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	if !eventually(func() bool { status, _ := s.Get("bad.test", "/index.php"); return status == 200 }) {
		t.Error("the command did not reload nginx")
	}
	if !eventually(func() bool { code, out = fixed(t, s, "--reload"); return code == 0 }) { // the old worker leaves a little later
		t.Errorf("after it: exit code %d\n%s", code, out)
	}
}

// TestFixReloadsNobodyAbruptly spares running requests of a PHP-FPM that has not loaded the
// process_control_timeout that its file has had for a while, and says what else a reload takes over.
func TestFixReloadsNobodyAbruptly(t *testing.T) {
	s := live.Start(t, strings.Replace(mismatch(), "process_control_timeout = 10s\n", "", 1))
	if code, out := fixed(t, s, "--write", "--select", "process-control-timeout"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	s.Write("8.2/php-fpm.conf", strings.Replace(s.Read("8.2/php-fpm.conf"), "emergency_restart_interval = 1m\n", "", 1))
	slow := running(s, 5000)
	code, out := fixed(t, s, "--reload")
	if code != 0 || !strings.Contains(out, "left running") || !strings.Contains(out, "will take over what was changed since it loaded its files") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if status := <-slow; status != 200 {
		t.Errorf("the running request ends with %d", status)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
	if code, out := fixed(t, s, "--reload"); code != 1 || !strings.Contains(out, "since that cuts running requests off") {
		t.Errorf("the second run: exit code %d\n%s", code, out)
	}
}

// TestFixReachesBusyPool keeps a fix whose pool is there and has all its workers at work.
func TestFixReachesBusyPool(t *testing.T) {
	s := live.Start(t, mismatch())
	s.Write("nginx.conf", strings.Replace(s.Read("nginx.conf"), "good.sock", "php8.2-fpm.sock", 1))
	if out, err := exec.Command(s.Nginx, "-c", s.Path("nginx.conf"), "-s", "reload").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.AwaitLog("error.log", "gracefully shutting down") // the new workers listen
	first, second := running(s, 8000), running(s, 8000)
	code, out := fixed(t, s, "--reload")
	if a, b := <-first, <-second; a != 200 || b != 200 {
		t.Errorf("the running requests end with %d and %d", a, b)
	}
	if code != 1 || !strings.Contains(out, "the fix reaches the pool, and the pool is busy") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixLeavesStartsToSupervisor waits for the supervisor of a PHP-FPM that ended at its reload: a
// second master would keep the supervisor's from its sockets.
func TestFixLeavesStartsToSupervisor(t *testing.T) {
	s := live.Prepare(t, permissions())
	conf := s.Path("8.2/php-fpm.conf")
	supervisor := exec.Command("sh", "-c", "while ! test -e "+s.Path("stop.log")+"; do "+s.FPM+" -F -y "+conf+"; echo >> "+s.Path("starts.log")+"; sleep 1; done")
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Write("stop.log", "")
		s.End(s.Path("8.2/php-fpm.conf"))
		supervisor.Wait() //nolint:errcheck // it is stopped
	})
	if !eventually(func() bool { _, err := os.Stat(s.Path("good.sock")); return err == nil }) {
		t.Fatal("PHP-FPM did not start")
	}
	s.StartNginx()
	code, out := fixed(t, s, "--reload", "--reload-fpm", s.Expand("kill -9 $(cat @DIR@/8.2/fpm.pid); sleep 0.3"))
	if code != 3 || !strings.Contains(out, "ended at its reload") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	time.Sleep(1500 * time.Millisecond)
	if n := strings.Count(s.Read("starts.log"), "\n"); n != 1 {
		t.Errorf("the supervisor saw PHP-FPM end %d times\n%s", n, out)
	}
	wantStatus(t, s, "good.test", "/index.php", 200)
}
