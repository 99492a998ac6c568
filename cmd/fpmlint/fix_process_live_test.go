package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/testdata/live"
)

// TestFixAsksAsTheWorkers asks as the user that nginx's workers have where nginx.conf names none: root
// may connect where they may not.
func TestFixAsksAsTheWorkers(t *testing.T) {
	s := live.Prepare(t, strings.Replace(mismatch(), "user www-data;\n", "", 1))
	s.StartFPM(s.Path("8.2/php-fpm.conf"))
	s.StartNginx()
	if status, _ := s.Get("good.test", "/index.php"); status == 200 {
		t.Skip("this nginx's own user may use the sockets")
	}
	before := state(t, s)
	code, out := fixed(t, s, "--reload", "--ignore", "listen-permissions")
	if code != 3 || !strings.Contains(out, "permission denied") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff(before, state(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestFixFindsRelativeMaster finds the PHP-FPM that was started with a relative path.
func TestFixFindsRelativeMaster(t *testing.T) {
	s := live.Prepare(t, permissions())
	start := exec.Command(s.FPM, "-D", "-y", "8.2/php-fpm.conf")
	start.Dir = s.Dir
	if out, err := start.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("sh", "-c", "kill $(cat "+s.Path("8.2/fpm.pid")+")").Run() }) //nolint:errcheck // it may have ended
	s.StartNginx()
	if code, out := fixed(t, s, "--reload"); code != 0 || !strings.Contains(out, "ok      reload PHP-FPM") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixOfTwoMasters changes nothing where it cannot tell which of two processes serves.
func TestFixOfTwoMasters(t *testing.T) {
	s := live.Start(t, mismatch())
	if err := os.Remove(s.Path("http.sock")); err != nil { // so that the second can listen
		t.Fatal(err)
	}
	s.StartNginx()
	before := state(t, s)
	if code, out := fixed(t, s, "--reload"); code != 3 || !strings.Contains(out, "runs more than once") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff(before, state(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}
