package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// debian returns PHP's version and the default site of Debian's packages nginx and php-fpm. Without them
// the test skips, and fails where it must not.
func debian(t *testing.T) (version, site string) {
	t.Helper()
	mains, _ := filepath.Glob("/etc/php/*/fpm/php-fpm.conf") // the pattern is well formed
	data, err := os.ReadFile("/etc/nginx/sites-available/default")
	if err != nil || len(mains) == 0 || !strings.Contains(string(data), "\t#location ~ \\.php$ {\n") {
		const lack = "Debian's packages nginx and php-fpm are not installed as they come"
		if os.Getenv("FPMLINT_LIVE") != "" {
			t.Fatal(lack)
		}
		t.Skip(lack)
	}
	return strings.Split(mains[len(mains)-1], "/")[3], string(data)
}

// TestDebianPackages lints what the packages nginx and php-fpm install: untouched, with the
// location for PHP enabled, and with the socket of another PHP version in it. Each finding must be one
// that an expert would agree with.
func TestDebianPackages(t *testing.T) {
	version, site := debian(t)
	uncomment := func(socket string) string {
		before, rest, _ := strings.Cut(site, "\t#location ~ \\.php$ {\n")
		_, after, _ := strings.Cut(rest, "\t#}\n")
		return before + "\tlocation ~ \\.php$ {\n\t\tinclude snippets/fastcgi-php.conf;\n\t\tfastcgi_pass unix:" + socket + ";\n\t}\n" + after
	}
	for name, c := range map[string]struct {
		site  string
		finds []string
	}{
		"untouched": {site, []string{"emergency-restart warning", "process-control-timeout warning", "slowlog info"}},
		"PHP enabled": {uncomment("/run/php/php" + version + "-fpm.sock"), []string{
			"emergency-restart warning", "low-header-buffer info", "max-children-default info", "process-control-timeout warning",
			"slowlog info", "unbounded-request info", "upstream-log info",
		}},
		"after update": {uncomment("/run/php/php5.6-fpm.sock"), []string{
			"emergency-restart warning", "low-header-buffer info", "process-control-timeout warning",
			"slowlog info", "socket-mismatch error", "upstream-log info",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, p := range []string{"/etc/nginx", "/etc/php", "/etc/passwd", "/etc/group", "/usr/sbin/nginx", "/usr/sbin/php-fpm" + version} {
				if out, err := exec.Command("sh", "-c", `mkdir -p "$2" && cp -a "$1" "$2"`, "sh", p, filepath.Join(root, filepath.Dir(p))).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			write := filepath.Join(root, "etc/nginx/sites-available/default")
			if err := os.WriteFile(write, []byte(c.site), 0o644); err != nil {
				t.Fatal(err)
			}
			report := lintJSON(t, root)
			if diff := cmp.Diff(c.finds, report.kinds()); diff != "" {
				t.Errorf("findings (-want +got):\n%s%v", diff, report.Findings)
			}
			for _, f := range report.Findings {
				if f.Severity != "error" {
					continue
				}
				line := strings.Split(c.site, "\n")[f.Line-1]
				if f.Rule != "socket-mismatch" || filepath.Base(f.File) != "default" || !regexp.MustCompile(`fastcgi_pass unix:/run/php/php5\.6`).MatchString(line) {
					t.Errorf("the error is %s at %s:%d: %s", f.Rule, f.File, f.Line, line)
				}
			}
		})
	}
}
