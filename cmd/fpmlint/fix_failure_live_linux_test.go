package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"fpmlint/testdata/live"
)

// mismatch is a stack with a healthy site and one whose socket changed its name.
func mismatch() string {
	buffers := "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n"
	return live.Site(live.PHPServer("good.test", "unix:@DIR@/good.sock", buffers)+live.PHPServer("bad.test", "unix:@DIR@/php8.1-fpm.sock", buffers)) +
		live.Master("8.2", "process_control_timeout = 10s", live.Pool("good", "good.sock", "")+live.Pool("www", "php8.2-fpm.sock", "")) + live.Scripts
}

// permissions is a stack with a healthy site and one whose socket shuts nginx out.
func permissions() string {
	return strings.ReplaceAll(strings.Replace(mismatch(), "php8.2-fpm.sock\nlisten.owner = www-data\nlisten.group = www-data\n", "php8.2-fpm.sock\nlisten.owner = root\nlisten.group = root\n", 1), "php8.1-fpm", "php8.2-fpm")
}

// state is all that a run that fails must leave as it was: contents, owners, modes and times of the
// configuration, and owners and modes of sockets.
func state(t *testing.T, s *live.Server) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(s.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == s.Path("state") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".pid") {
			return err
		}
		st := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // on Linux it is
		text := fmt.Sprintf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %v %q", info.ModTime(), data)
		}
		out[strings.TrimPrefix(name, s.Dir)] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFixFailsLive makes fix fail in each way, and sees that all is as before and that the server
// still serves.
func TestFixFailsLive(t *testing.T) {
	tests := map[string]struct {
		archive string
		edit    func(string) string // of nginx.conf, after the start
		setup   func(*testing.T, *live.Server)
		flags   []string
		code    int
		says    string
	}{
		"nginx -t refuses with and without the fix": {
			archive: mismatch(), edit: func(s string) string {
				return strings.Replace(s, "access_log off;", "access_log off; no_such_directive on;", 1)
			},
			flags: []string{"--reload"}, code: 3, says: `unknown directive "no_such_directive"`,
		},
		"nginx -t refuses the candidate": {
			archive: mismatch(), flags: []string{"--reload", "--nginx-test", "! grep -q 'pass unix:@DIR@/php8.2' @DIR@/nginx.conf"},
			code: 3, says: "nothing was changed",
		},
		"php-fpm -t refuses the candidate": {
			archive: permissions(), flags: []string{"--reload", "--fpm-test", "! grep -q 'listen.owner = www-data.*' @DIR@/8.2/pool.d/www.conf || ! grep -q 'listen.group = root' @DIR@/8.2/pool.d/www.conf && false"},
			code: 3, says: "nothing was changed",
		},
		"refused only when it is written": {
			archive: mismatch(), flags: []string{"--reload", "--nginx-test", "echo x >> @DIR@/count.log; test $(wc -l < @DIR@/count.log) -ne 3"},
			code: 3, says: "everything was rolled back",
		},
		"the reload command fails": {
			archive: mismatch(), flags: []string{"--reload", "--reload-nginx", "if test -e @DIR@/again.log; then kill -HUP $(cat @DIR@/nginx.pid); else touch @DIR@/again.log; echo no way >&2; exit 1; fi"},
			code: 3, says: "no way",
		},
		"PHP-FPM dies at its reload": {
			archive: permissions(), flags: []string{"--reload", "--reload-fpm", "f=@DIR@/8.2/pool.d/www.conf; cp -p $f @DIR@/saved.log; echo '[' >> $f; p=$(cat @DIR@/8.2/fpm.pid); kill -USR2 $p; for i in $(seq 60); do kill -0 $p || break; sleep 0.05; done; cp -p @DIR@/saved.log $f"},
			code: 3, says: "ended at its reload",
		},
		"PHP-FPM is killed at its reload": {
			archive: permissions(), flags: []string{"--reload", "--reload-fpm", "kill -9 $(cat @DIR@/8.2/fpm.pid); sleep 0.3"},
			code: 3, says: "ended at its reload",
		},
		"another site of the same PHP-FPM is gone after its reload": {
			archive: strings.Replace(permissions(), "process_control_timeout = 10s", "process_control_timeout = 1s", 1),
			flags:   []string{"--reload", "--reload-fpm", "kill -USR2 $(cat @DIR@/8.2/fpm.pid); if test -e @DIR@/away.log; then mv @DIR@/away.log @DIR@/good.sock; else mv @DIR@/good.sock @DIR@/away.log; fi"},
			code:    3, says: "(good.test) answered before and does not now",
		},
		"nginx ends at its reload": {
			archive: mismatch(), flags: []string{"--reload", "--reload-nginx", "p=$(cat @DIR@/nginx.pid); kill -TERM $p; while kill -0 $p; do sleep 0.05; done"},
			code: 3, says: "ended at its reload",
		},
		"the pool does not answer": {
			archive: mismatch(), setup: func(t *testing.T, s *live.Server) {
				t.Helper()
				if err := os.Remove(s.Path("php8.2-fpm.sock")); err != nil {
					t.Fatal(err)
				}
			},
			flags: []string{"--reload"}, code: 3, says: "no such file or directory",
		},
		"a file changes meanwhile": {
			archive: mismatch(), flags: []string{"--reload", "--nginx-test", "test -e @DIR@/once.log || cp -p @DIR@/nginx.conf @DIR@/once.log && echo '# mine' >> @DIR@/nginx.conf"},
			code: 3, says: "nginx.conf changed while the fixes were planned",
		},
		"the state directory is not writable": {
			archive: mismatch(), flags: []string{"--write", "--state-dir", "/proc/self/fpmlint"}, code: 2, says: "--state-dir",
		},
		"the state directory's disk is full": {
			archive: mismatch(), setup: fullDisk, flags: []string{"--write"}, code: 3, says: "no space left on device",
		},
		"the configuration is on a read-only file system": {
			archive: permissions(), setup: readOnly, flags: []string{"--write"}, code: 3, says: "read-only file system",
		},
		"a file is immutable": {
			archive: mismatch(), setup: immutable("+i", "nginx.conf"), flags: []string{"--reload"}, code: 3, says: "chattr -i @DIR@/nginx.conf lets it change; nothing was changed",
		},
		"a file with two names is immutable": {
			archive: mismatch(), setup: func(t *testing.T, s *live.Server) {
				t.Helper()
				if err := os.Link(s.Path("nginx.conf"), s.Path("other.conf")); err != nil {
					t.Fatal(err)
				}
				immutable("+i", "nginx.conf")(t, s)
			},
			flags: []string{"--reload"}, code: 3, says: "chattr -i @DIR@/nginx.conf lets it change; nothing was changed",
		},
		"a file can only be appended to": {
			archive: mismatch(), setup: immutable("+a", "nginx.conf"), flags: []string{"--reload"}, code: 3, says: "chattr -a @DIR@/nginx.conf lets it change; nothing was changed",
		},
		"a directory is immutable": {
			archive: permissions(), setup: immutable("+i", "8.2/pool.d"), flags: []string{"--reload"}, code: 3, says: "chattr -i @DIR@/8.2/pool.d lets it change; nothing was changed",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := live.Start(t, test.archive)
			wantStatus(t, s, "good.test", "/index.php", 200)
			if test.edit != nil {
				s.Write("nginx.conf", test.edit(s.Read("nginx.conf")))
			}
			if test.setup != nil {
				test.setup(t, s)
			}
			before := state(t, s)
			var flags []string
			for _, f := range test.flags {
				flags = append(flags, s.Expand(f))
			}
			code, out := fixed(t, s, flags...)
			if says := s.Expand(test.says); code != test.code || !strings.Contains(out, says) {
				t.Errorf("exit code %d, want %d and %q\n%s", code, test.code, says, out)
			}
			after := state(t, s)
			if name == "a file changes meanwhile" {
				if got := s.Read("nginx.conf"); !strings.HasSuffix(got, "# mine\n") || !strings.Contains(got, "php8.1") {
					t.Errorf("the owner's change is lost:\n%s", got)
				}
				delete(before, "/nginx.conf")
				delete(after, "/nginx.conf")
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("(-before +after):\n%s\n%s", diff, out)
			}
			wantStatus(t, s, "good.test", "/index.php", 200)
		})
	}
}

// TestFixInterrupted ends a run amid its reload in the ways in which a terminal does, and sees all taken
// back; a reader that goes away does not end it.
func TestFixInterrupted(t *testing.T) {
	for name, ending := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "a lost connection": syscall.SIGHUP, "a shutdown": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			if signal.Ignored(ending) {
				t.Skip("the signal is ignored here, as nohup has it")
			}
			s := live.Start(t, mismatch())
			before := state(t, s)
			cmd := exec.Command("fpmlint", "fix", "--reload", "--nginx-conf", s.Path("nginx.conf"), "--fpm-conf", s.Path("8.2/php-fpm.conf"), "--state-dir", s.Path("state"),
				"--php-fpm-bin", s.FPM, "--reload-nginx", "if ! test -e "+s.Path("at-work.log")+"; then touch "+s.Path("at-work.log")+"; exec sleep 20; fi; kill -HUP $(cat "+s.Path("nginx.pid")+")")
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if !eventually(func() bool { _, err := os.Stat(s.Path("at-work.log")); return err == nil }) {
				t.Error("nginx is not reloaded")
			}
			if err := cmd.Process.Signal(ending); err != nil {
				t.Fatal(err)
			}
			cmd.Wait() //nolint:errcheck // the exit code tells
			if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(out.String(), "the run was stopped") {
				t.Errorf("exit code %d\n%s", code, out.String())
			}
			if diff := cmp.Diff(before, state(t, s)); diff != "" {
				t.Errorf("(-before +after):\n%s\n%s", diff, out.String())
			}
			wantStatus(t, s, "good.test", "/index.php", 200)
		})
	}
	t.Run("during the check", func(t *testing.T) {
		s := live.Start(t, mismatch())
		before := state(t, s)
		at := s.Path("at-work.log")
		cmd := exec.Command("fpmlint", "fix", "--reload", "--nginx-conf", s.Path("nginx.conf"), "--fpm-conf", s.Path("8.2/php-fpm.conf"), "--state-dir", s.Path("state"),
			"--php-fpm-bin", s.FPM, "--nginx-test", "touch "+at+"; exec sleep 60")
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(func() bool { _, err := os.Stat(at); return err == nil })
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() //nolint:errcheck // the exit code tells
		if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(out.String(), "the run was stopped") || !strings.Contains(out.String(), "nothing was changed") {
			t.Errorf("exit code %d\n%s", code, out.String())
		}
		if diff := cmp.Diff(before, state(t, s)); diff != "" {
			t.Errorf("(-before +after):\n%s\n%s", diff, out.String())
		}
	})
	// Too late is no failure, and in time takes all back.
	t.Run("at the end", func(t *testing.T) {
		s := live.Start(t, mismatch())
		before := state(t, s)
		cmd := exec.Command("fpmlint", "fix", "--reload", "--nginx-conf", s.Path("nginx.conf"), "--fpm-conf", s.Path("8.2/php-fpm.conf"), "--state-dir", s.Path("state"), "--php-fpm-bin", s.FPM)
		told, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for lines := bufio.NewScanner(told); lines.Scan(); {
			fmt.Fprintln(&out, lines.Text())
			if strings.HasPrefix(lines.Text(), "ok      verify") {
				cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // it may have ended
			}
		}
		cmd.Wait() //nolint:errcheck // the exit code tells
		switch code := cmd.ProcessState.ExitCode(); code {
		case 0:
			if !strings.Contains(out.String(), "fpmlint rollback") {
				t.Errorf("the run's name is not told:\n%s", out.String())
			}
			wantStatus(t, s, "bad.test", "/index.php", 200)
		case 3:
			if diff := cmp.Diff(before, state(t, s)); diff != "" {
				t.Errorf("(-before +after):\n%s\n%s", diff, out.String())
			}
		default:
			t.Errorf("exit code %d\n%s", code, out.String())
		}
	})
	t.Run("a reader that goes away", func(t *testing.T) {
		s := live.Start(t, mismatch())
		shell := exec.Command("sh", "-c", "fpmlint fix --reload --nginx-conf "+s.Path("nginx.conf")+" --fpm-conf "+s.Path("8.2/php-fpm.conf")+" --state-dir "+s.Path("state")+
			" --php-fpm-bin "+s.FPM+" 2>&1 >/dev/null | head -n 1")
		if out, err := shell.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !eventually(func() bool { status, _ := s.Get("bad.test", "/index.php"); return status == 200 }) {
			t.Error("the run ended with its reader")
		}
	})
}

// eventually says whether something becomes so within half a minute.
func eventually(so func() bool) bool {
	for range 600 {
		if so() {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

// TestFixLeavesDaemonsOutput does not wait for the output of a daemon that a reload command leaves.
func TestFixLeavesDaemonsOutput(t *testing.T) {
	s := live.Start(t, mismatch())
	code, out := fixed(t, s, "--reload", "--reload-nginx", "sleep 600 & echo $! > "+s.Path("left.pid")+"; kill -HUP $(cat "+s.Path("nginx.pid")+")")
	if code != 0 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(s.Read("left.pid")))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("fix waited until what its command left behind had ended: %v", err)
	}
}

// fullDisk mounts a small file system for the state directory, and fills it.
func fullDisk(t *testing.T, s *live.Server) {
	t.Helper()
	mount(t, "tmpfs", s.Path("state"), "tmpfs", 0, "size=16k")
	if err := os.MkdirAll(s.Path("state/runs"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(s.Path("state/fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // writing to it fails anyway
	for err == nil {
		_, err = f.Write(make([]byte, 512))
	}
}

// immutable has chattr(1) make a file unchangeable even for root.
func immutable(flag, name string) func(*testing.T, *live.Server) {
	return func(t *testing.T, s *live.Server) {
		t.Helper()
		if out, err := exec.Command("chattr", flag, s.Path(name)).CombinedOutput(); err != nil {
			t.Skipf("this file system cannot: %v: %s", err, out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command("chattr", strings.Replace(flag, "+", "-", 1), s.Path(name)).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// readOnly mounts the pools' directory over itself, for reading only.
func readOnly(t *testing.T, s *live.Server) {
	t.Helper()
	dir := s.Path("8.2/pool.d")
	mount(t, dir, dir, "", unix.MS_BIND, "")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, from, to, kind string, flags uintptr, data string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(from, to, kind, flags, data); err != nil {
		t.Skipf("this kernel lets nobody mount here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(to, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestFixTwiceAtOnce has a second run find the first one at work.
func TestFixTwiceAtOnce(t *testing.T) {
	s := live.Start(t, mismatch())
	first := exec.Command("fpmlint", "fix", "--write", "--nginx-conf", s.Path("nginx.conf"), "--fpm-conf", s.Path("8.2/php-fpm.conf"), "--state-dir", s.Path("state"),
		"--php-fpm-bin", s.FPM, "--nginx-test", "touch "+s.Path("at-work")+"; while ! test -e "+s.Path("go-on")+"; do sleep 0.05; done")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if _, err := os.Stat(s.Path("at-work")); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	before := state(t, s)
	code, out := fixed(t, s, "--write")
	if code != 2 || !strings.Contains(out, "another fpmlint run is at work") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff(before, state(t, s)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if err := os.WriteFile(s.Path("go-on"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first run: %v", err)
	}
	if !strings.Contains(s.Read("nginx.conf"), "php8.2-fpm.sock") {
		t.Error("the first run changed nothing")
	}
}

// TestFixOfBrokenServer leaves a server alone whose nginx refuses its files for another reason, and says
// so; the side that is in order can be mended meanwhile.
func TestFixOfBrokenServer(t *testing.T) {
	for _, c := range []struct{ name, file, fault, daemon string }{
		{"nginx", "nginx.conf", "brotli on;\n", "nginx ("},
		{"PHP-FPM", "8.2/pool.d/www.conf", "no.such.setting = 1\n", "PHP-FPM ("},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := live.Start(t, strings.Replace(mismatch(), "process_control_timeout = 10s", "", 1))
			s.Write(c.file, s.Read(c.file)+c.fault)
			before := state(t, s)
			code, out := fixed(t, s, "--reload")
			if code != 3 || !strings.Contains(out, "fpmlint: "+c.daemon) || !strings.Contains(out, "mend this first: ") || !strings.Contains(out, "; nothing was changed") {
				t.Errorf("exit code %d\n%s", code, out)
			}
			if diff := cmp.Diff(before, state(t, s)); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			wantStatus(t, s, "good.test", "/index.php", 200)
			if c.name == "nginx" {
				return
			}
			if code, out := fixed(t, s, "--reload", "--select", "socket-mismatch"); code != 0 || !strings.Contains(out, "fpmlint rollback --reload --state-dir ") {
				t.Errorf("nginx alone: exit code %d\n%s", code, out)
			}
			wantStatus(t, s, "bad.test", "/index.php", 200)
		})
	}
}
