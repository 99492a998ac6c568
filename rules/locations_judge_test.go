package rules

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/testdata/live"
)

// judged is a server whose locations answer with their own names.
const judged = `
location / { return 200 "/"; }
location = /exact.php { return 200 "= /exact.php"; }
location ^~ /static/ { return 200 "^~ /static/"; }
location /static/deep/ { return 200 "/static/deep/"; }
location /app { return 200 "/app"; location /app/in { return 200 "/app/in"; } location ~ \.inc$ { return 200 "include"; } location = /app/one.php { return 200 "= /app/one.php"; } }
location ^~ /fixed { return 200 "^~ /fixed"; location ~ \.php$ { return 200 "in /fixed"; } }
location ~ /\.(?!well-known/|\.) { return 200 "hidden"; }
location ~ \.php$ { return 200 "php"; location ~ ^/wp-admin/ { return 200 "in php"; } }
location ~* \.JPG$ { return 200 "picture"; }
location ~ ^/app/.*\.jpg$ { return 200 "never"; }
location @named { return 200 "@named"; }
`

// TestLocationsAgainstNginx asks nginx itself which location serves a path.
func TestLocationsAgainstNginx(t *testing.T) {
	program := live.Nginx(t)
	dir := t.TempDir()
	socket, conf := filepath.Join(dir, "s"), filepath.Join(dir, "nginx.conf")
	text := "daemon off; master_process off; pid " + dir + "/pid; error_log " + dir + "/log;\nevents {}\nhttp { access_log off; server { listen unix:" + socket + "; server_name x;" + judged + "} }\n"
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-c", conf, "-p", dir, "-e", dir+"/log")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("nginx does not listen: %s", log)
		}
	}

	config := nginx.LoadFile(source.Memory("judge", nil), source.NewFile("/nginx.conf", []byte(text)), nginx.Options{})
	var server *nginx.Scope
	for s := range config.Scopes {
		if s.Kind == "server" {
			server = s
		}
	}
	patterns := &matchers{}
	for _, uri := range []string{
		"/", "/x", "/exact.php", "/exact.php5", "/static/a.php", "/static/deep/a.php", "/static/deep/a.txt", "/app", "/app.inc", "/app/in.inc", "/app/in/x.inc", "/app/in/x",
		"/app/one.php", "/app/two.php", "/fixed", "/fixed/a.php", "/fixed/a.jpg", "/wp-admin/a.php", "/index.php", "/index.PHP", "/app/a.jpg", "/a.jpg", "/named", "/.env", "/a/.git/x.php", "/.well-known/a.php", "/x..php",
	} {
		resp, err := client.Get("http://x" + uri)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		found, known := patterns.locationFor(server, uri)
		if want, got := string(body), found.Find("return").Arg(1); !known || got != want {
			t.Errorf("%s: nginx serves it with %q, here it is %q", uri, want, strings.TrimSpace(got))
		}
	}
}

// TestSlowPatterns gives up patterns that could hold the engine for ever.
func TestSlowPatterns(t *testing.T) {
	m := &matchers{}
	hostile := strings.Repeat("a", 64)
	for range 3 * maxSlow {
		if _, known := m.regex("(?!x)^(([a-z])+.)+[A-Z]([a-z])+$")(hostile); known {
			t.Fatal("the pattern was judged")
		}
	}
	if m.slow != maxSlow {
		t.Errorf("%d patterns were tried, want %d", m.slow, maxSlow)
	}
	if _, known := m.regex("(?!" + strings.Repeat("a", maxPattern) + ")")("/"); known {
		t.Error("a pattern longer than nginx reads was judged")
	}
}
