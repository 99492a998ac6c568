// Package live starts a real nginx and real PHP-FPM masters in a temporary directory, for tests
// that see a hand-off break and be mended. Tests skip where the programs are missing.
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/tools/txtar"
)

// Server is a running stack. Its nginx listens on a unix socket, http.sock.
type Server struct {
	// Dir holds everything; the archive's @DIR@ stands for it.
	Dir string
	// Nginx and FPM are the programs.
	Nginx, FPM string

	t      *testing.T
	client *http.Client
}

// Start writes an archive's files and starts an FPM master for each */php-fpm.conf in it, and
// nginx for nginx.conf. It needs root, as nginx and PHP-FPM change their users.
func Start(t *testing.T, archive string) *Server {
	t.Helper()
	s := Prepare(t, archive)
	for _, conf := range s.FPMConfs() {
		s.StartFPM(conf)
	}
	s.StartNginx()
	return s
}

// Prepare is Start without starting anything.
func Prepare(t *testing.T, archive string) *Server {
	t.Helper()
	nginx, php := Programs(t)
	dir, err := os.MkdirTemp("", "live") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Dir: dir, Nginx: nginx, FPM: php, t: t}
	t.Cleanup(s.stop)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, f.Name)
		text := s.Expand(string(f.Data))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(s.Path("begun"), 0o755), os.Chmod(s.Path("begun"), 0o1777)); err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(dir, "http.sock"))
		}},
	}
	return s
}

// Programs finds nginx and php-fpm for a test that needs both, as root.
func Programs(t *testing.T) (nginx, php string) {
	t.Helper()
	nginx, php = Nginx(t), FPM(t)
	if os.Getuid() != 0 {
		lack(t, "nginx and php-fpm need root to change their users")
	}
	return nginx, php
}

// Nginx finds nginx. Where it is missing the test is skipped, or fails where FPMLINT_LIVE is set, as
// in CI.
func Nginx(t *testing.T) string {
	t.Helper()
	return program(t, "nginx", "/usr/sbin/nginx")
}

// FPM finds php-fpm, the last of several versions, likewise.
func FPM(t *testing.T) string {
	t.Helper()
	return program(t, "php-fpm", "/usr/sbin/php-fpm[0-9]*")
}

func program(t *testing.T, name, pattern string) string {
	t.Helper()
	if found, _ := filepath.Glob(pattern); len(found) > 0 { // the patterns are well formed
		return found[len(found)-1]
	}
	found, err := exec.LookPath(name)
	if err != nil {
		lack(t, name+" is not installed")
	}
	return found
}

// lack skips a test, or fails it where nothing may be missing.
func lack(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("FPMLINT_LIVE") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// FPMConfs are the FPM main files, those of several versions' trees too.
func (s *Server) FPMConfs() []string {
	found, _ := filepath.Glob(filepath.Join(s.Dir, "*", "php-fpm.conf")) // the patterns are well formed
	trees, _ := filepath.Glob(filepath.Join(s.Dir, "etc/php/*/fpm/php-fpm.conf"))
	return append(found, trees...)
}

// StartFPM starts a master, with the php.ini beside its main file if there is one, and waits until
// its pools listen.
func (s *Server) StartFPM(conf string) {
	s.t.Helper()
	s.run(s.fpmCommand(conf)...)
}

func (s *Server) fpmCommand(conf string) []string {
	argv := []string{s.FPM, "-D", "-y", conf}
	ini := filepath.Join(filepath.Dir(conf), "php.ini")
	if _, err := os.Stat(ini); err == nil {
		argv = append(argv, "-c", ini)
	}
	return argv
}

// StartNginx starts nginx and waits until it has workers. A signal that reaches it earlier is
// forgotten: it is noted, and nginx waits for the next one before it looks (ngx_master_process_cycle).
func (s *Server) StartNginx() {
	s.t.Helper()
	conf := s.Path("nginx.conf")
	s.run(s.Nginx, "-c", conf)
	for range 3000 {
		pid := s.MasterOf(conf)
		if children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)); len(children) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("nginx has no workers after 30 seconds")
}

// StartEdge starts another nginx, in front of the stack's own.
func (s *Server) StartEdge(conf string) {
	s.t.Helper()
	s.run(s.Nginx, "-c", s.Path(conf))
}

// run runs a daemon that goes to the background when it is ready.
func (s *Server) run(argv ...string) {
	s.t.Helper()
	if out, err := output(argv...); err != nil {
		s.t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
}

// TryAll starts what Start does, up to the first daemon that does not start, and returns its words
// and how it ended.
func (s *Server) TryAll() (string, error) {
	for _, conf := range s.FPMConfs() {
		if out, err := output(s.fpmCommand(conf)...); err != nil {
			return out, err
		}
	}
	return output(s.Nginx, "-c", filepath.Join(s.Dir, "nginx.conf"))
}

func output(argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	return string(out), err
}

// Path is a file's path on disk.
func (s *Server) Path(name string) string { return filepath.Join(s.Dir, name) }

// Expand puts the directory in place of @DIR@.
func (s *Server) Expand(text string) string { return strings.ReplaceAll(text, "@DIR@", s.Dir) }

// Read is a file's content.
func (s *Server) Read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(s.Path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// Write replaces a file's content.
func (s *Server) Write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.Path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// Get asks nginx for a path of a site.
func (s *Server) Get(host, path string) (status int, body string) {
	s.t.Helper()
	return s.Do(http.MethodGet, host, path)
}

// Do asks nginx for a path of a site with any method. The status is 0 where the answer is cut off.
func (s *Server) Do(method, host, path string) (status int, body string) {
	s.t.Helper()
	status, body, err := s.do(method, host, path)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, body
	}
	if err != nil {
		s.t.Errorf("%s %s%s: %v", method, host, path, err)
	}
	return status, body
}

func (s *Server) do(method, host, path string) (int, string, error) {
	req, err := http.NewRequest(method, "http://"+host+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read from only
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// Begun is the number of requests for wait.php that a worker has begun so far.
func (s *Server) Begun() int {
	entries, err := os.ReadDir(s.Path("begun"))
	if err != nil {
		s.t.Error(err)
	}
	return len(entries)
}

// AwaitBegun returns once that many have begun.
func (s *Server) AwaitBegun(n int) {
	for range 3000 {
		if s.Begun() >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Errorf("%d requests have not begun after 30 seconds", n)
}

// AwaitLog returns once a log has a text.
func (s *Server) AwaitLog(name, text string) {
	s.t.Helper()
	for range 3000 {
		if strings.Contains(s.Read(name), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Errorf("%s has no %q after 30 seconds", name, text)
}

// Load asks for a path steadily until the returned function is called, which says how many answers
// were not 200, and how many requests there were.
func (s *Server) Load(host, path string) (stop func() (lost, asked int)) {
	var lost, asked atomic.Int64
	var group sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(3 * time.Millisecond):
				}
				status, body, err := s.do(http.MethodGet, host, path)
				asked.Add(1)
				if err != nil || status != http.StatusOK {
					lost.Add(1)
					s.t.Logf("under load: %d %q %v", status, body, err)
				}
			}
		})
	}
	return func() (int, int) {
		close(done)
		group.Wait()
		return int(lost.Load()), int(asked.Load())
	}
}

// Masters are the masters of the stack.
func (s *Server) Masters() []procfs.Proc {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(p procfs.Proc) bool {
		title, err := p.CmdLine()
		if err != nil || len(title) == 0 {
			return true
		}
		text := strings.Join(title, " ") + " "
		ours := strings.Contains(text, s.Dir+"/") || strings.Contains(text, s.Dir+" ") // nginx's -p has no slash
		// A master that has just been started, or starts itself anew, has no title yet. Tests of a
		// configuration and signals are commands alike.
		starts := (title[0] == s.FPM || title[0] == s.Nginx) && !slices.Contains(title, "-t") && !slices.Contains(title, "-s")
		return !ours || !starts && !strings.Contains(text, "master process")
	})
}

// MasterOf is the process of the master with a main file, 0 where none runs.
func (s *Server) MasterOf(conf string) int {
	for _, p := range s.Masters() {
		if title, err := p.CmdLine(); err == nil && strings.Contains(strings.Join(title, " "), conf) {
			return p.PID
		}
	}
	return 0
}

// stop ends what was started, workers too, and removes the directory.
func (s *Server) stop() {
	if s.t.Failed() {
		for _, log := range []string{"error.log", "fpm.log"} {
			if data, err := os.ReadFile(s.Path(log)); err == nil {
				s.t.Logf("%s:\n%s", log, data[max(0, len(data)-4000):])
			}
		}
	}
	s.Stop()
	if err := os.RemoveAll(s.Dir); err != nil {
		s.t.Error(err)
	}
}

// End ends the master with a main file and waits until it is gone.
func (s *Server) End(conf string) {
	s.t.Helper()
	for range 1000 {
		pid := s.MasterOf(conf)
		if pid == 0 {
			return
		}
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("the master of %s does not end", conf)
}

// Stop ends the daemons.
func (s *Server) Stop() {
	for range 50 {
		masters := s.Masters()
		if len(masters) == 0 {
			return
		}
		for _, p := range masters {
			syscall.Kill(p.PID, syscall.SIGTERM) //nolint:errcheck // it may have ended
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, p := range s.Masters() {
		syscall.Kill(p.PID, syscall.SIGKILL) //nolint:errcheck // it may have ended
	}
}

// Site is an nginx main file around server blocks: the parts that every test needs.
func Site(servers string) string {
	return fmt.Sprintf(`-- nginx.conf --
user www-data;
worker_processes 1;
pid @DIR@/nginx.pid;
error_log @DIR@/error.log info;
events {}
http {
    access_log off;
    client_body_temp_path @DIR@/tmp-body;
    fastcgi_temp_path @DIR@/tmp-fastcgi;
    proxy_temp_path @DIR@/tmp-proxy;
    uwsgi_temp_path @DIR@/tmp-uwsgi;
    scgi_temp_path @DIR@/tmp-scgi;
%s}
`, servers)
}

// PHPServer is a server block whose PHP files go to an address; more is put into its PHP location.
func PHPServer(host, address, more string) string {
	return fmt.Sprintf(`    server {
        listen unix:@DIR@/http.sock;
        server_name %s;
        root @DIR@/www;
        location ~ \.php$ {
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
%s            fastcgi_pass %s;
        }
    }
`, host, more, address)
}

// Master is an FPM main file with its pools; the name is its directory's.
func Master(name, global, pools string) string {
	return fmt.Sprintf(`-- %s/php-fpm.conf --
[global]
pid = @DIR@/%s/fpm.pid
error_log = @DIR@/fpm.log
emergency_restart_threshold = 10
emergency_restart_interval = 1m
%s
include = @DIR@/%s/pool.d/*.conf
-- %s/pool.d/www.conf --
%s`, name, name, global, name, name, pools)
}

// Pool is a pool's section that listens on a socket in the directory.
func Pool(name, socket, more string) string {
	return fmt.Sprintf(`[%s]
user = www-data
group = www-data
listen = @DIR@/%s
listen.owner = www-data
listen.group = www-data
pm = static
pm.max_children = 2
%s
`, name, socket, more)
}

// Scripts are PHP files: index.php says ok, big.php sends a large header, slow.php takes two seconds,
// wait.php the milliseconds of its query, whatever signals come.
const Scripts = `-- www/index.php --
<?php echo "ok";
-- www/big.php --
<?php header("X-Big: " . str_repeat("x", 6000)); echo "ok";
-- www/slow.php --
<?php sleep(2); echo "ok";
-- www/wait.php --
<?php tempnam(dirname(__DIR__) . "/begun", ""); $end = hrtime(true) + 1000000 * (int) $_SERVER["QUERY_STRING"]; while (($left = $end - hrtime(true)) > 0) usleep(intdiv($left, 1000) + 1); echo "ok";
`
