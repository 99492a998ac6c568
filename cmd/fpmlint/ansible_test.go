package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fleetNginx passes to a socket that the test names.
const fleetNginx = "user www-data;\nevents {}\nhttp {\n    server {\n        listen 80;\n        location ~ \\.php$ {\n            fastcgi_param REQUEST_METHOD $request_method;\n            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n            fastcgi_pass unix:/run/php/SOCKET;\n        }\n    }\n}\n"

const fleetPool = "[www]\nuser = www-data\nlisten = /run/php/a.sock\nlisten.owner = www-data\npm = static\npm.max_children = 4\n"

// ansible runs playbooks of the collection as its users do.
type ansible struct{ dir, collections, binary string }

func newAnsible(t *testing.T) *ansible {
	t.Helper()
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("no Ansible here")
	}
	collection, err := filepath.Abs("../../contrib/ansible")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a := &ansible{dir: dir, collections: filepath.Join(dir, "collections"), binary: filepath.Join(dir, "fpmlint")}
	place := filepath.Join(a.collections, "ansible_collections/fpmlint")
	if err := errors.Join(os.MkdirAll(place, 0o755), os.Symlink(collection, filepath.Join(place, "fleet"))); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", a.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return a
}

// host makes the root of a host on which nginx passes to a socket.
func (a *ansible) host(t *testing.T, name, socket string) (root string) {
	t.Helper()
	root = filepath.Join(a.dir, "hosts", name)
	for file, text := range map[string]string{"etc/nginx/nginx.conf": strings.ReplaceAll(fleetNginx, "SOCKET", socket), "etc/php/8.2/fpm/php-fpm.conf": fleetPool} {
		a.write(t, filepath.Join("hosts", name, file), text, 0o644)
	}
	return root
}

func (a *ansible) write(t *testing.T, file, text string, mode fs.FileMode) (name string) {
	t.Helper()
	name = filepath.Join(a.dir, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), mode)); err != nil {
		t.Fatal(err)
	}
	return name
}

// inventory has hosts by name, each with its variables; a host has a root in the test's directory
// and is reached without a network.
func (a *ansible) inventory(t *testing.T, hosts map[string]map[string]any) {
	t.Helper()
	for name, vars := range hosts {
		if vars["ansible_host"] == nil {
			vars["ansible_connection"], vars["fpmlint_root"] = "local", filepath.Join(a.dir, "hosts", name)
		}
	}
	doc, err := json.Marshal(map[string]any{"web": map[string]any{"hosts": hosts, "vars": map[string]any{
		"fpmlint_results": "fleet", "fpmlint_binaries": map[string]string{"x86_64": a.binary, "aarch64": a.binary}, "ansible_python_interpreter": "auto_silent",
	}}}) // which is YAML too
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "hosts.yml", string(doc), 0o644)
}

// env keeps Ansible within the test's directory.
func (a *ansible) env(more ...string) []string {
	return append([]string{"ANSIBLE_HOME=" + a.dir + "/home", "ANSIBLE_LOCAL_TEMP=" + a.dir + "/tmp", "ANSIBLE_REMOTE_TEMP=" + a.dir + "/remote", "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8"}, more...)
}

// play runs a playbook in the test's directory and returns what it printed and its exit code.
func (a *ansible) play(t *testing.T, book string, args ...string) (string, int) {
	t.Helper()
	book, err := filepath.Abs(filepath.Join("../../contrib/ansible/playbooks", book))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ansible-playbook", append([]string{"-i", filepath.Join(a.dir, "hosts.yml"), book}, args...)...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), a.env("PWD="+a.dir, "ANSIBLE_COLLECTIONS_PATH="+a.collections, "ANSIBLE_COLLECTIONS_PATHS="+a.collections)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(a.dir, "remote", "fpmlint.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// tree is all that stands in the hosts' roots: names, modes, contents, times.
func (a *ansible) tree(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(filepath.Join(a.dir, "hosts"), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			text = read(t, name)
		}
		out[strings.TrimPrefix(name, a.dir+"/hosts")] = fmt.Sprint(info.Mode(), " ", info.ModTime(), "\n", text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnsibleAudit audits five hosts: one of them broken, one that is not reached, one on which
// there is nothing to lint. Each is in the report, and none is changed.
func TestAnsibleAudit(t *testing.T) {
	a := newAnsible(t)
	a.host(t, "web1", "a.sock")
	a.host(t, "web2", "wrong.sock")
	a.host(t, "web3", "a.sock")
	a.write(t, "hosts/web5/etc/motd", "welcome\n", 0o644)
	hosts := map[string]map[string]any{
		"web1": {"fpmlint_mode": "lint"},
		"web2": {},
		"web3": {},
		"web4": {"ansible_host": "127.0.0.1", "ansible_port": 1},
		"web5": {},
	}
	a.inventory(t, hosts)
	before := a.tree(t)
	audit := func() string {
		t.Helper()
		if out, code := a.play(t, "audit.yml"); code != 0 || strings.Contains(strings.ReplaceAll(out, "changed=0", ""), "changed=") {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
		if diff := cmp.Diff(before, a.tree(t)); diff != "" {
			t.Error("the audit changed a host:", diff)
		}
		var merged, errs bytes.Buffer
		if code := run(t.Context(), []string{"fpmlint", "audit", "--select", "socket-mismatch", a.dir + "/fleet"}, nil, &merged, &errs); code != exitFindings {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
		return merged.String()
	}
	out := audit()
	for _, want := range []string{"web1 ", "web3 ", "web4                     unreachable: ", "web5                     failed: ", "error[socket-mismatch] on 1: web2", "result: 5 hosts, 2 of them not audited"} {
		if !strings.Contains(out, want) {
			t.Errorf("the audit lacks %q:\n%s", want, out)
		}
	}
	// What was fetched earlier of a host that is gone now is not taken for news.
	hosts["web3"] = map[string]any{"ansible_host": "127.0.0.1", "ansible_port": 1}
	a.inventory(t, hosts)
	if out := audit(); !strings.Contains(out, "web3                     unreachable: ") || !strings.Contains(out, "result: 5 hosts, 3 of them not audited") {
		t.Errorf("a host that is gone:\n%s", out)
	}
}

// TestAnsibleFix mends hosts one by one: in check mode it shows the diffs alone; on the second host
// the site's own check refuses the new configuration, so that fpmlint takes it back with exit code
// 3, and the hosts behind it are not touched.
func TestAnsibleFix(t *testing.T) {
	a := newAnsible(t)
	for _, name := range []string{"web1", "web2", "web3"} {
		a.host(t, name, "wrong.sock")
	}
	// What fpmlint cannot mend remains on the first host: exit code 1.
	a.write(t, "hosts/web1/etc/php/8.2/fpm/php-fpm.conf", fleetPool+"pm.max_children = many\n", 0o644)
	// The site's check takes the proof in a mount namespace, and refuses the files once they are written.
	outer, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Skip("no Linux")
	}
	refusing := a.write(t, "check", "#!/bin/sh\n[ \"$(readlink /proc/self/ns/mnt)\" = '"+outer+"' ] || exit 0\n! grep -q a.sock "+a.dir+"/hosts/web2/etc/nginx/nginx.conf || { echo 'a.sock is not for us' >&2; exit 1; }\n", 0o755)
	noting := a.write(t, "noting", "#!/bin/sh\necho called >> "+a.dir+"/called\nexec "+a.binary+" \"$@\"\n", 0o755)
	hosts := map[string]map[string]any{
		"web1": {},
		"web2": {"fpmlint_fix_arguments": []string{"--nginx-test", refusing}},
		"web3": {"fpmlint_binaries": map[string]string{"x86_64": noting, "aarch64": noting}},
	}
	a.inventory(t, hosts)
	before := a.tree(t)

	out, code := a.play(t, "fix.yml", "--check")
	if n := strings.Count(out, "+            fastcgi_pass unix:/run/php/a.sock;"); code != 0 || n != 3 {
		t.Errorf("check mode: %d diffs, exit code %d:\n%s", n, code, out)
	}
	if diff := cmp.Diff(before, a.tree(t)); diff != "" {
		t.Error("check mode changed a host:", diff)
	}
	called := filepath.Join(a.dir, "called")
	if err := os.Remove(called); err != nil {
		t.Fatal("the third host's program was not called in check mode:", err)
	}

	out, code = a.play(t, "fix.yml", "-v")
	if !regexp.MustCompile(`changed: \[web1\] => .*"--write".*"rc": 1,`).MatchString(out) {
		t.Errorf("web1 has nothing left to mend by hand:\n%s", out)
	}
	if code == 0 || !strings.Contains(out, `"rc": 3`) || !strings.Contains(out, "a.sock is not for us; everything was rolled back") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	after := a.tree(t)
	if !strings.Contains(after["/web1/etc/nginx/nginx.conf"], "a.sock") {
		t.Errorf("web1 is not mended:\n%s", out)
	}
	content := func(tree map[string]string, name string) string {
		_, text, _ := strings.Cut(tree[name], "\n")
		return text
	}
	if content(after, "/web2/etc/nginx/nginx.conf") != content(before, "/web2/etc/nginx/nginx.conf") {
		t.Errorf("web2 is not rolled back: %s", after["/web2/etc/nginx/nginx.conf"])
	}
	untouched := func(name string) {
		t.Helper()
		for file := range after {
			if strings.HasPrefix(file, "/"+name+"/") && after[file] != before[file] {
				t.Errorf("%s was touched", file)
			}
		}
	}
	untouched("web3")
	if _, err := os.Stat(called); err == nil || strings.Contains(out, "[web3]") {
		t.Errorf("web3 was reached after web2 had failed:\n%s", out)
	}

	// A host that is not reached is passed over. Exit code 2, as where there is nothing to lint, ends
	// the run like 3.
	hosts["web1"] = map[string]any{"ansible_host": "127.0.0.1", "ansible_port": 1}
	a.inventory(t, hosts)
	if err := errors.Join(os.RemoveAll(filepath.Join(a.dir, "hosts/web2/etc/nginx")), os.RemoveAll(filepath.Join(a.dir, "hosts/web2/etc/php"))); err != nil {
		t.Fatal(err)
	}
	out, code = a.play(t, "fix.yml")
	if code == 0 || !strings.Contains(out, "UNREACHABLE") || !strings.Contains(out, `"rc": 2`) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	after = a.tree(t)
	untouched("web3")
	if _, err := os.Stat(called); err == nil {
		t.Errorf("web3 was reached after web2 had failed:\n%s", out)
	}

	// Without the host that fails the others are mended, and a second run finds nothing to do.
	for _, want := range []string{"changed=2", "changed=0"} {
		if out, code = a.play(t, "fix.yml", "--limit", "web3"); code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, want %s:\n%s", code, want, out)
		}
	}
	if !strings.Contains(a.tree(t)["/web3/etc/nginx/nginx.conf"], "a.sock") {
		t.Errorf("web3 is not mended:\n%s", out)
	}
}

func TestAnsibleLint(t *testing.T) {
	if _, err := exec.LookPath("ansible-lint"); err != nil {
		t.Skip("no ansible-lint here")
	}
	a := newAnsible(t)
	cmd := exec.Command("ansible-lint", "--offline", "-q", "--nocolor", "roles", "playbooks", "galaxy.yml", "meta")
	cmd.Dir = "../../contrib/ansible"
	cmd.Env = append(os.Environ(), a.env("ANSIBLE_COLLECTIONS_PATH="+a.collections, "ANSIBLE_COLLECTIONS_PATHS="+a.collections, "XDG_CACHE_HOME="+a.dir+"/cache")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
