package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

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

// TestFixOverTCP reaches, mends and verifies a hand-off over TCP, in a network of its own.
func TestFixOverTCP(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	archive := strings.NewReplacer("unix:@DIR@/php8.1-fpm.sock", "127.0.0.1:9001", "listen = @DIR@/php8.2-fpm.sock\nlisten.owner = www-data\nlisten.group = www-data\n", "listen = 127.0.0.1:9000\n").Replace(mismatch())
	s := live.Start(t, archive)
	wantStatus(t, s, "bad.test", "/index.php", 502)
	code, out := fixed(t, s, "--reload", "--select", "socket-mismatch", "--unsafe")
	if code != 0 || !strings.Contains(out, "ok      verify 127.0.0.1:9000 (bad.test)") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixOfMountedFile mends a file that is mounted alone, as a container gets it, and takes it back:
// nothing can be renamed over it.
func TestFixOfMountedFile(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := live.Start(t, mismatch())
	before := s.Read("nginx.conf")
	s.Write("outside.conf", before)
	if err := unix.Mount(s.Path("outside.conf"), s.Path("nginx.conf"), "", unix.MS_BIND, ""); err != nil {
		t.Skipf("no mounts here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(s.Path("nginx.conf"), 0) }) // else the directory cannot be removed
	if code, out := fixed(t, s, "--reload", "--select", "socket-mismatch"); code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
	if s.Read("outside.conf") == before {
		t.Error("what is mounted did not change")
	}
	if out, err := exec.Command("fpmlint", "rollback", "--reload", "--state-dir", s.Path("state")).CombinedOutput(); err != nil {
		t.Fatalf("rollback: %v: %s", err, out)
	}
	if diff := cmp.Diff(before, s.Read("outside.conf")); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	wantStatus(t, s, "bad.test", "/index.php", 502)
}

// TestFixOfNginxWithFlags checks and reloads an nginx that was started with a prefix, a relative main
// file and directives on its command line: without them its files are not what runs.
func TestFixOfNginxWithFlags(t *testing.T) {
	s := live.Prepare(t, strings.Replace(mismatch(), "worker_processes 1;\n", "include extra/*.conf;\n", 1)+"-- extra/needs.conf --\nenv FROM_PREFIX;\n")
	s.StartFPM(s.Path("8.2/php-fpm.conf"))
	if out, err := exec.Command(s.Nginx, "-p", s.Dir, "-c", "nginx.conf", "-g", "worker_processes 2; worker_priority 1;").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.AwaitLog("error.log", "start worker process ") // it goes by its name by then
	// What nginx is tested with is seen by a program in its place.
	s.Write("nginx.sh", "#!/bin/sh\necho \"$@\" >> "+s.Path("flags.log")+"\nexec "+s.Nginx+" \"$@\"\n")
	if err := os.Chmod(s.Path("nginx.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Nginx = s.Path("nginx.sh")
	code, out := fixed(t, s, "--reload")
	if code != 0 || !strings.Contains(out, "ok      reload nginx") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for line := range strings.Lines(s.Read("flags.log")) {
		if want := "-t -c " + s.Path("nginx.conf") + " -p " + s.Dir + " -g worker_processes 2; worker_priority 1;\n"; line != want {
			t.Errorf("nginx is tested with %swant %s", line, want)
		}
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixOfPoolOfRoot tests and reloads a PHP-FPM that may run a pool as root, which it does with -R
// only.
func TestFixOfPoolOfRoot(t *testing.T) {
	s := live.Prepare(t, strings.Replace(permissions(), "user = www-data\ngroup = www-data", "user = root\ngroup = root", 1))
	if out, err := exec.Command(s.FPM, "-D", "-R", "-y", s.Path("8.2/php-fpm.conf")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.StartNginx()
	code, out := fixed(t, s, "--reload", "--select", "listen-permissions")
	if code != 0 || !strings.Contains(out, "ok      reload PHP-FPM") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixWithoutNamespaces checks right after the change where the kernel gives no mount namespace, as in
// most containers.
func TestFixWithoutNamespaces(t *testing.T) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip(err)
	}
	s := live.Start(t, mismatch())
	bare, err := exec.LookPath("fpmlint")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\nexec " + setpriv + " --bounding-set=-sys_admin --inh-caps=-sys_admin " + bare + " \"$@\"\n"
	if err := os.WriteFile(dir+"/fpmlint", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	code, out := fixed(t, s, "--reload")
	if code != 0 || !strings.Contains(out, "note    prove the change before it is made: not possible here: no private mount namespace can be had") || !strings.Contains(out, "ok      check nginx") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixByCommandsElsewhere trusts the site's own command for a PHP-FPM that is not seen among the
// processes, in a container say, and asks the pool itself.
func TestFixByCommandsElsewhere(t *testing.T) {
	s := live.Prepare(t, permissions())
	if err := os.Mkdir(s.Path("elsewhere"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Write("elsewhere/php-fpm.conf", strings.Replace(s.Read("8.2/php-fpm.conf"), "8.2/pool.d", "elsewhere/pool.d", 1))
	if err := os.Symlink(s.Path("8.2/pool.d"), s.Path("elsewhere/pool.d")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(s.FPM, "-D", "-y", s.Path("elsewhere/php-fpm.conf")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.StartNginx()
	flags := []string{"fix", "--nginx-conf", s.Path("nginx.conf"), "--fpm-conf", s.Path("8.2/php-fpm.conf"), "--state-dir", s.Path("state"), "--reload",
		"--nginx-bin", s.Nginx, "--fpm-test", s.FPM + " -t -y " + s.Path("elsewhere/php-fpm.conf"), "--reload-fpm", "touch " + s.Path("reloaded.log") + "; kill -USR2 $(cat " + s.Path("8.2/fpm.pid") + ")"}
	out, err := exec.Command("fpmlint", flags...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ok      reload PHP-FPM") {
		t.Errorf("%v\n%s", err, out)
	}
	s.Read("reloaded.log")
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixSeesNginxComplain takes all back where nginx still cannot reach what fpmlint reaches: it runs in
// mounts of its own, as PrivateTmp= gives it.
func TestFixSeesNginxComplain(t *testing.T) {
	s := live.Prepare(t, strings.ReplaceAll(mismatch(), "@DIR@/php8.", "@DIR@/own/php8."))
	if err := os.Mkdir(s.Path("own"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.StartFPM(s.Path("8.2/php-fpm.conf"))
	plain := s.Nginx
	s.NginxWithin("mount -t tmpfs tmpfs " + s.Path("own"))
	s.StartNginx()
	s.Nginx = plain
	before := state(t, s)
	stop := s.Load("bad.test", "/index.php")
	code, out := fixed(t, s, "--reload", "--select", "socket-mismatch")
	stop()
	if code != 3 || !strings.Contains(out, "nginx's error log has a new complaint: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff(before, state(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestFixWithoutPrograms changes nothing where it cannot check: it says which program it looked for.
func TestFixWithoutPrograms(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	sites, pools := live.Prepare(t, mismatch()), live.Prepare(t, permissions())
	fpmlint, err := exec.LookPath("fpmlint")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", "/usr/sbin", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(fpmlint)+":/usr/bin:/bin")
	for _, c := range []struct {
		s    *live.Server
		says string
	}{
		{sites, "nginx's program was not found, so @DIR@/nginx.conf cannot be checked: give --nginx-bin FILE, or --nginx-test CMD"},
		{pools, "php-fpm's program was not found, so @DIR@/8.2/php-fpm.conf cannot be checked: give --php-fpm-bin FILE, or --fpm-test CMD"},
	} {
		before := state(t, c.s)
		out, err := exec.Command(fpmlint, "fix", "--reload", "--nginx-conf", c.s.Path("nginx.conf"), "--fpm-conf", c.s.Path("8.2/php-fpm.conf"), "--state-dir", c.s.Path("state")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.s.Expand(c.says)) {
			t.Errorf("%v\n%s", err, out)
		}
		if diff := cmp.Diff(before, state(t, c.s)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	}
}

// TestFixLeavesDeadSites keeps a fix beside a hand-off that is broken in a way that it does not mend, and
// asks nobody where it is told not to.
func TestFixLeavesDeadSites(t *testing.T) {
	dead := live.PHPServer("dead.test", "unix:@DIR@/gone.sock", "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n")
	s := live.Start(t, strings.Replace(strings.Replace(permissions(), "process_control_timeout = 10s", "process_control_timeout = 1s", 1), "    server {\n", dead+"    server {\n", 1)+
		"-- 8.2/pool.d/gone.conf --\n"+live.Pool("gone", "gone.sock", ""))
	if err := os.Remove(s.Path("gone.sock")); err != nil {
		t.Fatal(err)
	}
	code, out := fixed(t, s, "--reload", "--probe=false")
	if code != 1 || strings.Contains(out, "verify") {
		t.Errorf("--probe=false: exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
	wantStatus(t, s, "dead.test", "/index.php", 502)
	if out, err := exec.Command("fpmlint", "rollback", "--reload", "--state-dir", s.Path("state")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	code, out = fixed(t, s, "--reload")
	if code != 1 || !strings.Contains(out, "did not answer before, and does not now") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}
