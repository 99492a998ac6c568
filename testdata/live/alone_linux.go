package live

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// alone holds the prefix of the control groups' names for a test that runs alone.
const alone = "FPMLINT_ALONE"

// Alone runs a test again in a process with processes, mounts and a network of its own, as in a
// container: what it mounts, listens at and starts is nobody else's, and ends with it. There it
// returns true; false tells the caller that the test has run.
func Alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(alone) != "" {
		settle(t)
		return true
	}
	Programs(t)
	prefix := fmt.Sprintf("fpmlint-%d-%d", os.Getpid(), time.Now().UnixNano())
	defer removeGroups(t, prefix)
	out, err := again(t, prefix)
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL):
		t.Skipf("no namespaces here: %v", err)
	case err != nil:
		t.Errorf("%v:\n%s", err, out)
	case strings.Contains(out, "--- SKIP: "):
		t.Skip(out)
	case !strings.Contains(out, "--- PASS: "+t.Name()):
		t.Errorf("the test did not run:\n%s", out)
	default:
		t.Log(out)
	}
	return false
}

// again runs the test in a child process.
func again(t *testing.T, prefix string) (out string, err error) {
	t.Helper()
	ctx := t.Context()
	if end, ok := t.Deadline(); ok { // leave time to clean up
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-5*time.Second))
		defer cancel()
	}
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+regexp.QuoteMeta(part)+"$")
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.v", "-test.run", strings.Join(pattern, "/"))
	cmd.Env = append(os.Environ(), alone+"="+prefix)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is sent when the thread ends
	defer runtime.UnlockOSThread()
	data, err := cmd.CombinedOutput()
	return string(data), err
}

// settle gives the namespaces their own /proc, a loopback, and mounts that others do not see.
func settle(t *testing.T) {
	t.Helper()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	if err := errors.Join(
		unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
	); err != nil {
		t.Skipf("the namespaces cannot be furnished here: %v", err)
	}
}

// groupRoots are where control groups are mounted that can limit memory, of version 1 and of version 2.
var groupRoots = []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"}

// Group makes a control group for a test that runs alone, and returns its directory.
func Group(t *testing.T, name string) string {
	t.Helper()
	i := slices.IndexFunc(groupRoots, func(root string) bool {
		_, err := os.Stat(root + "/cgroup.procs")
		return err == nil
	})
	if i < 0 {
		t.Skip("no control groups are mounted here")
	}
	dir := filepath.Join(groupRoots[i], os.Getenv(alone), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	return dir
}

// LimitGroup bounds the memory of all processes in a control group.
func LimitGroup(t *testing.T, dir string, bytes int) {
	t.Helper()
	for _, up := range []string{filepath.Dir(filepath.Dir(dir)), filepath.Dir(dir)} {
		// Version 2 hands controllers down on demand; version 1 has no such file.
		_ = os.WriteFile(up+"/cgroup.subtree_control", []byte("+memory"), 0)
	}
	var errs []error
	for _, file := range []string{"memory.limit_in_bytes", "memory.max"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			errs = append(errs, os.WriteFile(filepath.Join(dir, file), fmt.Append(nil, bytes), 0))
		}
	}
	if err := errors.Join(errs...); err != nil || len(errs) == 0 {
		t.Skipf("no control group can limit memory here: %v", err)
	}
	// Without these the kernel would swap first; not all kernels have them.
	_ = os.WriteFile(dir+"/memory.swappiness", []byte("0"), 0)
	_ = os.WriteFile(dir+"/memory.swap.max", []byte("0"), 0)
}

// Killed says how many processes of a control group the kernel has killed for lack of memory.
func Killed(t *testing.T, dir string) string {
	t.Helper()
	for _, file := range []string{"memory.oom_control", "memory.events"} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if m := regexp.MustCompile(`(?m)^oom_kill (\d+)$`).FindSubmatch(data); err == nil && m != nil {
			return string(m[1])
		}
	}
	t.Fatal("the kernel does not count the processes that it kills")
	return ""
}

// removeGroups removes what Group made, when no process of the test lives any more.
func removeGroups(t *testing.T, prefix string) {
	t.Helper()
	for _, root := range groupRoots {
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(root, prefix), func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, name)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			err := os.Remove(dir)
			for range 100 {
				if !errors.Is(err, syscall.EBUSY) {
					break
				}
				time.Sleep(50 * time.Millisecond) // the last process is on its way out
				err = os.Remove(dir)
			}
			if err != nil {
				t.Errorf("a control group is left: %v", err)
			}
		}
	}
}

// FPMWithin has PHP-FPM started by a shell, in mounts of its own, after some commands.
func (s *Server) FPMWithin(commands string) { s.FPM = s.within("fpm.sh", s.FPM, commands) }

// NginxWithin does the same for nginx.
func (s *Server) NginxWithin(commands string) { s.Nginx = s.within("nginx.sh", s.Nginx, commands) }

func (s *Server) within(name, program, commands string) string {
	s.t.Helper()
	script := fmt.Sprintf("#!/bin/sh -e\n[ \"$1\" = within ] || exec unshare --mount \"$0\" within \"$@\"\nshift\n%s\nexec %s \"$@\"\n", commands, program)
	if err := os.WriteFile(s.Path(name), []byte(script), 0o700); err != nil {
		s.t.Fatal(err)
	}
	return s.Path(name)
}
