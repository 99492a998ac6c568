package snapshot_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"fpmlint/lint"
	"fpmlint/lint/snapshot"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// server is a root in which every line with a secret has the word hunter2 or hunter3 in it.
var server = map[string]string{
	"etc/nginx/nginx.conf": `user www-data;
events {}
env DB_PASS=hunter2;
env PATH=/usr/bin;
http {
    map $host $api_token { default "hunter2-map"; shop.test 'hunter2 two'; }
    include sites-enabled/*;
    # fastcgi_param OLD_DB_PASSWORD hunter2;
    # the admin's password: hunter2
    # password = "hunter2"
    include fastcgi_params;
}
`,
	"etc/nginx/sites-available/shop": `server {
    listen 80;
    ssl_certificate_key data:hunter2;
    set $db_password "hunter2";
    set $plain kept-value;
    proxy_set_header Authorization "Basic aHVudGVyMg==hunter2";
    proxy_set_header X-Up https://admin:hunter2@up.test/;
    location ~ \.php$ {
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_param DB_PASSWORD
            # a comment between
            'hunter2;still hunter2';
        fastcgi_param STRIPE sk_live_hunter2hunter2;
        fastcgi_param HARMLESS_NAME "hunter2
hunter2 on the next line";
        fastcgi_param APP_ENV production-kept;
        fastcgi_param PHP_VALUE "memory_limit=64M
            db.url=mysql://root:hunter2@db/x";
        fastcgi_pass unix:/run/php/a.sock;
    }
    access_by_lua_block { local password = "hunter2" }
}
`,
	"etc/nginx/fastcgi_params":              "fastcgi_param REQUEST_METHOD $request_method;\nfastcgi_param API_KEY hunter2;\n",
	"etc/nginx/tls.key":                     "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
	"etc/nginx/.htpasswd":                   "admin:hunter2\n",
	"etc/php/8.2/fpm/php-fpm.conf":          "[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
	"etc/php/8.2/fpm/pool.d/www.conf":       "[www]\nuser = www-data\nlisten = /run/php/a.sock\npm = static\npm.max_children = 77\nenv[DB] = hunter2\nenv[PATH] = /usr/bin:/kept\nenv[HOME2]=\"hunter2 quoted\"\nphp_admin_value[session.save_path] = \"tcp://r:1?auth=hunter2\"\nphp_admin_value[mysqli.default_pw] = hunter2\nphp_admin_value[memory_limit] = 65M\n;env[OLD] = hunter2\nphp_admin_value[x] = eyJhbGciOiJI.eyJzdWIi-hunter2.c2ln\n",
	"etc/php/8.2/fpm/php.ini":               "mysqli.default_pw = hunter2\nmemory_limit = 66M\nsmtp.password = 'hunter2\nhunter2'\n",
	"etc/php/8.2/fpm/conf.d/20-redis.ini":   "redis.session.dsn = tcp://h?auth=hunter2\nnewrelic.license = \"0123456789abcdef0123456789abcdef01234567\"\n",
	"etc/passwd":                            "root:x:0:0:hunter2 Root:/root:/bin/sh\nwww-data:hunter3hash:33:33:www-data:/var/www:/x\n# hunter2\n",
	"etc/group":                             "www-data:hunter2:33:me\n",
	"etc/shadow":                            "root:$6$hunter2:1::::::\n",
	"proc/meminfo":                          "MemTotal: 8388608 kB\nMemFree: 1234 kB\n",
	"lib/systemd/system/php8.2-fpm.service": "[Service]\nExecStart=/usr/sbin/php-fpm8.2 --fpm-config /etc/php/8.2/fpm/php-fpm.conf\nEnvironment=DB=hunter2\n",
	"srv/shop/wp-config.php":                "<?php\ndefine('DB_PASSWORD', 'hunter2');\ndefine('DISABLE_WP_CRON', true);\n",
}

func build(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if files["etc/nginx/sites-available/shop"] == "" {
		return dir
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "etc/nginx/sites-enabled"), 0o755), os.Symlink("../sites-available/shop", filepath.Join(dir, "etc/nginx/sites-enabled/shop"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func take(t *testing.T, dir string) ([]byte, *snapshot.Manifest, *lint.Result) {
	t.Helper()
	root, err := source.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	rec := root.Record()
	s, r := run(t, root)
	m := &snapshot.Manifest{Version: 1, Host: "web1", Time: time.Unix(0, 0).UTC()}
	var b bytes.Buffer
	if err := snapshot.Write(&b, s, rec, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m, r
}

func run(t *testing.T, root *source.Root) (*stack.Stack, *lint.Result) {
	t.Helper()
	s, err := stack.LoadRoot(root, "web1", stack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := lint.Run(context.Background(), []*stack.Stack{s}, rules.All())
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

func unpack(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(content)
	}
}

// No secret gets into a snapshot, and the manifest names the lines and files that had one.
func TestNoSecrets(t *testing.T) {
	data, m, _ := take(t, build(t, server))
	files := unpack(t, data)
	for name, content := range files {
		for i, line := range strings.Split(content, "\n") {
			if strings.Contains(line, "hunter") || strings.Contains(line, "0123456789abcdef") {
				t.Errorf("%s:%d: %s", name, i+1, line)
			}
		}
	}
	all := fmt.Sprint(files)
	for _, kept := range []string{"production-kept", "kept-value", "/usr/bin:/kept", "pm.max_children = 77", "memory_limit = 66M", "memory_limit=64M", "MemTotal: 8388608", "www-data:x:33:33:::", "mysql://root:" + snapshot.Mask + "@db/x"} {
		if !strings.Contains(all, kept) {
			t.Errorf("%q is lost", kept)
		}
	}
	masked := map[string][]int{}
	for _, f := range m.Masked {
		masked[f.File] = f.Lines
	}
	if diff := cmp.Diff([]int{6, 8, 9, 10, 13}, masked["/etc/php/8.2/fpm/pool.d/www.conf"]); diff != "" {
		t.Error(diff)
	}
	for file, want := range map[string]int{"/etc/nginx/nginx.conf": 2, "/etc/nginx/sites-available/shop": 9, "/etc/nginx/fastcgi_params": 1, "/etc/php/8.2/fpm/php.ini": 2} {
		if len(masked[file]) < want {
			t.Errorf("%s: lines %v are listed, want at least %d", file, masked[file], want)
		}
	}
	if files["etc/nginx/tls.key"] != "" || files["etc/shadow"] != "" {
		t.Error("a key or a password file is in the snapshot")
	}
	var inside snapshot.Manifest
	if err := json.Unmarshal([]byte(files["fpmlint/manifest.json"]), &inside); err != nil || inside.Host != "web1" {
		t.Errorf("the manifest is %+v, %v", inside, err)
	}
}

// Equal input gives equal bytes, and the snapshot gives the findings that the root gives.
func TestSameFindings(t *testing.T) {
	dir := build(t, server)
	data, _, before := take(t, dir)
	again, _, _ := take(t, dir)
	if !bytes.Equal(data, again) {
		t.Error("two snapshots of one root differ")
	}
	root, err := source.Tar("web1", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, after := run(t, root)
	list := func(r *lint.Result, prefix string) (out []string) {
		for _, f := range r.Findings {
			out = append(out, fmt.Sprintf("%s %s %d %s", f.Rule, strings.TrimPrefix(f.Span.File.Display, prefix), f.Span.Position().Line, strings.ReplaceAll(f.Message, prefix, "")))
		}
		return out
	}
	if len(before.Findings) < 3 {
		t.Fatalf("only %d findings", len(before.Findings))
	}
	if diff := cmp.Diff(list(before, dir), list(after, "web1:")); diff != "" {
		t.Error(diff)
	}
}
