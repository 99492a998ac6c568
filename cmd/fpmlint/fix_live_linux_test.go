package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"fpmlint/testdata/live"
)

// fixed runs fpmlint fix on a live stack.
func fixed(t *testing.T, s *live.Server, flags ...string) (code int, out string) {
	t.Helper()
	args := []string{"fix", "--nginx-conf", s.Path("nginx.conf"), "--state-dir", s.Path("state"), "--php-fpm-bin", s.FPM, "--nginx-bin", s.Nginx}
	for _, conf := range s.FPMConfs() {
		args = append(args, "--fpm-conf", conf)
	}
	cmd := exec.Command("fpmlint", append(args, flags...)...)
	cmd.Dir = s.Dir
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit { //nolint:errorlint // Run returns it bare
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

func wantStatus(t *testing.T, s *live.Server, host, path string, want int) {
	t.Helper()
	if got, body := s.Get(host, path); got != want {
		t.Errorf("%s%s answers %d %q, want %d", host, path, got, body, want)
	}
}

// stat is what a fix must keep of a file.
type stat struct {
	mode     uint32
	uid, gid uint32
}

func statOf(t *testing.T, name string) stat {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		t.Fatal(err)
	}
	return stat{st.Mode, st.Uid, st.Gid}
}

// TestFixLive breaks one site of a running stack in each of the ways that a safe fix mends, and
// sees it answer again while another site under load loses no request.
func TestFixLive(t *testing.T) {
	good := live.PHPServer("good.test", "unix:@DIR@/good.sock", "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n")
	goodPool := live.Pool("good", "good.sock", "")
	buffers := "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n"
	tests := map[string]struct {
		archive string
		pin     string // a site that is asked twice at once before
		host    string
		path    string
		before  int
		flags   []string
		file    string // the one that changes
		old     string // what is replaced in it, by
		new     string
	}{
		"socket mismatch": {
			archive: live.Site(good+live.PHPServer("bad.test", "unix:@DIR@/php8.1-fpm.sock", buffers)) +
				live.Master("8.2", "process_control_timeout = 10s", goodPool+live.Pool("www", "php8.2-fpm.sock", "")),
			host: "bad.test", path: "/index.php", before: 502, file: "nginx.conf", old: "php8.1-fpm.sock", new: "php8.2-fpm.sock",
		},
		"socket permissions": {
			archive: live.Site(good+live.PHPServer("bad.test", "unix:@DIR@/bad.sock", buffers)) +
				live.Master("8.2", "", goodPool+strings.ReplaceAll(live.Pool("www", "bad.sock", ""), "listen.owner = www-data\nlisten.group = www-data\n", "listen.owner = root\nlisten.group = root\n")),
			host: "bad.test", path: "/index.php", before: 502, file: "8.2/pool.d/www.conf", old: "listen.owner = root\nlisten.group = root\n", new: "listen.owner = www-data\nlisten.group = www-data\n",
		},
		"header too big": {
			archive: live.Site(good+live.PHPServer("bad.test", "unix:@DIR@/bad.sock", "            fastcgi_buffer_size 4k;\n")) +
				live.Master("8.2", "process_control_timeout = 10s", goodPool+live.Pool("www", "bad.sock", "")),
			host: "bad.test", path: "/big.php", before: 502, file: "nginx.conf",
			old: "            fastcgi_buffer_size 4k;\n", new: "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n",
		},
		"script filename": {
			archive: live.Site(good+strings.Replace(live.PHPServer("bad.test", "unix:@DIR@/bad.sock", buffers), "            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n", "", 1)) +
				live.Master("8.2", "process_control_timeout = 10s", goodPool+live.Pool("www", "bad.sock", "")),
			host: "bad.test", path: "/index.php", before: 404, file: "nginx.conf",
			old: "            fastcgi_pass unix:@DIR@/bad.sock;\n",
			new: "            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n            fastcgi_pass unix:@DIR@/bad.sock;\n",
		},
		"keepalive pins workers": {
			archive: live.Site("    upstream pinned {\n        server unix:@DIR@/bad.sock;\n        keepalive 8;\n    }\n"+good+
				live.PHPServer("pins.test", "pinned", buffers+"            fastcgi_keep_conn on;\n")+live.PHPServer("bad.test", "unix:@DIR@/bad.sock", buffers+"            fastcgi_read_timeout 1s;\n")) +
				live.Master("8.2", "process_control_timeout = 10s", goodPool+live.Pool("www", "bad.sock", "")),
			pin: "pins.test", host: "bad.test", path: "/index.php", before: 504, file: "nginx.conf", flags: []string{"--ignore", "low-read-timeout"},
			old: "            fastcgi_keep_conn on;\n", new: "            fastcgi_keep_conn off;\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := live.Start(t, test.archive+live.Scripts)
			wantStatus(t, s, "good.test", "/index.php", 200)
			if test.pin != "" {
				var group sync.WaitGroup
				for range 2 {
					group.Go(func() { wantStatus(t, s, test.pin, "/slow.php", 200) })
				}
				group.Wait()
			}
			wantStatus(t, s, test.host, test.path, test.before)
			old, was := s.Read(test.file), statOf(t, s.Path(test.file))
			code, out := fixed(t, s, test.flags...)
			if code != 1 || !strings.Contains(out, "+++ b/"+test.file) {
				t.Fatalf("without --write: exit code %d\n%s", code, out)
			}
			if s.Read(test.file) != old {
				t.Fatal("without --write a file changed")
			}
			stop := s.Load("good.test", "/index.php")
			code, out = fixed(t, s, append(test.flags, "--reload")...)
			lost, asked := stop()
			if code != 0 {
				t.Fatalf("exit code %d\n%s", code, out)
			}
			if lost > 0 || asked < 10 {
				t.Errorf("the healthy site lost %d of %d requests\n%s", lost, asked, out)
			}
			wantStatus(t, s, test.host, test.path, 200)
			wantStatus(t, s, "good.test", "/index.php", 200)
			if got, want := s.Read(test.file), strings.Replace(old, s.Expand(test.old), s.Expand(test.new), 1); got != want {
				t.Errorf("the file is\n%s\nwant\n%s", got, want)
			}
			if now := statOf(t, s.Path(test.file)); now != was {
				t.Errorf("owner and mode are %v, were %v", now, was)
			}
			if code, out := fixed(t, s, append(test.flags, "--write")...); code != 0 || !strings.Contains(out, "nothing to fix") {
				t.Errorf("the second run: exit code %d\n%s", code, out)
			}
			if left, _ := filepath.Glob(s.Path("*/.fpmlint*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if _, err := os.Stat(s.Path("state/runs")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFixReloadsUnderLoad reloads both daemons while both sites are asked all the time: with
// process_control_timeout set, no request is lost.
func TestFixReloadsUnderLoad(t *testing.T) {
	archive := strings.Replace(mismatch(), "emergency_restart_threshold = 10\nemergency_restart_interval = 1m\n", "", 1)
	s := live.Start(t, archive)
	stop := s.Load("good.test", "/index.php")
	code, out := fixed(t, s, "--reload")
	lost, asked := stop()
	if code != 0 || lost > 0 || asked < 10 {
		t.Errorf("exit code %d, %d of %d requests lost\n%s", code, lost, asked, out)
	}
	if !strings.Contains(out, "ok      reload PHP-FPM") || !strings.Contains(out, "ok      reload nginx") {
		t.Errorf("both should have been reloaded:\n%s", out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
	// A master that was started with -D forks again.
	if s.MasterOf(s.Path("8.2/php-fpm.conf")) == 0 {
		t.Error("no master runs")
	}
}

// running begins a request to good.test that takes some milliseconds, and gives its status.
func running(s *live.Server, milliseconds int) <-chan int {
	begun, status := s.Begun(), make(chan int, 1)
	go func() {
		code, _ := s.Get("good.test", fmt.Sprint("/wait.php?", milliseconds))
		status <- code
	}()
	s.AwaitBegun(begun + 1)
	return status
}

// TestFixSparesRunningRequests leaves a PHP-FPM running whose reload would cut requests off, when
// what changed there mends nothing that is broken now.
func TestFixSparesRunningRequests(t *testing.T) {
	archive := strings.Replace(mismatch(), "emergency_restart_threshold = 10\nemergency_restart_interval = 1m\nprocess_control_timeout = 10s\n", "", 1)
	s := live.Start(t, archive)
	slow := running(s, 5000)
	code, out := fixed(t, s, "--reload")
	if code != 0 || !strings.Contains(out, "left running") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if status := <-slow; status != 200 {
		t.Errorf("the running request ends with %d", status)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
}

// TestRollbackLive takes a verified run back: files, the live socket, and what the daemons run with.
func TestRollbackLive(t *testing.T) {
	s := live.Start(t, permissions())
	before := state(t, s)
	wantStatus(t, s, "bad.test", "/index.php", 502)
	if code, out := fixed(t, s, "--reload"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "bad.test", "/index.php", 200)
	rollback := func(flags ...string) string {
		t.Helper()
		out, err := exec.Command("fpmlint", append([]string{"rollback", "--state-dir", s.Path("state")}, flags...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if out := rollback("--list"); !strings.Contains(out, "done") || !strings.Contains(out, "8.2/pool.d/www.conf") {
		t.Errorf("the list is\n%s", out)
	}
	if out := rollback("--reload"); !strings.Contains(out, "was rolled back") || !strings.Contains(out, "ok      reload PHP-FPM") {
		t.Errorf("rollback says\n%s", out)
	}
	if diff := cmp.Diff(before, state(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	wantStatus(t, s, "bad.test", "/index.php", 502)
	wantStatus(t, s, "good.test", "/index.php", 200)
	if out := rollback("--list"); !strings.Contains(out, "rolled back") {
		t.Errorf("the list is\n%s", out)
	}
	if code, out := fixed(t, s, "--reload"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	s.End(s.Path("8.2/php-fpm.conf"))
	if out := rollback("--reload"); !strings.Contains(out, "does not run; start it") {
		t.Errorf("rollback with a PHP-FPM that is stopped says\n%s", out)
	}
}

// TestRollbackTellsWhatRuns names after a rollback the daemons that took the run's files over, and not the
// PHP-FPM that the run spared: to reload that would cut requests off for nothing.
func TestRollbackTellsWhatRuns(t *testing.T) {
	s := live.Start(t, strings.Replace(mismatch(), "process_control_timeout = 10s", "", 1))
	rollback := func(says, not string) {
		t.Helper()
		out, err := exec.Command("fpmlint", "rollback", "--state-dir", s.Path("state")).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "was rolled back") || !strings.Contains(string(out), says) || strings.Contains(string(out), not) {
			t.Errorf("%v, want %q and not %q:\n%s", err, says, not, out)
		}
	}
	change := func() {
		t.Helper()
		if code, out := fixed(t, s, "--reload", "--select", "socket-mismatch,process-control-timeout"); code != 0 || !strings.Contains(out, "left running") {
			t.Fatalf("exit code %d\n%s", code, out)
		}
	}
	change()
	rollback("nginx ("+s.Path("nginx.conf")+") still runs with what the run had written", "PHP-FPM 8.2 (")
	change()
	s.End(s.Path("8.2/php-fpm.conf"))
	rollback("php-fpm.conf) does not run; start it: ", "php-fpm.conf) still runs")
}
