package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// auditProcess is fpmlint audit as a process, in a directory with the root web1.
func auditProcess(t *testing.T, args ...string) (c *exec.Cmd, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "web1"), os.DirFS("../../testdata/upgrade")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.Args[0], filepath.Join(dir, "fpmlint")); err != nil {
		t.Fatal(err)
	}
	c = exec.Command(filepath.Join(dir, "fpmlint"), append([]string{"audit"}, args...)...)
	c.Dir = dir
	return c, dir
}

// TestInterruptedAudit interrupts an audit that waits for the second of its hosts: the report has the
// first one.
func TestInterruptedAudit(t *testing.T) {
	c, dir := auditProcess(t, "--format", "json", "web1", "web2.tar", "web3.tar")
	for _, name := range []string{"web2.tar", "web3.tar"} {
		if err := unix.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.Env = append(os.Environ(), "GOMAXPROCS=1") // one host after the other
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(filepath.Join(dir, "web2.tar"), os.O_WRONLY, 0) // waits for the reader
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // nothing was written
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != exitUsage || errs.String() != "fpmlint: interrupted: 2 of 3 hosts were not audited\n" {
		t.Errorf("%v, %s", err, errs.String())
	}
	var r struct {
		Hosts []struct{ Name, Status, Reason string }
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || len(r.Hosts) != 3 {
		t.Fatal(err, out.String())
	}
	for _, h := range r.Hosts {
		if ok := h.Name == "web1"; ok != (h.Status == "ok") || !ok && h.Reason != "interrupted" {
			t.Errorf("%+v", h)
		}
	}
}

// TestAuditProgress looks for the progress of an audit: a terminal has it, and nothing remains of it
// there; what is no terminal does not.
func TestAuditProgress(t *testing.T) {
	c, _ := auditProcess(t, "--fail-on", "never", "--output", "/dev/null", "web1", "web1")
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("without a terminal: %v, %q", err, out)
	}
	c, _ = auditProcess(t, "--fail-on", "never", "--output", "/dev/null", "web1", "web1")
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminal here:", err)
	}
	defer master.Close() //nolint:errcheck // only read
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminal here:", err)
	}
	c.Stderr = terminal
	err = c.Run()
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	_, _ = shown.ReadFrom(master) // ends with an error once nobody has the terminal open
	text := shown.String()
	if err != nil || !strings.Contains(text, "hosts") || !strings.Contains(text, "(1/2)") {
		t.Errorf("%v, %q", err, text)
	}
	last := text[strings.LastIndexByte(strings.TrimRight(text, "\r"), '\r')+1:]
	if strings.TrimSpace(last) != "" {
		t.Errorf("%q is left on the terminal", last)
	}
}
