package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fleetNginx passes to a socket that the test names.
const fleetNginx = "user www-data;\nevents {}\nhttp {\n    server {\n        listen 80;\n        location ~ \\.php$ {\n            fastcgi_param REQUEST_METHOD $request_method;\n            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n            fastcgi_pass unix:/run/php/SOCKET;\n        }\n    }\n}\n"

const fleetPool = "[www]\nuser = www-data\nlisten = /run/php/a.sock\nlisten.owner = www-data\npm = static\npm.max_children = 4\n"

// ansible runs a playbook of the collection as its users do.
type ansible struct{ dir, collections, inventory, binary string }

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
	a := &ansible{dir: dir, collections: filepath.Join(dir, "collections"), inventory: filepath.Join(dir, "hosts.yml"), binary: filepath.Join(dir, "fpmlint")}
	place := filepath.Join(a.collections, "ansible_collections/fpmlint")
	if err := errors.Join(os.MkdirAll(place, 0o755), os.Symlink(collection, filepath.Join(place, "fleet"))); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", a.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	hosts := "web:\n  vars:\n    fpmlint_results: " + dir + "/fleet\n    fpmlint_binaries: {x86_64: " + a.binary + ", aarch64: " + a.binary + "}\n    ansible_python_interpreter: auto_silent\n  hosts:\n"
	modes := map[string]string{"web1": "lint", "web2": "snapshot"}
	for name, socket := range map[string]string{"web1": "a.sock", "web2": "wrong.sock"} {
		root := filepath.Join(dir, name)
		for file, text := range map[string]string{"etc/nginx/nginx.conf": strings.ReplaceAll(fleetNginx, "SOCKET", socket), "etc/php/8.2/fpm/php-fpm.conf": fleetPool} {
			p := filepath.Join(root, file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		hosts += "    " + name + ": {ansible_connection: local, fpmlint_mode: " + modes[name] + ", fpmlint_root: " + root + "}\n"
	}
	hosts += "    web3: {ansible_host: 127.0.0.1, ansible_port: 1}\n"
	if err := os.WriteFile(a.inventory, []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *ansible) play(t *testing.T, book string, args ...string) string {
	t.Helper()
	cmd := exec.Command("ansible-playbook", append([]string{"-i", a.inventory, filepath.Join("../../contrib/ansible/playbooks", book)}, args...)...)
	cmd.Env = append(os.Environ(), "ANSIBLE_COLLECTIONS_PATH="+a.collections, "ANSIBLE_COLLECTIONS_PATHS="+a.collections, "ANSIBLE_HOME="+a.dir+"/home",
		"ANSIBLE_LOCAL_TEMP="+a.dir+"/tmp", "ANSIBLE_REMOTE_TEMP="+a.dir+"/remote", "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", book, err, out)
	}
	return string(out)
}

func (a *ansible) files(t *testing.T) string {
	t.Helper()
	var all bytes.Buffer
	for _, host := range []string{"web1", "web2"} {
		for _, file := range []string{"etc/nginx/nginx.conf", "etc/php/8.2/fpm/php-fpm.conf"} {
			all.WriteString(read(t, filepath.Join(a.dir, host, file)))
		}
	}
	return all.String()
}

// TestAnsible audits three hosts, one of them broken and one that cannot be reached, and mends
// the broken one: first as a diff, then for good.
func TestAnsible(t *testing.T) {
	a := newAnsible(t)
	before := a.files(t)
	a.play(t, "audit.yml") // of web1 a report, of web2 a snapshot
	var merged, errs strings.Builder
	if code := run(t.Context(), []string{"fpmlint", "audit", "--select", "socket-mismatch", a.dir + "/fleet"}, nil, &merged, &errs); code != exitFindings {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	for _, want := range []string{"web1", "web3", "unreachable: ", "error[socket-mismatch] on 1: web2", "result: 3 hosts, 1 of them not audited"} {
		if !strings.Contains(merged.String(), want) {
			t.Errorf("the audit lacks %q:\n%s", want, merged.String())
		}
	}
	if a.files(t) != before {
		t.Fatal("the audit changed a host")
	}
	out := a.play(t, "fix.yml", "--check", "--limit", "web2")
	if !strings.Contains(out, "+            fastcgi_pass unix:/run/php/a.sock;") || a.files(t) != before {
		t.Errorf("check mode: %s", out)
	}
	a.play(t, "fix.yml", "--limit", "web2")
	if after := a.files(t); strings.Contains(after, "wrong.sock") {
		t.Errorf("not mended: %s", after)
	}
	if left, _ := filepath.Glob(filepath.Join(a.dir, "remote", "fpmlint.*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnsibleLint(t *testing.T) {
	if _, err := exec.LookPath("ansible-lint"); err != nil {
		t.Skip("no ansible-lint here")
	}
	a := newAnsible(t)
	cmd := exec.Command("ansible-lint", "--offline", "-q", "--nocolor", "roles", "playbooks", "galaxy.yml", "meta")
	cmd.Dir = "../../contrib/ansible"
	cmd.Env = append(os.Environ(), "ANSIBLE_COLLECTIONS_PATH="+a.collections, "ANSIBLE_COLLECTIONS_PATHS="+a.collections, "ANSIBLE_HOME="+a.dir+"/home", "XDG_CACHE_HOME="+a.dir+"/cache", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
