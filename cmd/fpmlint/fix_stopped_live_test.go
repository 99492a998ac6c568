package main

import (
	"strings"
	"syscall"
	"testing"

	"fpmlint/testdata/live"
)

// end ends a stack's daemon by its main file.
func end(t *testing.T, s *live.Server, conf string) {
	t.Helper()
	if err := syscall.Kill(s.MasterOf(s.Path(conf)), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { return s.MasterOf(s.Path(conf)) == 0 }) {
		t.Fatal(conf, "still runs")
	}
}

// TestFixOfStoppedDaemons keeps a fix where a daemon does not run, which may be so for what the fix
// mends, and says how to start it; once started the sites answer.
func TestFixOfStoppedDaemons(t *testing.T) {
	t.Run("PHP-FPM, which its configuration ended", func(t *testing.T) {
		s := live.Start(t, mismatch())
		s.Write("8.2/pool.d/www.conf", strings.Replace(s.Read("8.2/pool.d/www.conf"), "pm = static", "pm = dynamic\npm.start_servers = 9\npm.min_spare_servers = 1\npm.max_spare_servers = 2", 1))
		end(t, s, "8.2/php-fpm.conf")
		code, out := fixed(t, s, "--reload")
		if code != 1 || !strings.Contains(out, "to do: PHP-FPM") || !strings.Contains(out, s.FPM+" -D -y "+s.Path("8.2/php-fpm.conf")) {
			t.Errorf("exit code %d\n%s", code, out)
		}
		s.StartFPM(s.Path("8.2/php-fpm.conf"))
		wantStatus(t, s, "good.test", "/index.php", 200)
		wantStatus(t, s, "bad.test", "/index.php", 200)
	})
	t.Run("PHP-FPM, whose files are well", func(t *testing.T) {
		s := live.Start(t, mismatch())
		end(t, s, "8.2/php-fpm.conf")
		code, out := fixed(t, s, "--reload")
		if code != 1 || !strings.Contains(out, "to do: PHP-FPM") || !strings.Contains(out, "ok      reload nginx") {
			t.Errorf("exit code %d\n%s", code, out)
		}
		s.StartFPM(s.Path("8.2/php-fpm.conf"))
		wantStatus(t, s, "bad.test", "/index.php", 200)
	})
	t.Run("nginx", func(t *testing.T) {
		s := live.Start(t, mismatch())
		end(t, s, "nginx.conf")
		code, out := fixed(t, s, "--reload", "--format", "json")
		if code != 1 || !strings.Contains(out, `"outcome": "applied"`) || !strings.Contains(out, "does not run; start it: "+s.Nginx+" -c "+s.Path("nginx.conf")) {
			t.Errorf("exit code %d\n%s", code, out)
		}
		s.StartNginx()
		wantStatus(t, s, "bad.test", "/index.php", 200)
	})
}
