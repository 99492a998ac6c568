package logs

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// fault makes a real pair fail.
type fault struct {
	name string
	pair pair
	// act makes the fault happen.
	act func(*pair)
	// want is the cause of the first incident where the configuration is known, alone where only the
	// logs are ("" for the same).
	want, alone string
	confidence  Confidence
	rule        string // a lint finding that explains it
	rootOnly    bool
	// again says that a slow machine may need another try, as the fault is a matter of time.
	again bool
}

func ask(uri string) func(*pair) { return func(p *pair) { p.get(uri) } }

var faults = []*fault{
	{name: "path mismatch", pair: pair{pass: "fastcgi_pass unix:{dir}/run/b.sock;"}, act: ask("/ok.php"), want: "socket-missing", confidence: Proven, rule: "socket-mismatch"},
	{name: "stopped", want: "fpm-down", confidence: Proven, act: func(p *pair) {
		p.signal(syscall.SIGTERM)
		p.ended()
		p.get("/ok.php")
	}},
	{name: "stale socket", want: "socket-refused", confidence: Proven, act: func(p *pair) {
		p.check(syscall.Kill(-p.fpm.Process.Pid, syscall.SIGKILL))
		p.ended()
		time.Sleep(300 * time.Millisecond) // the workers end after the master
		p.get("/ok.php")
	}},
	{name: "faulty reload", want: "fpm-down", confidence: Proven, act: func(p *pair) {
		p.write("fpm.conf", p.read("fpm.conf")+"pm = bogus\n")
		p.signal(syscall.SIGUSR2)
		p.ended()
		p.get("/ok.php")
	}},
	{name: "TCP refused", pair: pair{pass: "fastcgi_pass 127.0.0.1:1;"}, act: ask("/ok.php"), want: "socket-refused", confidence: Proven, rule: "socket-mismatch"},
	{name: "socket's mode", pair: pair{owner: "listen.mode = 0600\n"}, act: ask("/ok.php"), want: "socket-forbidden", confidence: Proven, rule: "listen-permissions", rootOnly: true},
	{name: "directory's mode", want: "socket-forbidden", confidence: Proven, rootOnly: true, act: func(p *pair) {
		p.check(os.Chmod(p.dir+"/run", 0o700))
		p.get("/ok.php")
	}},
	{name: "segmentation fault", want: "worker-crash", confidence: Proven, act: func(p *pair) { p.kill("/hang.php", syscall.SIGSEGV) }},
	{name: "crash after headers", pair: pair{location: "fastcgi_buffering off;"}, want: "worker-crash", confidence: Proven, act: func(p *pair) { p.kill("/part.php", syscall.SIGBUS) }},
	{name: "killed", want: "worker-oom", confidence: Likely, act: func(p *pair) { p.kill("/hang.php", syscall.SIGKILL) }},
	{name: "killed for memory", want: "worker-oom", confidence: Proven, act: func(p *pair) {
		pid := p.kill("/hang.php", syscall.SIGKILL)
		p.write("kern.log", fmt.Sprintf("[%s] Out of memory: Killed process %d (php-fpm8.2) total-vm:812340kB, anon-rss:256144kB, file-rss:0kB, shmem-rss:0kB, UID:33 pgtables:680kB oom_score_adj:0\n",
			time.Now().Format(time.ANSIC), pid))
	}},
	{name: "terminate timeout", pair: pair{pool: "request_terminate_timeout = 1s"}, act: ask("/sleep.php?s=8"), want: "worker-terminated", confidence: Proven},
	{name: "allowed clients", pair: pair{listen: "127.0.0.1:{port}", pass: "fastcgi_pass 127.0.0.1:{port};", pool: "listen.allowed_clients = 10.9.9.9\ncatch_workers_output = yes"},
		act: ask("/ok.php"), want: "client-disallowed", confidence: Proven},
	{name: "reload cuts off", want: "reload-cut", confidence: Likely, act: func(p *pair) {
		p.during("/hang.php", func(int) { p.signal(syscall.SIGUSR2) })
	}},
	{name: "closed early", pair: pair{pass: "fastcgi_pass 127.0.0.1:{port};"}, want: "worker-closed", confidence: Likely, act: func(p *pair) {
		l, err := net.Listen("tcp", p.fill("127.0.0.1:{port}"))
		p.check(err)
		defer l.Close() //nolint:errcheck // a test
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			for b := make([]byte, 4096); err == nil; {
				_, err = c.Read(b)
			}
			_ = c.Close()
		}()
		p.get("/ok.php")
	}},
	{name: "big header", pair: pair{location: "fastcgi_buffer_size 4k;"}, act: ask("/big.php"), want: "header-too-big", confidence: Proven},
	{name: "slow script", pair: pair{location: "fastcgi_read_timeout 2s;", pool: "request_slowlog_timeout = 1s\nslowlog = {dir}/slow.log"},
		act: ask("/sleep.php?s=5"), want: "upstream-timeout", confidence: Proven},
	{name: "unix queue full", again: true, pair: pair{children: 1, pool: "listen.backlog = 1", location: "fastcgi_read_timeout 8s;"}, want: "backlog-full", confidence: Proven,
		act: func(p *pair) { p.many(6, "/sleep.php?s=1") }},
	{name: "TCP queue full", again: true, pair: pair{children: 1, listen: "127.0.0.1:{port}", pass: "fastcgi_pass 127.0.0.1:{port};", pool: "listen.backlog = 1", location: "fastcgi_connect_timeout 1s; fastcgi_read_timeout 20s;"},
		want: "backlog-full", confidence: Proven, act: func(p *pair) { p.many(7, "/sleep.php?s=2") }},
	{name: "all peers dead", pair: pair{http: "upstream php { server 127.0.0.1:1; server 127.0.0.1:2; }", pass: "fastcgi_pass php;"}, want: "socket-refused", confidence: Proven,
		act: func(p *pair) { p.get("/ok.php"); p.get("/ok.php") }},
	{name: "pinned workers", want: "workers-pinned", alone: "upstream-timeout", confidence: Likely, rule: "keepalive-pins-workers",
		pair: pair{
			children: 1, http: "upstream a { server unix:{dir}/run/a.sock; keepalive 4; } upstream b { server unix:{dir}/run/a.sock; keepalive 4; }",
			pass: "fastcgi_pass a;", location: "fastcgi_keep_conn on; fastcgi_read_timeout 2s;",
			server: "location = /b { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root/ok.php; fastcgi_keep_conn on; fastcgi_read_timeout 2s; fastcgi_pass b; }",
		},
		act: func(p *pair) { p.get("/ok.php"); p.get("/b") }},
	{name: "missing script", act: ask("/none.php"), want: "script-unknown", confidence: Proven},
	{name: "no SCRIPT_FILENAME", pair: pair{noParams: true}, act: ask("/ok.php"), want: "script-unknown", confidence: Proven, rule: "script-filename"},
	{name: "extension", act: ask("/deny.php5"), want: "script-denied", confidence: Proven},
	{name: "emergency restart", pair: pair{children: 3, global: "emergency_restart_threshold = 3\nemergency_restart_interval = 30s"}, want: "crash-loop", confidence: Proven, act: func(p *pair) {
		for range 3 {
			p.check(syscall.Kill(p.worker(), syscall.SIGSEGV))
			time.Sleep(300 * time.Millisecond)
		}
		p.logged("fpm.log", "failed processes threshold")
	}},
	{name: "emergency restart of a faulty file", pair: pair{children: 3, global: "emergency_restart_threshold = 2\nemergency_restart_interval = 30s"}, want: "fpm-down", confidence: Proven, act: func(p *pair) {
		p.write("fpm.conf", p.read("fpm.conf")+"pm = bogus\n")
		for range 2 {
			p.check(syscall.Kill(p.worker(), syscall.SIGSEGV))
			time.Sleep(300 * time.Millisecond)
		}
		p.ended()
		p.get("/ok.php")
	}},
	{name: "HTTP to PHP-FPM", pair: pair{listen: "127.0.0.1:{port}", pass: "proxy_pass http://127.0.0.1:{port};"}, act: ask("/ok.php"), want: "protocol-mismatch", alone: "worker-closed", confidence: Proven},
	{name: "FastCGI to a web server", pair: pair{http: "server { listen 127.0.0.1:{port}; }", pass: "fastcgi_pass 127.0.0.1:{port};"}, act: ask("/ok.php"), want: "protocol-mismatch", confidence: Proven},
	{name: "no worker left", again: true, pair: pair{pool: "pm = dynamic\npm.max_children = 2\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 2"}, want: "max-children", confidence: Proven,
		act: func(p *pair) { p.many(4, "/sleep.php?s=2"); p.logged("fpm.log", "server reached") }},
	{name: "no worker left and a timeout", again: true, pair: pair{location: "fastcgi_read_timeout 1s;", pool: "pm = ondemand\npm.max_children = 1"}, want: "max-children", confidence: Likely,
		act: func(p *pair) { p.many(4, "/sleep.php?s=3"); p.logged("fpm.log", "server reached") }},
	{name: "memory_limit", pair: pair{pool: "php_admin_flag[log_errors] = on\nphp_admin_flag[display_errors] = off"}, act: ask("/fatal.php"), want: "php-error", confidence: Proven},
	{name: "status", act: ask("/status.php"), want: "response-invalid", confidence: Proven},
	{name: "no resolver", pair: pair{server: "set $php php.internal:9000;", pass: "fastcgi_pass $php;"}, act: ask("/ok.php"), want: "name-unresolved", confidence: Proven},
	{name: "connections", again: true, pair: pair{connections: 8}, want: "nginx-resources", confidence: Proven, act: func(p *pair) { p.many(6, "/sleep.php?s=1") }},
	{name: "blackout", want: "no-live-upstream", confidence: Proven, act: func(p *pair) { p.get("/sleep.php?s=3"); p.get("/ok.php") },
		pair: pair{children: 6, http: "upstream p { server unix:{dir}/run/a.sock; server unix:{dir}/run/../run/a.sock; }", pass: "fastcgi_pass p;", location: "fastcgi_read_timeout 1s;"}},
	{name: "client gone", want: "client-gone", confidence: Proven, act: func(p *pair) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%s", p.web))
		p.check(err)
		_, err = c.Write([]byte("GET /sleep.php?s=2 HTTP/1.1\r\nHost: shop.example\r\n\r\n"))
		p.check(err)
		time.Sleep(300 * time.Millisecond)
		p.check(c.Close())
		p.logged("error.log", "prematurely closed")
	}},
}

// TestLive makes each fault happen on a real nginx and a real PHP-FPM, and diagnoses it from the logs
// that they wrote: alone, and joined with their configuration.
func TestLive(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if f.rootOnly && os.Getuid() != 0 {
				t.Skip("needs root: two users are involved")
			}
			p := &f.pair
			p.start(t)
			result, err := p.lint(t)
			p.check(err)
			var joined []*Incident
			for range 3 {
				f.act(p)
				time.Sleep(1200 * time.Millisecond) // PHP-FPM's log buffer, and its next second
				joined = p.diagnose(t, NewConfig(result))
				if !f.again || len(joined) > 0 && joined[0].Cause.ID == f.want {
					break
				}
			}
			f.judge(t, p, joined, f.want)
			i := joined[0]
			if i.Confidence != f.confidence {
				t.Errorf("it is %s, want %s", i.Confidence, f.confidence)
			}
			if f.rule != "" && (len(i.Explained) == 0 || i.Explained[0].Rule != f.rule) {
				t.Errorf("explained by %v, want %s", i.Explained, f.rule)
			}
			if i.Count > 0 && i.Upstream != "" && i.Site == nil {
				t.Errorf("no hand-off of the configuration is named")
			}
			f.judge(t, p, p.diagnose(t, nil), or(f.alone, f.want))
		})
	}
}

func (f *fault) judge(t *testing.T, p *pair, incidents []*Incident, want string) {
	t.Helper()
	if len(incidents) > 0 && incidents[0].Cause.ID == want {
		return
	}
	for _, i := range incidents {
		t.Logf("%s (%s), %d requests, %d events", i, i.Confidence, i.Count, i.Events)
	}
	t.Fatalf("the first is not %s\n%s%s%s", want, p.read("error.log"), p.read("fpm.log"), p.read("fpm.out"))
}

// lint finds what is wrong with the pair's configuration.
func (p *pair) lint(t *testing.T) (*lint.Result, error) {
	stacks, err := stack.Load(t.Context(), stack.Options{NginxConf: []string{p.dir + "/nginx.conf"}, FPMConf: []string{p.dir + "/fpm.conf"}})
	if err != nil {
		return nil, err
	}
	return lint.Run(t.Context(), stacks, rules.All())
}

// diagnose reads the logs of the pair.
func (p *pair) diagnose(t *testing.T, config *Config) []*Incident {
	t.Helper()
	a := New(Options{Config: config})
	var inputs []Input
	for _, name := range []string{"error.log", "fpm.log", "fpm.out", "slow.log", "kern.log"} {
		if file := filepath.Join(p.dir, name); p.read(name) != "" {
			inputs = append(inputs, Input{Name: file})
		}
	}
	p.check(a.Read(t.Context(), inputs))
	r := a.Report()
	for _, u := range r.Unknown {
		t.Errorf("unknown message %q", u.Message)
	}
	for _, i := range r.Incidents {
		for _, e := range i.Evidence {
			if !strings.HasPrefix(e.Log, p.dir) || e.Line == 0 {
				t.Errorf("evidence at %s:%d", e.Log, e.Line)
			}
		}
	}
	return r.Incidents
}
