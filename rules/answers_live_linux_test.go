package rules_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/testdata/live"
)

// TestSilentPool stops a real PHP-FPM behind a real nginx: killed, it leaves a socket that
// refuses; the socket may also be gone. nginx's log has the words that the rule's page has.
// The path in nginx's file may lead to the socket by links, as Debian's /run/php/php-fpm.sock does.
func TestSilentPool(t *testing.T) {
	for _, c := range []struct{ name, link, pass, listen string }{
		{name: "its path", pass: "php.sock", listen: "php.sock"},
		{name: "a link to it", link: "php-fpm.sock", pass: "php-fpm.sock", listen: "php.sock"},
		{name: "a link to its directory", link: "current", pass: "current/php.sock", listen: "php.sock"},
		{name: "made through a link", link: "current", pass: "php.sock", listen: "current/php.sock"},
	} {
		t.Run(c.name, func(t *testing.T) { testSilentPool(t, c.link, c.pass, c.listen) })
	}
}

func testSilentPool(t *testing.T, link, pass, listen string) {
	web, php := live.Programs(t)
	dir, err := os.MkdirTemp("/run", "silent") //nolint:usetesting // not under /tmp, which a service may have its own of
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, public := filepath.Join(dir, "php.sock"), filepath.Join(dir, "web.sock")
	switch link {
	case "":
	case "current":
		err = os.Symlink(".", filepath.Join(dir, link))
	default:
		err = os.Symlink("php.sock", filepath.Join(dir, link))
	}
	if err != nil {
		t.Fatal(err)
	}
	nginxConf, fpmConf := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "php-fpm.conf")
	write(t, nginxConf, fmt.Appendf(nil, "user root;\npid %[1]s/pid;\nerror_log %[1]s/error.log;\nevents {}\nhttp {\n    access_log off;\n    server {\n        listen unix:%[2]s;\n        location / {\n            fastcgi_param REQUEST_METHOD GET;\n            fastcgi_param SCRIPT_FILENAME %[1]s/x.php;\n            fastcgi_pass unix:%[1]s/%[3]s;\n        }\n    }\n}\n", dir, public, pass))
	write(t, fpmConf, fmt.Appendf(nil, "[global]\nerror_log = %[1]s/fpm.log\n[www]\nuser = nobody\nlisten = %[1]s/%[2]s\nlisten.mode = 0666\npm = static\npm.max_children = 1\n", dir, listen))
	master := start(t, socket, php, "-F", "-n", "-y", fpmConf)
	start(t, public, web, "-c", nginxConf, "-g", "daemon off;")

	lintHere := func() string {
		stacks, err := stack.Load(context.Background(), stack.Options{NginxConf: []string{nginxConf}, FPMConf: []string{fpmConf}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := lint.Run(context.Background(), stacks, []lint.Rule{rule(t, "socket-mismatch")})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Skipped) > 0 {
			t.Errorf("skipped: %v", r.Skipped)
		}
		out := ""
		for _, f := range r.Findings {
			out += f.Message + "\n"
		}
		return out
	}
	// What a worker has answered has a master that goes by its name.
	if status := statusOf(t, public); status != 404 {
		t.Errorf("status %d of a script that is not there", status)
	}
	if got := lintHere(); got != "" {
		t.Errorf("while PHP-FPM answers: %s", got)
	}
	// Killed, the master does not remove its socket; its worker would go on.
	out, _ := exec.Command("pgrep", "-P", fmt.Sprint(master.Process.Pid)).Output()
	_ = master.Process.Kill()
	_ = master.Wait()
	for _, pid := range strings.Fields(string(out)) {
		_ = exec.Command("kill", "-9", pid).Run()
	}
	time.Sleep(100 * time.Millisecond)
	for _, c := range []struct{ want, log string }{
		{"the socket refuses connections, and its PHP-FPM does not run", "failed (111: Connection refused)"},
		{"the socket is not there, and its PHP-FPM does not run", "failed (2: No such file or directory)"},
	} {
		if got := lintHere(); !strings.Contains(got, c.want) {
			t.Errorf("found %q, want %q", got, c.want)
		}
		if status := statusOf(t, public); status != 502 {
			t.Errorf("status %d, want 502", status)
		}
		if log, _ := os.ReadFile(filepath.Join(dir, "error.log")); !strings.Contains(string(log), c.log) {
			t.Errorf("nginx's log has no %q: %s", c.log, log)
		}
		_ = os.Remove(socket)
	}
}

// start runs a daemon in the foreground until the test ends, once it listens on a socket.
func start(t *testing.T, socket string, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for range 600 {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return cmd
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not listen on %s", name, socket)
	return nil
}

// statusOf asks nginx for a page over a unix socket and returns the status.
func statusOf(t *testing.T, socket string) (status int) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // only read
	if _, err := fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanf(c, "HTTP/1.1 %d", &status); err != nil {
		t.Fatal(err)
	}
	return status
}

// TestUnknownListener has nginx pass to a PHP-FPM whose configuration is not among those that were read:
// requests arrive, so the fault is no error and the fix to the pool that is known no safe one. Once that
// PHP-FPM ends, and its socket is there or not, it is the error that it was.
func TestUnknownListener(t *testing.T) {
	web, php := live.Programs(t)
	dir, err := os.MkdirTemp("/run", "unknown") //nolint:usetesting // not under /tmp, which a service may have its own of
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("nginx.conf"), fmt.Appendf(nil, "user root;\npid %[1]s/pid;\nerror_log %[1]s/error.log;\nevents {}\nhttp {\n    access_log off;\n    server {\n        listen unix:%[1]s/web.sock;\n        location / {\n            fastcgi_param REQUEST_METHOD GET;\n            fastcgi_param SCRIPT_FILENAME %[1]s/x.php;\n            fastcgi_pass unix:%[1]s/php8.1-fpm.sock;\n        }\n    }\n}\n", dir))
	for _, version := range []string{"8.1", "8.2"} {
		write(t, at(version+".conf"), fmt.Appendf(nil, "[global]\nerror_log = %[1]s/fpm.log\n[www]\nuser = nobody\nlisten = %[1]s/php%[2]s-fpm.sock\nlisten.mode = 0666\npm = static\npm.max_children = 1\n", dir, version))
	}
	old := start(t, at("php8.1-fpm.sock"), php, "-F", "-n", "-y", at("8.1.conf"))
	start(t, at("php8.2-fpm.sock"), php, "-F", "-n", "-y", at("8.2.conf"))
	start(t, at("web.sock"), web, "-c", at("nginx.conf"), "-g", "daemon off;")

	finds := func(severity lint.Severity, safe, heard bool, status int) {
		t.Helper()
		stacks, err := stack.Load(context.Background(), stack.Options{NginxConf: []string{at("nginx.conf")}, FPMConf: []string{at("8.2.conf")}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := lint.Run(context.Background(), stacks, []lint.Rule{rule(t, "socket-mismatch")})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) != 1 {
			t.Fatalf("found %v, skipped %v", r.Findings, r.Skipped)
		}
		if f := r.Findings[0]; f.Severity != severity || f.Fix == nil || f.Fix.Safe != safe || strings.Contains(f.Message, "takes connections there") != heard {
			t.Errorf("%s %s, fix %+v; want %s, safe %v, heard %v", f.Severity, f.Message, f.Fix, severity, safe, heard)
		}
		if got := statusOf(t, at("web.sock")); got != status {
			t.Errorf("status %d, want %d", got, status)
		}
	}
	finds(lint.Warning, false, true, 404)
	// Its file removed, the socket is listened at and cannot be reached.
	if err := os.Rename(at("php8.1-fpm.sock"), at("away")); err != nil {
		t.Fatal(err)
	}
	finds(lint.Error, true, false, 502)
	if err := os.Rename(at("away"), at("php8.1-fpm.sock")); err != nil {
		t.Fatal(err)
	}
	finds(lint.Warning, false, true, 404)
	if err := old.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = old.Wait()
	finds(lint.Error, true, false, 502)
}
