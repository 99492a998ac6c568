//go:build linux

package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"fpmlint/testdata/live"
)

// ownMachine gives a test that runs alone the machine's packages of nginx and PHP-FPM as they come, in
// copies that it may change, and returns PHP's version. The location for PHP passes to the socket of a
// version that is gone.
func ownMachine(t *testing.T) (version string) {
	t.Helper()
	version, site := debian(t)
	before, rest, _ := strings.Cut(site, "\t#location ~ \\.php$ {\n")
	_, after, _ := strings.Cut(rest, "\t#}\n")
	for _, dir := range []string{"/etc/nginx", "/etc/php"} {
		own := filepath.Join(t.TempDir(), "copy")
		if out, err := exec.Command("cp", "-a", dir, own).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := unix.Mount(own, dir, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"/run", "/var/log", "/var/lib", "/var/www"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.Mkdir("/run/php", 0o755), os.Mkdir("/var/log/nginx", 0o755), os.Mkdir("/var/lib/nginx", 0o755), os.Mkdir("/var/www/html", 0o755),
		os.WriteFile("/var/www/html/index.php", []byte("<?php echo 'served';"), 0o644),
		os.WriteFile("/etc/nginx/sites-available/default", []byte(before+"\tlocation ~ \\.php$ {\n\t\tinclude snippets/fastcgi-php.conf;\n\t\tfastcgi_pass unix:/run/php/php5.6-fpm.sock;\n\t}\n"+after), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"php-fpm" + version, "-D"}, {"nginx"}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", argv[0], err, out)
		}
	}
	return version
}

func asked(t *testing.T) string {
	t.Helper()
	answer, err := http.Get("http://127.0.0.1/index.php")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status + " " + string(body)
}

// TestFixPage types what fix/README.md says, on this machine: its daemons and their files are found
// without a flag.
func TestFixPage(t *testing.T) {
	if !live.Alone(t) {
		return
	}
	version := ownMachine(t)
	const site = "/etc/nginx/sites-available/default"
	before := read(t, site)
	if got := asked(t); !strings.HasPrefix(got, "502 ") {
		t.Fatal(got)
	}
	lines := shellLines(t, "../../fix/README.md")
	if len(lines) != 3 {
		t.Fatalf("the page has %d commands", len(lines))
	}
	out, code := typed(t, t.TempDir(), lines[0])
	if code != exitFindings || !strings.Contains(out, "+\t\tfastcgi_pass unix:/run/php/php"+version+"-fpm.sock;\n") || read(t, site) != before {
		t.Fatalf("%s: exit code %d\n%s", lines[0], code, out)
	}
	out, code = typed(t, t.TempDir(), lines[1])
	if got := asked(t); code != exitClean || got != "200 OK served" {
		t.Fatalf("%s: exit code %d, then %s\n%s", lines[1], code, got, out)
	}
	out, code = typed(t, t.TempDir(), lines[2])
	if code != exitClean || read(t, site) != before {
		t.Errorf("%s: exit code %d\n%s\nthe file is\n%s", lines[2], code, out, read(t, site))
	}
}
