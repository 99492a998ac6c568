package host

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fpmlint/testdata/live"
)

// process writes a process as proc shows it.
func process(t *testing.T, proc string, pid, parent int, title, status, rollup string) {
	t.Helper()
	dir := filepath.Join(proc, fmt.Sprint(pid))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"cmdline": title,
		"stat":    fmt.Sprintf("%d (php-fpm8.2) S %d 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100 1000 200%s\n", pid, parent, strings.Repeat(" 0", 30)),
		"status":  status,
	}
	if rollup != "" {
		files["smaps_rollup"] = rollup
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadProcesses(t *testing.T) {
	const (
		status = "Name:\tphp-fpm8.2\nTgid:\t1\nNSpid:\t7\nVmRSS:\t   40960 kB\n"
		nested = "Name:\tphp-fpm\nTgid:\t1\nNSpid:\t9\t7\nVmRSS:\t   40960 kB\n"
		rollup = "55d0-7ffe ---p 00000000 00:00 0                          [rollup]\nRss:               40960 kB\nPss:               10240 kB\n"
	)
	proc := t.TempDir()
	process(t, proc, 2, 1, "supervisord\x00", status, "") // in a container this may be any program
	children := filepath.Join(proc, "2/task/2/children")
	if err := errors.Join(os.MkdirAll(filepath.Dir(children), 0o755), os.WriteFile(children, []byte("10 13 "), 0o444)); err != nil {
		t.Fatal(err)
	}
	process(t, proc, 10, 1, "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)\x00\x00", status, rollup)
	process(t, proc, 11, 10, "php-fpm: pool www\x00\x00\x00", status, rollup)
	process(t, proc, 12, 10, "php-fpm: pool my shop        ", status, "")
	process(t, proc, 13, 1, "php-fpm: pool orphan\x00", status, rollup)
	process(t, proc, 14, 10, "php-fpm: pool www\x00", nested, rollup)
	process(t, proc, 15, 1, "vim\x00php-fpm: pool www\x00", status, rollup)
	process(t, proc, 16, 1, "", status, rollup)
	process(t, proc, 17, 10, "php-fpm: pool gone\x00", "", "")
	want := []Worker{
		{"www", "/etc/php/8.2/fpm/php-fpm.conf", 11, 10 << 20, true},
		{"my shop", "/etc/php/8.2/fpm/php-fpm.conf", 12, 40 << 20, false},
		{"orphan", "", 13, 10 << 20, true},
	}
	got := (&Evidence{Processes: readProcesses(proc)}).workers()
	byPID := cmp.Transformer("byPID", func(in []Worker) map[int]Worker {
		out := map[int]Worker{}
		for _, w := range in {
			out[w.PID] = w
		}
		return out
	})
	if diff := cmp.Diff(want, got, byPID); diff != "" {
		t.Error(diff)
	}
	if got := readProcesses(filepath.Join(proc, "none")); len(got) > 0 {
		t.Errorf("workers without proc: %v", got)
	}
}

// A real master titles its processes as readWorkers expects.
func TestRealWorkers(t *testing.T) {
	binary := live.FPM(t)
	dir := t.TempDir()
	conf, socket := filepath.Join(dir, "fpm.conf"), filepath.Join(dir, "s")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	account := ""
	if me.Uid == "0" {
		account = "user = nobody\n"
	}
	text := fmt.Sprintf("[global]\nerror_log = %s/log\n[my pool]\n%slisten = %s\npm = static\npm.max_children = 2\n", dir, account, socket)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	master := exec.Command(binary, "-F", "-n", "-y", conf)
	if err := master.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = master.Process.Signal(syscall.SIGTERM) // a killed master would leave its workers behind
		_ = master.Wait()
	})
	f := &Facts{}
	for range 600 {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			f.Workers = observe().workers()
			if m, _ := f.PoolMemory(conf, "my pool"); m.Count == 2 {
				break
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	m, ok := f.PoolMemory(conf, "my pool")
	if !ok || m.Count != 2 {
		t.Fatalf("two workers run, read are %+v", f.Workers)
	}
	if m.Mean <= 1<<20 || m.Max < m.Mean || m.Max > 1<<30 {
		t.Errorf("a worker takes %d bytes, at most %d", m.Mean, m.Max)
	}
}
