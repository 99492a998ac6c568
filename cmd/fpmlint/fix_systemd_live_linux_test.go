//go:build linux

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/testdata/live"
)

// services starts a stack as services of systemd's stand-in.
func services(t *testing.T, archive string) *live.Server {
	t.Helper()
	s := live.Prepare(t, archive)
	s.Systemd()
	s.Systemctl("start", live.FPMUnit)
	s.Systemctl("start", live.NginxUnit)
	s.Asked()
	wantStatus(t, s, "good.test", "/index.php", 200)
	return s
}

func wantAsked(t *testing.T, s *live.Server, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.Asked()); diff != "" {
		t.Errorf("systemctl is asked for something else (-want +got):\n%s", diff)
	}
}

// TestFixReloadsServices has systemd reload what it started, PHP-FPM first, and takes both back in the
// same way, nginx first.
func TestFixReloadsServices(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := services(t, strings.Replace(permissions(), "fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;", "fastcgi_buffer_size 4k;", 1))
	code, out := fixed(t, s, "--reload")
	if code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantAsked(t, s, "reload "+live.FPMUnit, "reload "+live.NginxUnit)
	wantStatus(t, s, "bad.test", "/index.php", 200)

	rollback := exec.Command("fpmlint", "rollback", "--reload", "--state-dir", s.Path("state"))
	if out, err := rollback.CombinedOutput(); err != nil {
		t.Fatalf("rollback: %v: %s", err, out)
	}
	wantAsked(t, s, "reload "+live.NginxUnit, "reload "+live.FPMUnit)
	wantStatus(t, s, "good.test", "/index.php", 200)
	wantStatus(t, s, "bad.test", "/index.php", 502)
}

// TestFixOfServiceThatEnds has systemd restart a PHP-FPM that ended at its reload, and leaves all as it
// was.
func TestFixOfServiceThatEnds(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := services(t, permissions())
	s.Unit(live.FPMUnit, "ExecStart="+s.FPM+" --nodaemonize --fpm-config "+s.Path("8.2/php-fpm.conf")+"\nExecReload=/bin/kill -KILL $MAINPID\n")
	before := state(t, s)
	code, out := fixed(t, s, "--reload")
	if code != 3 || !strings.Contains(out, "ended at its reload") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantAsked(t, s, "reload "+live.FPMUnit, "restart "+live.FPMUnit)
	if diff := cmp.Diff(before, state(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	wantStatus(t, s, "good.test", "/index.php", 200)
}

// TestFixOfServiceThatStaysDown says what to do by hand where the service ends at its reload and does
// not start again: the files are as before.
func TestFixOfServiceThatStaysDown(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := services(t, permissions())
	s.Unit(live.FPMUnit, "ExecStart=/bin/false\nExecReload=/bin/kill -KILL $MAINPID\n")
	files := s.Read("8.2/pool.d/www.conf")
	code, out := fixed(t, s, "--reload")
	if code != 4 || !strings.Contains(out, "Job for "+live.FPMUnit+" failed") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if s.Read("8.2/pool.d/www.conf") != files {
		t.Errorf("the pool's file is\n%s", s.Read("8.2/pool.d/www.conf"))
	}
}

// TestFixOfServiceThatRefuses rolls back where systemd does not reload.
func TestFixOfServiceThatRefuses(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := services(t, mismatch())
	s.Unit(live.NginxUnit, "PIDFile="+s.Path("nginx.pid")+"\nExecStart=/bin/true\nExecReload=test -e "+s.Path("again.log")+" || { touch "+s.Path("again.log")+"; exit 1; }; kill -HUP $MAINPID\n")
	before := state(t, s)
	code, out := fixed(t, s, "--reload")
	if code != 3 || !strings.Contains(out, "Job for "+live.NginxUnit+" failed") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff(before, state(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	wantStatus(t, s, "good.test", "/index.php", 200)
}

// TestFixOfMasterBesideService signals a master that somebody started by hand from within a service,
// such as a job's: systemd would reload the service's own process.
func TestFixOfMasterBesideService(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := services(t, permissions())
	if err := os.WriteFile("/run/stand-in/"+live.FPMUnit+".pid", []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out := fixed(t, s, "--reload")
	if code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantAsked(t, s)
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixOfStoppedService says how to start what does not run: by its service, which then serves what
// the fix mended.
func TestFixOfStoppedService(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := services(t, mismatch())
	s.End(s.Path("8.2/php-fpm.conf"))
	code, out := fixed(t, s, "--reload")
	if code != 1 || !strings.Contains(out, "start it: systemctl start "+live.FPMUnit+"\n") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantAsked(t, s, "reload "+live.NginxUnit)
	s.Systemctl("start", live.FPMUnit)
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestFixOfLoadedService names the service in the command that takes over what was written before.
func TestFixOfLoadedService(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	s := services(t, mismatch())
	if code, out := fixed(t, s, "--write"); code != 0 || !strings.Contains(out, "it still runs with the old files") {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	code, out := fixed(t, s, "--reload")
	_, command, _ := strings.Cut(out, "changed since; reload it: ")
	if code != 1 || !strings.Contains(command, " && systemctl reload "+live.NginxUnit+"\n") {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantAsked(t, s, "reload "+live.NginxUnit)
	if !eventually(func() bool { status, _ := s.Get("bad.test", "/index.php"); return status == 200 }) {
		t.Error("the command did not reload nginx")
	}
}
