package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fpmlint/testdata/live"
)

// shellLines are the commands that a page tells its reader to type.
func shellLines(t *testing.T, name string) (lines []string) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, name), -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return lines
}

// typed runs a command as a shell does, in a directory with fpmlint on the path.
func typed(t *testing.T, dir, line string, env ...string) (out string, code int) {
	t.Helper()
	c := exec.Command("bash", "-c", line)
	c.Dir = dir
	c.Env = append(append(os.Environ(), "PWD="+dir, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH")), env...)
	text, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), c.ProcessState.ExitCode()
}

// TestAuditPage types what lint/audit/README.md says, and sees what it promises.
func TestAuditPage(t *testing.T) {
	lines := shellLines(t, "../../lint/audit/README.md")
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "bin"), 0o755), os.Symlink(os.Args[0], filepath.Join(dir, "bin/fpmlint")), os.Mkdir(filepath.Join(dir, "snapshots"), 0o755),
		os.CopyFS(filepath.Join(dir, "images/web3"), os.DirFS("../../testdata/advised")), os.CopyFS(filepath.Join(dir, "roots/old"), os.DirFS("../../testdata/upgrade"))); err != nil {
		t.Fatal(err)
	}
	for _, prepare := range []string{
		"fpmlint snapshot --root roots/old --host fra-web-1 -o snapshots/fra-web-1.tar.zst",
		"fpmlint snapshot --root roots/old --host web2.example.com -o snapshots/web2.tar.zst",
		"tar -C roots/old -czf web4.tar.gz .", "fpmlint lint --fail-on never --format json=web5.json roots/old",
	} {
		if out, code := typed(t, dir, prepare); code != 0 {
			t.Fatalf("%s: exit code %d: %s", prepare, code, out)
		}
	}
	wants := map[string]string{ // by what a command has in it; the text that it prints
		"csv=fleet.csv":   "",
		"html=fleet.html": "result: 2 hosts, 0 of them not audited",
		"images/web3":     "result: 5 hosts, 0 of them not audited",
		"--since":         "unchanged since fleet.json: ",
		"--group-by":      "error[socket-mismatch] on 2: fra-web-1, web2.example.com",
	}
	seen := 0
	for _, line := range lines {
		if strings.HasPrefix(line, "fpmlint snapshot") {
			seen++
			t.Run("on a server", func(t *testing.T) {
				live.Nginx(t)
				if out, code := typed(t, dir, line); code != 0 {
					t.Errorf("%s: exit code %d: %s", line, code, out)
				}
				if out, code := typed(t, dir, "fpmlint audit --fail-on never web1.tar.zst"); code != 0 {
					t.Errorf("exit code %d: %s", code, out)
				}
			})
			continue
		}
		out, code := typed(t, dir, line)
		if code != exitFindings {
			t.Errorf("%s: exit code %d: %s", line, code, out)
		}
		for part, want := range wants {
			if strings.Contains(line, part) {
				seen++
				if !strings.Contains(out, want) {
					t.Errorf("%s lacks %q:\n%s", line, want, out)
				}
			}
		}
		for _, f := range regexp.MustCompile(`--format \w+=(\S+)`).FindAllStringSubmatch(line, -1) {
			if info, err := os.Stat(filepath.Join(dir, f[1])); err != nil || info.Size() == 0 {
				t.Errorf("%s: %s: %v", line, f[1], err)
			}
		}
	}
	if seen != len(wants)+1 {
		t.Errorf("%d commands were looked for, %d are there:\n%s", len(wants)+1, seen, strings.Join(lines, "\n"))
	}
	out, _ := typed(t, dir, "fpmlint audit --format json --group-by '^[a-z]+-([a-z]+)' snapshots/")
	var report struct {
		Hosts []struct{ Name, Group string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	for _, h := range report.Hosts {
		if h.Name == "fra-web-1" && h.Group != "web" {
			t.Errorf("%+v", h)
		}
	}
}

// TestFleetPage types what contrib/ansible/README.md says in a fresh copy of the repository, with the
// hosts of its inventory on this machine.
func TestFleetPage(t *testing.T) {
	a := newAnsible(t)
	repo := filepath.Join(a.dir, "repo")
	for _, part := range []string{"cmd", "contrib", "fix", "lint", "rules"} {
		if err := os.CopyFS(filepath.Join(repo, part), os.DirFS(filepath.Join("../..", part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		a.write(t, filepath.Join("repo", file), read(t, filepath.Join("../..", file)), 0o644)
	}
	a.host(t, "web1.example.com", "wrong.sock")
	a.host(t, "web2.example.com", "a.sock")
	for _, host := range []string{"web1.example.com", "web2.example.com"} {
		a.write(t, "repo/contrib/ansible/host_vars/"+host+".yml", "ansible_connection: local\nansible_python_interpreter: auto_silent\nfpmlint_root: "+filepath.Join(a.dir, "hosts", host)+"\n", 0o644)
	}
	before := a.tree(t)
	wants := []struct{ part, want string }{
		{"-o dist/fpmlint-amd64", ""},
		{"-o dist/fpmlint-arm64", ""},
		{"ansible-galaxy", "was installed successfully"},
		{"playbooks/audit.yml", "failed=0"},
		{"audit fleet/", "error[socket-mismatch] on 1: web1.example.com"},
		{"fix.yml --check", "+            fastcgi_pass unix:/run/php/a.sock;"},
		{"playbooks/fix.yml", "failed=0"},
	}
	lines := shellLines(t, "../../contrib/ansible/README.md")
	if len(lines) != len(wants) {
		t.Fatalf("the page has %d commands:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for i, line := range lines {
		out, code := typed(t, repo, line, a.env()...)
		findings := strings.Contains(line, "audit fleet/")
		if w := wants[i]; (code != 0) != findings || !strings.Contains(line, w.part) || !strings.Contains(out, w.want) {
			t.Fatalf("%s: exit code %d, want %q:\n%s", line, code, w.want, out)
		}
		if mended := a.tree(t)["/web1.example.com/etc/nginx/nginx.conf"] != before["/web1.example.com/etc/nginx/nginx.conf"]; mended != (i == len(lines)-1) {
			t.Errorf("after %s the host is changed: %t", line, mended)
		}
	}
}
