package logs

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fpmlint/testdata/live"
)

// pair is a real nginx and a real PHP-FPM in a directory of their own. The zero values of its texts
// are a pair that works.
type pair struct {
	t   *testing.T
	dir string
	// listen and pass are the two sides of the hand-off, {dir} in all texts is the directory and
	// {port} a free port.
	listen, pass string
	// owner is the pool's listen.owner and its likes.
	owner string
	// global, pool, http, server, location and events are further lines.
	global, pool, http, server, location string
	children, connections                int
	noParams                             bool // fastcgi_params are left out

	port, web string
	fpm       *exec.Cmd
	fpmEnded  chan struct{}
}

const (
	nginxProgram = "/usr/sbin/nginx"
	fpmPattern   = "/usr/sbin/php-fpm[78]*"
)

// scripts are PHP's side.
var scripts = map[string]string{
	"ok.php":     `<?php echo "OK";`,
	"hang.php":   `<?php file_put_contents("{dir}/run/pid", getmypid()); for ($i = 0; $i < 600; $i++) usleep(50000);`,
	"part.php":   `<?php echo str_repeat("x", 20000); flush(); file_put_contents("{dir}/run/pid", getmypid()); for ($i = 0; $i < 600; $i++) usleep(50000);`,
	"sleep.php":  `<?php function waits() { usleep((int) ($_GET["s"] * 1e6)); } waits(); echo "slept";`,
	"big.php":    `<?php header("X-Big: " . str_repeat("a", 8000)); echo "big";`,
	"fatal.php":  `<?php ini_set("memory_limit", "16M"); $a = str_repeat("x", 64 << 20);`,
	"status.php": `<?php header("Status: abc"); echo 1;`,
	"deny.php5":  `<?php echo 1;`,
}

// start writes the two configurations and starts both programs, or skips where they are missing.
// Where FPMLINT_LIVE is set, as in CI, they must be there.
func (p *pair) start(t *testing.T) {
	t.Helper()
	fpms, _ := filepath.Glob(fpmPattern)
	if _, err := os.Stat(nginxProgram); err != nil || len(fpms) == 0 {
		if os.Getenv("FPMLINT_LIVE") != "" {
			t.Fatal("nginx or php-fpm is missing")
		}
		t.Skip("nginx or php-fpm is missing")
	}
	p.t = t
	dir, err := os.MkdirTemp("", "pair")
	p.check(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p.dir = dir
	for _, d := range []string{"web", "run", "tmp"} {
		p.check(os.Mkdir(filepath.Join(dir, d), 0o755))
		p.check(os.Chmod(filepath.Join(dir, d), 0o777))
	}
	p.check(os.Chmod(dir, 0o755))
	ports := live.Ports(t, 2)
	p.port, p.web = ports[0], ports[1]
	for name, code := range scripts {
		p.write("web/"+name, code)
	}
	p.write("fpm.conf", p.fpmConf())
	p.write("nginx.conf", p.nginxConf())
	p.fpm = p.run("fpm.out", fpms[len(fpms)-1], "-n", "-F", "-y", dir+"/fpm.conf")
	p.wait(func() bool { return strings.Contains(p.read("fpm.log"), "ready to handle connections") })
	p.run("nginx.out", nginxProgram, "-p", dir, "-c", dir+"/nginx.conf")
	p.wait(func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%s", p.web))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (p *pair) check(err error) {
	if err != nil {
		p.t.Helper()
		p.t.Fatal(err)
	}
}

// write puts a file below the directory.
func (p *pair) write(name, text string) {
	p.check(os.WriteFile(filepath.Join(p.dir, name), []byte(p.fill(text)), 0o644))
}

func (p *pair) fill(text string) string {
	return strings.NewReplacer("{dir}", p.dir, "{port}", p.port).Replace(text)
}

func (p *pair) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(p.dir, name))
	return string(b)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// asRoot is a text that only root can set.
func asRoot(text string) string {
	if os.Getuid() != 0 {
		return ""
	}
	return text
}

func (p *pair) fpmConf() string {
	owner := or(p.owner, "listen.owner = www-data\nlisten.group = www-data\n")
	return "[global]\nerror_log = {dir}/fpm.log\npid = {dir}/fpm.pid\n" + p.global + "\n[www]\n" +
		asRoot("user = www-data\ngroup = www-data\n"+owner) + "listen = " + or(p.listen, "{dir}/run/a.sock") +
		"\npm = static\npm.max_children = " + strconv.Itoa(max(p.children, 2)-p.one()) + "\n" + p.pool + "\n"
}

// one is what is less than two children.
func (p *pair) one() int {
	if p.children == 1 {
		return 1
	}
	return 0
}

func (p *pair) nginxConf() string {
	params := "include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;"
	if p.noParams {
		params = "fastcgi_param REQUEST_METHOD $request_method;"
	}
	connections := 256
	if p.connections > 0 {
		connections = p.connections
	}
	return asRoot("user www-data;\n") + fmt.Sprintf(`worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log info;
events { worker_connections %d; }
http {
  access_log off; client_body_temp_path {dir}/tmp; fastcgi_temp_path {dir}/tmp; proxy_temp_path {dir}/tmp; uwsgi_temp_path {dir}/tmp; scgi_temp_path {dir}/tmp;
  %s
  server {
    listen 127.0.0.1:%s; server_name shop.example; root {dir}/web;
    %s
    location ~ \.php5?$ {
      %s
      %s
      %s
    }
  }
}
`, connections, p.http, p.web, p.server, params, or(p.pass, "fastcgi_pass unix:{dir}/run/a.sock;"), p.location)
}

// run starts a program that ends with the test.
func (p *pair) run(out string, name string, args ...string) *exec.Cmd {
	p.t.Helper()
	f, err := os.Create(filepath.Join(p.dir, out))
	p.check(err)
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.check(cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		_ = f.Close()
		close(ended)
	}()
	if strings.HasPrefix(out, "fpm") {
		p.fpmEnded = ended
	}
	p.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	return cmd
}

// wait waits until something is so, half a minute at most.
func (p *pair) wait(is func() bool) {
	p.t.Helper()
	for range 600 {
		if is() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("waited too long:\n%s%s%s%s", p.read("fpm.out"), p.read("fpm.log"), p.read("nginx.out"), p.read("error.log"))
}

// get asks nginx for a page; 0 is no answer.
func (p *pair) get(uri string) int {
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%s%s", p.web, uri))
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// many asks for a page several times at once.
func (p *pair) many(n int, uri string) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { p.get(uri) })
		time.Sleep(100 * time.Millisecond)
	}
	all.Wait()
}

// during does something while a page hangs, told the worker, and waits for the page to end.
func (p *pair) during(uri string, do func(worker int)) {
	p.t.Helper()
	done := make(chan struct{})
	go func() {
		p.get(uri)
		close(done)
	}()
	p.wait(func() bool { return p.read("run/pid") != "" })
	time.Sleep(200 * time.Millisecond)
	pid, err := strconv.Atoi(p.read("run/pid"))
	p.check(err)
	do(pid)
	<-done
}

// kill sends a signal to the worker of a page that hangs.
func (p *pair) kill(uri string, signal syscall.Signal) (worker int) {
	p.t.Helper()
	p.during(uri, func(pid int) {
		worker = pid
		p.check(syscall.Kill(pid, signal))
	})
	return worker
}

// worker is one of PHP-FPM's workers.
func (p *pair) worker() int {
	p.t.Helper()
	pid := 0
	p.wait(func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.fpm.Process.Pid, p.fpm.Process.Pid))
		if fields := strings.Fields(string(b)); err == nil && len(fields) > 0 {
			pid, _ = strconv.Atoi(fields[0])
		}
		return pid > 0
	})
	return pid
}

// signal sends PHP-FPM's master a signal.
func (p *pair) signal(s syscall.Signal) { p.check(p.fpm.Process.Signal(s)) }

// ended waits for PHP-FPM's end.
func (p *pair) ended() {
	p.t.Helper()
	select {
	case <-p.fpmEnded:
	case <-time.After(30 * time.Second):
		p.t.Fatal("PHP-FPM does not end")
	}
}

// logged waits for a text in a log.
func (p *pair) logged(name, text string) {
	p.t.Helper()
	p.wait(func() bool { return strings.Contains(p.read(name), text) })
}
