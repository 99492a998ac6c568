package lint_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

const site = `events {}
http {
    server {
        server_name a.example;
        location ~ \.php$ { include snippets/php.conf; fastcgi_pass unix:/run/gone.sock; }
    }
    server {
        server_name b.example;
        location ~ \.php$ { include snippets/php.conf; fastcgi_pass unix:/run/gone.sock; }
    }
}
`

const pools = `[a]
user = www-data
listen = /run/a.sock
pm = static
pm.max_children = 0
[b]
user = www-data
listen = /run/b.sock
pm = static
pm.max_children = 0
`

// prints are the fingerprints of what is found, in the order of the report, by rule.
func prints(t *testing.T, nginx, fpm string) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"etc/nginx/nginx.conf":          nginx,
		"etc/nginx/snippets/php.conf":   "fastcgi_read_timeout 1s;\nfastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\nfastcgi_param REQUEST_METHOD $request_method;\n",
		"etc/php/8.2/fpm/php-fpm.conf":  "[global]\ninclude = /etc/php/8.2/fpm/pool.d/*.conf\n",
		"etc/php/8.2/fpm/pool.d/a.conf": fpm,
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stacks, err := stack.Load(context.Background(), stack.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	r, err := lint.Run(context.Background(), stacks, rules.All())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	seen := map[string]bool{}
	for _, f := range r.Findings {
		if seen[f.Fingerprint] {
			t.Errorf("%s: %s has the fingerprint of another", f.Rule, f.Message)
		}
		seen[f.Fingerprint] = true
		out[f.Rule] = append(out[f.Rule], f.Fingerprint)
	}
	return out
}

// TestFingerprints are the same in another directory, on other lines, and when a site that shares
// a snippet comes or goes; another address has another one.
func TestFingerprints(t *testing.T) {
	want := prints(t, site, pools)
	if len(want["socket-mismatch"]) != 2 || len(want["low-read-timeout"]) != 1 || len(want["fpm-config"]) != 2 {
		t.Fatal(want)
	}
	if diff := cmp.Diff(want, prints(t, strings.ReplaceAll(site, "server {", "# moved\n\n  server  {"), "\n; moved\n"+pools)); diff != "" {
		t.Errorf("moved lines (-want +got):\n%s", diff)
	}
	first, rest, _ := strings.Cut(site, "    server {\n        server_name b")
	got := prints(t, first+"}\n", pools)
	if got["socket-mismatch"][0] != want["socket-mismatch"][0] || got["low-read-timeout"][0] != want["low-read-timeout"][0] {
		t.Error("taking away the second server changes the first one's fingerprints")
	}
	got = prints(t, "events {}\nhttp {\n    server {\n        server_name b"+rest, pools)
	if got["socket-mismatch"][0] != want["socket-mismatch"][1] || got["low-read-timeout"][0] != want["low-read-timeout"][0] {
		t.Error("taking away the first server changes the second one's fingerprints")
	}
	_, second, _ := strings.Cut(pools, "[b]")
	if got := prints(t, site, "[b]"+second); got["fpm-config"][0] != want["fpm-config"][1] {
		t.Error("taking away the first pool changes the second one's fingerprint")
	}
	if got := prints(t, strings.ReplaceAll(site, "gone", "lost"), pools); got["socket-mismatch"][0] == want["socket-mismatch"][0] {
		t.Error("another address has the same fingerprint")
	}
}
