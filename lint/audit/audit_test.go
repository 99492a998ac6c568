package audit_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/audit"
	"fpmlint/rules"
)

func nginxConf(socket string) string {
	return "user www-data;\nevents {}\nhttp {\n    server {\n        listen 80;\n        location ~ \\.php$ {\n            fastcgi_param REQUEST_METHOD $request_method;\n            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n            fastcgi_pass unix:" + socket + ";\n        }\n    }\n}\n"
}

func poolConf(children int) string {
	return fmt.Sprintf("[global]\n[www]\nuser = www-data\nlisten = /run/php/a.sock\nlisten.owner = www-data\npm = static\npm.max_children = %d\n", children)
}

func archive(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))})); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func host(t testing.TB, dir, name, socket string, children int) {
	t.Helper()
	save(t, filepath.Join(dir, name+".tar"), archive(t, "etc/nginx/nginx.conf", nginxConf(socket), "etc/php/8.2/fpm/php-fpm.conf", poolConf(children)))
}

func save(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, dir string) *audit.Report {
	t.Helper()
	inputs, err := audit.Find([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	return audit.Run(context.Background(), inputs, audit.Options{Rules: rules.All()})
}

// One fleet: two hosts with one fault, one that differs, one broken snapshot, one host that was
// not reached, one report of lint, one root.
func TestFleet(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"web1", "web2", "web3"} {
		host(t, dir, n, "/run/php/a.sock", 40)
	}
	host(t, dir, "web4", "/run/php/wrong.sock", 40)
	host(t, dir, "web5", "/run/php/wrong.sock", 5)
	save(t, filepath.Join(dir, "db1.tar.zst"), []byte("no archive"))
	save(t, filepath.Join(dir, "web9.json"), []byte(`{"version":1,"host":"web9","status":"unreachable","reason":"no route\nto host"}`))
	save(t, filepath.Join(dir, "old.json"), []byte(`{"version":1,"stacks":[{"name":"roots/old"}],"findings":[{"rule":"slowlog","severity":"info","message":"m","stack":"roots/old","file":"roots/old/etc/f","line":3}]}`))
	root := filepath.Join(dir, "app1")
	if err := os.MkdirAll(filepath.Join(root, "etc/nginx"), 0o755); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(root, "etc/nginx/nginx.conf"), []byte("events {\n"))

	r := run(t, dir)
	status := map[string]string{}
	for _, h := range r.Hosts {
		status[h.Name] = h.Group + " " + h.Status
	}
	want := map[string]string{
		"web1": "web ok", "web2": "web ok", "web3": "web ok", "web4": "web ok", "web5": "web ok",
		"db1": "db failed", "web9": "web unreachable", "old": "old ok", "app1": "app ok",
	}
	if diff := cmp.Diff(want, status); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(r.Findings, func(f audit.Finding) bool { return f.File == "/etc/f" }) {
		t.Error("the report's root is in its paths")
	}
	if r.Hosts[0].Status == audit.OK || r.Hosts[2].Summary.Error < 1 {
		t.Errorf("the worst are not first: %+v", r.Hosts[:3])
	}
	if f := r.Findings[0]; f.Rule != "socket-mismatch" || !cmp.Equal(f.Hosts, []string{"web4", "web5"}) || f.File != "/etc/nginx/nginx.conf" || len(f.Frame) != 5 ||
		!strings.Contains(f.Diff, "-            fastcgi_pass unix:/run/php/wrong.sock;\n+            fastcgi_pass unix:/run/php/a.sock;") {
		t.Errorf("the first finding is %+v", f)
	}
	wantOut := []audit.Outlier{{Setting: "pm.max_children", Group: "web", Majority: "40", Share: 0.8, Hosts: []audit.OutlierHost{{Name: "web5", Value: "5", File: "/etc/php/8.2/fpm/php-fpm.conf", Line: 7}}}}
	if diff := cmp.Diff(wantOut, r.Outliers); diff != "" {
		t.Error(diff)
	}

	// Later web4 is mended, web1 breaks, and web5 is not reached.
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	since := filepath.Join(t.TempDir(), "before.json")
	save(t, since, data)
	host(t, dir, "web1", "/run/php/wrong.sock", 40)
	host(t, dir, "web4", "/run/php/a.sock", 40)
	save(t, filepath.Join(dir, "web5.tar"), nil)
	r = run(t, dir)
	if err := r.Compare(since); err != nil {
		t.Fatal(err)
	}
	pick := func(list []audit.Finding) (out []string) {
		for _, f := range list {
			if f.Rule == "socket-mismatch" {
				out = append(out, f.Hosts...)
			}
		}
		return out
	}
	if !cmp.Equal(pick(r.Drift.New), []string{"web1"}) || !cmp.Equal(pick(r.Drift.Gone), []string{"web4"}) || r.Drift.Unchanged == 0 {
		t.Errorf("new %v, gone %v, unchanged %d", pick(r.Drift.New), pick(r.Drift.Gone), r.Drift.Unchanged)
	}
	if err := r.Compare(filepath.Join(dir, "old.json")); err == nil {
		t.Error("a report of lint passes for one of audit")
	}
}

func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	host(t, dir, "web1", "/run/php/a.sock", 4)
	inputs, err := audit.Find([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := audit.Run(ctx, inputs, audit.Options{Rules: rules.All()})
	if len(r.Hosts) != 1 || r.Hosts[0].Reason != "interrupted" {
		t.Errorf("%+v", r.Hosts)
	}
}

// A root that is called "." has a name all the same.
func TestNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "web7")
	if err := os.MkdirAll(filepath.Join(dir, "etc/nginx"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, path := range []string{".", dir + "/", "../web7"} {
		if inputs, err := audit.Find([]string{path}); err != nil || len(inputs) != 1 || inputs[0].Name() != "web7" {
			t.Errorf("%s: %v, %v", path, inputs, err)
		}
	}
}

func TestGroupOf(t *testing.T) {
	for name, want := range map[string]string{"web1": "web", "web-02.example.com": "web", "shop": "shop", "10.0.0.1": "10.0.0.1", "": ""} {
		if got := audit.GroupOf(name); got != want {
			t.Errorf("%q is of group %q, want %q", name, got, want)
		}
	}
}
