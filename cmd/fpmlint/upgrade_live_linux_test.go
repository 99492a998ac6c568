package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/testdata/live"
)

// versionTree is one PHP version's tree as Debian lays it out, with its php.ini and the pools whose
// files its main file includes.
func versionTree(version, include, ini string, pools ...string) string {
	dir := "etc/php/" + version + "/fpm"
	text := fmt.Sprintf(`-- %[1]s/php-fpm.conf --
[global]
pid = @DIR@/php%[2]s-fpm.pid
error_log = @DIR@/fpm.log
process_control_timeout = 10s
include = @DIR@/%[1]s/pool.d/%[3]s
-- %[1]s/php.ini --
%[4]s`, dir, version, include, ini)
	for _, pool := range pools {
		name := pool[strings.Index(pool, "[")+1 : strings.Index(pool, "]")]
		text += fmt.Sprintf("-- %s/pool.d/%s.conf --\n%s", dir, name, pool)
	}
	return text
}

// versionPool is a pool whose socket belongs to a user.
func versionPool(name, socket, owner, more string) string {
	return fmt.Sprintf(`; what [%[1]s] is for
[%[1]s]
user = www-data
group = www-data
listen = @DIR@/%[2]s
listen.owner = %[3]s
listen.group = %[3]s
pm = dynamic
%[4]s`, name, socket, owner, more)
}

const (
	packagedWorkers = "pm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n"
	tunedWorkers    = "pm.max_children = 7\npm.start_servers = 3\npm.min_spare_servers = 2\npm.max_spare_servers = 4\n"
	packagedINI     = "[PHP]\n;memory_limit = 64M\nmemory_limit = 128M\n; upload_max_filesize = 1M\nmax_execution_time = 30\n"
	tunedINI        = "[PHP]\nmemory_limit = 384M\nupload_max_filesize = 64M\npost_max_size = 65M\nmax_execution_time = 30\ndate.timezone = Europe/Berlin\n"
)

// settingsScript is a site's PHP file that prints what its pool and php.ini have set.
const settingsScript = `-- www/settings.php --
<?php foreach (["memory_limit", "upload_max_filesize", "post_max_size", "max_execution_time", "date.timezone", "error_reporting", "user_agent"] as $k) echo $k, "=", ini_get($k), "\n";
`

// upgraded is a server whose PHP went from 8.2 to 8.3: the sites shop (its default socket was
// renamed), mail (its pool was left behind) and blog (its pool is at the packages' defaults) broke,
// docs and wiki run on the new version, and old stays on the old one.
func upgraded() string {
	site := func(name, socket string) string {
		return live.PHPServer(name+".test", "unix:@DIR@/"+socket, "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n")
	}
	servers := site("shop", "php8.2-fpm.sock") + site("mail", "mail.sock") + site("blog", "blog.sock") +
		site("docs", "docs.sock") + site("wiki", "wiki.sock") + site("old", "old.sock")
	return strings.Replace(live.Site(servers), "user www-data;", "user daemon;", 1) + live.Scripts + settingsScript +
		versionTree("8.2", "old.conf", tunedINI,
			versionPool("www", "php8.2-fpm.sock", "daemon", tunedWorkers+
				"; the shop's answers take their time\nrequest_terminate_timeout = 70s\nphp_admin_value[error_reporting] = 22527\nphp_value[user_agent] = \"the shop; \\\"7\\\"\"\nslowlog = @DIR@/php8.2-fpm.slow.log\nrequest_slowlog_timeout = 5s\n"),
			versionPool("mail", "mail.sock", "daemon", "; mails are many\n"+tunedWorkers+"request_terminate_timeout = 80s\nphp_admin_value[memory_limit] = 96M\nslowlog = @DIR@/php8.2-mail.slow.log\nrequest_slowlog_timeout = 5s\n"),
			versionPool("blog", "blog.sock", "daemon", tunedWorkers+"pm.max_requests = 500\n"),
			versionPool("old", "old.sock", "daemon", packagedWorkers)) +
		versionTree("8.3", "*.conf", packagedINI,
			versionPool("www", "php8.3-fpm.sock", "www-data", packagedWorkers),
			versionPool("blog", "blog.sock", "www-data", packagedWorkers),
			versionPool("docs", "docs.sock", "daemon", packagedWorkers),
			versionPool("wiki", "wiki.sock", "daemon", packagedWorkers))
}

var upgradedSites = []string{"shop.test", "mail.test", "blog.test", "docs.test", "wiki.test", "old.test"}

func statuses(s *live.Server, path string) []int {
	var out []int
	for _, site := range upgradedSites {
		status, _ := s.Get(site, path)
		out = append(out, status)
	}
	return out
}

// filesBelow are the contents of a directory's files.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func versionPrograms(s *live.Server) []string {
	return []string{"--php-fpm-bin", "8.2=" + s.FPM, "--php-fpm-bin", "8.3=" + s.FPM}
}

// TestUpgradeLive brings three sites back that an upgrade of PHP broke in three ways, by one command.
func TestUpgradeLive(t *testing.T) {
	s := live.Start(t, upgraded())
	if diff := cmp.Diff([]int{502, 502, 502, 200, 200, 200}, statuses(s, "/index.php")); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	old := filesBelow(t, s.Path("etc/php/8.2"))
	var stops []func() (int, int)
	for _, site := range upgradedSites[3:] {
		stops = append(stops, s.Load(site, "/index.php"))
	}
	flags := append(versionPrograms(s), "--upgrade", "--reload")
	code, out := fixed(t, s, flags...)
	for i, stop := range stops {
		if lost, asked := stop(); lost > 0 || asked < 10 {
			t.Errorf("%s lost %d of %d requests", upgradedSites[3+i], lost, asked)
		}
	}
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if diff := cmp.Diff([]int{200, 200, 200, 200, 200, 200}, statuses(s, "/index.php")); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(old, filesBelow(t, s.Path("etc/php/8.2"))); diff != "" {
		t.Errorf("the old version's files changed (-before +after):\n%s", diff)
	}
	for name, want := range map[string]string{
		"shop.test": "memory_limit=384M\nupload_max_filesize=64M\npost_max_size=65M\nmax_execution_time=30\ndate.timezone=Europe/Berlin\nerror_reporting=22527\nuser_agent=the shop; \"7\"\n",
		"mail.test": "memory_limit=96M\nupload_max_filesize=64M\npost_max_size=65M\nmax_execution_time=30\ndate.timezone=Europe/Berlin\nerror_reporting=\nuser_agent=\n",
	} {
		if _, body := s.Get(name, "/settings.php"); body != want {
			t.Errorf("%s runs with\n%s\nwant\n%s", name, body, want)
		}
	}
	for pool, want := range map[string]string{
		"www": "request_terminate_timeout = 70s\n", "mail": "; mails are many\n" + tunedWorkers + "request_terminate_timeout = 80s\n", "blog": "pm.max_requests = 500\n",
	} {
		text := s.Read("etc/php/8.3/fpm/pool.d/" + pool + ".conf")
		if !strings.Contains(text, want) || !strings.Contains(text, tunedWorkers) || strings.Contains(text, "8.2") {
			t.Errorf("pool %s is\n%s", pool, text)
		}
	}
	if code, out := fixed(t, s, flags...); code != 0 || !strings.Contains(out, "nothing to fix") {
		t.Errorf("the second run: exit code %d\n%s", code, out)
	}
}

// TestUpgradeBackLive goes back to the older version, whose pools still listen: a hand-off that works
// moves from one running master to the other, and a pool that only the newer version has is taken
// along under another address. No site loses a request.
func TestUpgradeBackLive(t *testing.T) {
	site := func(name, socket string) string {
		return live.PHPServer(name+".test", "unix:@DIR@/"+socket, "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n")
	}
	s := live.Start(t, live.Site(site("shop", "php8.3-fpm.sock")+site("mail", "mail.sock")+site("docs", "docs.sock"))+live.Scripts+settingsScript+
		versionTree("8.2", "*.conf", packagedINI, versionPool("www", "php8.2-fpm.sock", "www-data", packagedWorkers))+
		versionTree("8.3", "*.conf", tunedINI,
			versionPool("www", "php8.3-fpm.sock", "www-data", tunedWorkers),
			versionPool("mail", "mail.sock", "www-data", packagedWorkers+"php_admin_value[memory_limit] = 96M\nenv[SECRET] = \"x\"\n"),
			versionPool("docs", "docs.sock", "www-data", packagedWorkers)))
	if err := os.Chmod(s.Path("etc/php/8.3/fpm/pool.d/mail.conf"), 0o640); err != nil {
		t.Fatal(err)
	}
	before := filesBelow(t, s.Path("etc/php/8.3"))
	sites := []string{"shop.test", "mail.test", "docs.test"}
	var stops []func() (int, int)
	for _, site := range sites {
		stops = append(stops, s.Load(site, "/index.php"))
	}
	flags := append(versionPrograms(s), "--upgrade", "--from", "8.3", "--to", "8.2", "--reload")
	code, out := fixed(t, s, flags...)
	for i, stop := range stops {
		if lost, asked := stop(); lost > 0 || asked < 10 {
			t.Errorf("%s lost %d of %d requests", sites[i], lost, asked)
		}
	}
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	for _, site := range sites {
		wantStatus(t, s, site, "/index.php", 200)
	}
	if diff := cmp.Diff(before, filesBelow(t, s.Path("etc/php/8.3"))); diff != "" {
		t.Errorf("the version that was left changed (-before +after):\n%s", diff)
	}
	for _, want := range []string{"unix:@DIR@/php8.2-fpm.sock;", "unix:@DIR@/php8.2-fpm-mail.sock;", "unix:@DIR@/php8.2-fpm-docs.sock;"} {
		if !strings.Contains(s.Read("nginx.conf"), s.Expand(want)) {
			t.Errorf("nginx does not pass to %s", want)
		}
	}
	if was, now := statOf(t, s.Path("etc/php/8.3/fpm/pool.d/mail.conf")), statOf(t, s.Path("etc/php/8.2/fpm/pool.d/mail.conf")); was != now {
		t.Errorf("the pool's file has owner and mode %v, had %v", now, was)
	}
	if _, body := s.Get("mail.test", "/settings.php"); !strings.HasPrefix(body, "memory_limit=96M\nupload_max_filesize=64M\n") {
		t.Errorf("mail runs with\n%s", body)
	}
	if code, out := fixed(t, s, flags...); code != 0 || !strings.Contains(out, "nothing to fix") {
		t.Errorf("the second run: exit code %d\n%s", code, out)
	}
	// And it can be taken back, without a lost request too.
	for i, site := range sites {
		stops[i] = s.Load(site, "/index.php")
	}
	if out, err := exec.Command("fpmlint", "rollback", "--state-dir", s.Path("state"), "--reload").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, stop := range stops {
		if lost, asked := stop(); lost > 0 || asked < 10 {
			t.Errorf("%s lost %d of %d requests to the rollback", sites[i], lost, asked)
		}
	}
	for _, site := range sites {
		wantStatus(t, s, site, "/index.php", 200)
	}
	if strings.Contains(s.Read("nginx.conf"), "8.2") {
		t.Error("nginx still passes to 8.2")
	}
}

// TestUpgradeToStoppedLive does not lead a site that works to a version whose PHP-FPM does not run, or
// has not made the pool's socket: no request is lost to finding that out.
func TestUpgradeToStoppedLive(t *testing.T) {
	const stopped = "does not run; start it: "
	for _, c := range []struct {
		name, workers string
		flags         []string
		want          []string
	}{
		{name: "a site alone", workers: packagedWorkers, want: []string{stopped, "; nothing was changed"}},
		{name: "with settings", workers: tunedWorkers, want: []string{stopped, "; nothing was changed"}},
		{name: "with a reload that starts nothing", workers: tunedWorkers, flags: []string{"--reload-fpm", "true"}, want: []string{"; everything was rolled back"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := live.Start(t, live.Site(live.PHPServer("shop.test", "unix:@DIR@/php8.2-fpm.sock", "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n"))+live.Scripts+
				versionTree("8.2", "*.conf", packagedINI, versionPool("www", "php8.2-fpm.sock", "www-data", c.workers))+
				versionTree("8.3", "*.conf", packagedINI, versionPool("www", "php8.3-fpm.sock", "www-data", packagedWorkers)))
			newer := s.Path("etc/php/8.3/fpm/php-fpm.conf")
			s.End(newer)
			before := filesBelow(t, s.Path("etc"))
			flags := append(versionPrograms(s), "--upgrade", "--from", "8.2", "--to", "8.3", "--reload")
			stop := s.Load("shop.test", "/index.php")
			code, out := fixed(t, s, append(flags, c.flags...)...)
			if lost, asked := stop(); lost > 0 || asked < 10 {
				t.Errorf("lost %d of %d requests", lost, asked)
			}
			for _, want := range append(c.want, "where the change leads it nobody does") {
				if code != 3 || !strings.Contains(out, want) {
					t.Errorf("exit code %d, want %q\n%s", code, want, out)
				}
			}
			if diff := cmp.Diff(before, filesBelow(t, s.Path("etc"))); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			s.StartFPM(newer)
			if code, out := fixed(t, s, flags...); code != 0 {
				t.Errorf("once it runs: exit code %d\n%s", code, out)
			}
			wantStatus(t, s, "shop.test", "/index.php", 200)
		})
	}
}

// TestUpgradeNewPoolAlone takes a pool along where nothing else changes: the PHP-FPM that gets it is
// tested and reloaded, although no file changed that it read before, and although its reload would
// cut running requests off.
func TestUpgradeNewPoolAlone(t *testing.T) {
	archive := live.Site(live.PHPServer("mail.test", "unix:@DIR@/mail.sock", "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n")) + live.Scripts +
		versionTree("8.2", "www.conf", packagedINI, versionPool("www", "php8.2-fpm.sock", "www-data", packagedWorkers), versionPool("mail", "mail.sock", "www-data", packagedWorkers)) +
		versionTree("8.3", "*.conf", packagedINI, versionPool("www", "php8.3-fpm.sock", "www-data", packagedWorkers))
	s := live.Prepare(t, strings.ReplaceAll(archive, "process_control_timeout = 10s\n", ""))
	// What else lies in the directory is there for the proof too: the pool www behind a link, and a
	// directory.
	pools := s.Path("etc/php/8.3/fpm/pool.d")
	if err := errors.Join(os.Rename(pools+"/www.conf", pools+"/shared"), os.Symlink("shared", pools+"/www.conf"), os.Mkdir(pools+"/old", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, conf := range s.FPMConfs() {
		s.StartFPM(conf)
	}
	s.StartNginx()
	wantStatus(t, s, "mail.test", "/index.php", 502)
	code, out := fixed(t, s, append(versionPrograms(s), "--upgrade", "--reload")...)
	if code != 0 || !strings.Contains(out, "ok      prove PHP-FPM 8.3") || !strings.Contains(out, "ok      reload PHP-FPM 8.3") || strings.Contains(out, "reload nginx") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	wantStatus(t, s, "mail.test", "/index.php", 200)
}

// TestUpgradeOfPoolThatAppears keeps a file that somebody makes while the same one is planned.
func TestUpgradeOfPoolThatAppears(t *testing.T) {
	s := live.Start(t, live.Site(live.PHPServer("mail.test", "unix:@DIR@/mail.sock", "            fastcgi_buffer_size 32k;\n            fastcgi_buffers 16 16k;\n"))+live.Scripts+
		versionTree("8.2", "www.conf", packagedINI, versionPool("www", "php8.2-fpm.sock", "www-data", packagedWorkers), versionPool("mail", "mail.sock", "www-data", packagedWorkers))+
		versionTree("8.3", "*.conf", packagedINI, versionPool("www", "php8.3-fpm.sock", "www-data", packagedWorkers)))
	theirs := s.Path("etc/php/8.3/fpm/pool.d/mail.conf")
	code, out := fixed(t, s, append(versionPrograms(s), "--upgrade", "--reload", "--fpm-test", "test -e "+theirs+" || echo '; theirs' > "+theirs)...)
	if code != 3 || !strings.Contains(out, "mail.conf appeared while the fixes were planned") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if got := s.Read("etc/php/8.3/fpm/pool.d/mail.conf"); got != "; theirs\n" {
		t.Errorf("their file is now\n%s", got)
	}
}
