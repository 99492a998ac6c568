package fpm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fpmlint/lint/source"
	"fpmlint/testdata/live"
)

// TestAgainstFPM gives files to php-fpm -tt and to LoadFile: the values that FPM prints are those
// understood here, or both refuse the file with the same words at the same line.
func TestAgainstFPM(t *testing.T) {
	binary := live.FPM(t)
	files := judged()
	if len(files) < 60 {
		t.Fatalf("only %d files", len(files))
	}
	version := regexp.MustCompile(`\d+\.\d+$`).FindString(binary)
	for i, text := range files {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			text := strings.ReplaceAll(text, "DIR", dir)
			name := filepath.Join(dir, "fpm.conf")
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, binary, "-tt", "-R", "-n", "-y", name).CombinedOutput()
			root, rootErr := source.Dir("/")
			if rootErr != nil {
				t.Fatal(rootErr)
			}
			m, loadErr := Load(root, name, Options{Version: version, Prefix: "/usr"})
			if loadErr != nil {
				t.Fatal(loadErr)
			}
			if err != nil {
				compareRefusal(t, text, string(out), m)
				return
			}
			if len(m.Problems) > 0 {
				t.Fatalf("php-fpm accepts\n%s\nhere: %s", text, m.Problems[0].Message)
			}
			if why := m.Differs(m.Conf); why != "" && !strings.Contains(text, "ini.v1 differs") {
				t.Error(why)
			}
			compareValues(t, string(out), m)
		})
	}
}

var (
	parseFailure = regexp.MustCompile(`(?:ERROR|ALERT): \[[^\]]*:(\d+)\] (.*)`)
	laterFailure = regexp.MustCompile(`(?:ERROR|ALERT): (.*)`)
	phpFailure   = regexp.MustCompile(`(?m)(PHP:  syntax error, .*)$`)
)

func compareRefusal(t *testing.T, text, out string, m *Master) {
	t.Helper()
	if len(m.Problems) == 0 {
		t.Fatalf("php-fpm refuses\n%s\nwith %s", text, out)
	}
	p := m.Problems[0]
	if f := phpFailure.FindStringSubmatch(out); f != nil {
		if p.Kind != source.Syntax {
			t.Errorf("php-fpm: %s\nhere: %s", f[1], p.Message)
		}
		return
	}
	if f := parseFailure.FindStringSubmatch(out); f != nil {
		if line := fmt.Sprint(p.Span.Position().Line); line != f[1] || !sameWords(f[2], p.Message) {
			t.Errorf("php-fpm: line %s: %s\nhere: line %s: %s", f[1], f[2], line, p.Message)
		}
		return
	}
	f := laterFailure.FindStringSubmatch(out)
	if f == nil {
		t.Fatalf("no message in %s", out)
	}
	if !sameWords(f[1], p.Message) {
		t.Errorf("php-fpm: %s\nhere: %s", f[1], p.Message)
	}
}

// sameWords lets fpmlint add to FPM's words.
func sameWords(theirs, ours string) bool { return strings.HasPrefix(ours, strings.TrimSpace(theirs)) }

var setting = regexp.MustCompile(`NOTICE: \t([^ ]+) = (.*)$`)

func compareValues(t *testing.T, out string, m *Master) {
	t.Helper()
	var pool *Pool
	compared := 0
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if _, rest, ok := strings.Cut(line, "NOTICE: ["); ok && strings.HasSuffix(rest, "]") {
			name := strings.TrimSuffix(rest, "]")
			if strings.EqualFold(name, "global") {
				pool = nil
				continue
			}
			i := slices.IndexFunc(m.Pools, func(p *Pool) bool { return p.Name == name })
			if i < 0 {
				t.Fatalf("php-fpm has a pool %s, here are %d others", name, len(m.Pools))
			}
			pool = m.Pools[i]
			continue
		}
		s := setting.FindStringSubmatch(line)
		if s == nil {
			continue
		}
		compared++
		if got, want, ok := printed(m, pool, s[1], s[2]); ok && got != want {
			t.Errorf("%s: php-fpm has %q, here is %q", s[1], want, got)
		}
	}
	if compared < 10 {
		t.Fatalf("compared %d values only of %s\n%s", compared, out, m.Conf.Data)
	}
}

// printed is a value as php-fpm -tt prints it, by what it means: times in seconds, switches as
// yes and no.
func printed(m *Master, p *Pool, key, want string) (got, wanted string, ok bool) {
	if want == "undefined" {
		want = ""
	}
	name, index, isArray := strings.Cut(strings.TrimSuffix(key, "]"), "[")
	if p != nil && isArray {
		for _, e := range p.arrays {
			if e.Index == index && strings.HasPrefix(e.Key, strings.TrimSuffix(name, "_value")) || e.Index == index && strings.HasPrefix(e.Key, "php_") && strings.HasPrefix(name, "php_") {
				if e.Unknown != "" {
					return "", "", false
				}
				v := strings.ReplaceAll(e.Value, "$pool", p.Name)
				if strings.HasSuffix(e.Key, "flag") {
					on, _ := parseBool(v)
					v = map[bool]string{true: "1", false: "0"}[on]
				}
				if v == want {
					return v, want, true
				}
				got = v
			}
		}
		return got, want, true
	}
	s, kinds := m.Global(key), globalKeys
	if p != nil {
		s, kinds = p.Get(key), poolKeys
	}
	k, known := kinds[key]
	if !known {
		return "", want, true
	}
	if s.Unknown != "" {
		return "", "", false // an expression, which is not evaluated here
	}
	switch key {
	case "pm.process_idle_timeout":
		want += "s"
	case "ping.response":
		if p.Get("ping.path").Text == "" {
			return "", "", false // printed with a path only
		}
	case "access.format":
		if p.Get("access.log").Text == "" {
			return "", "", false
		}
	case "error_log", "events.mechanism", "process.priority", "log_level", "pid", "rlimit_core", "rlimit_files",
		"access.suppress_path", "syslog.ident", "syslog.facility", "listen.mode", "listen.setfib", "systemd_interval", "prefix", "chroot", "access.log", "slowlog":
		return "", "", false // printed after FPM has worked on them, or not always
	}
	switch k {
	case duration:
		n, _ := s.seconds()
		return fmt.Sprintf("%ds", n), want, true
	case boolean:
		on, _ := parseBool(s.Text)
		return map[bool]string{true: "yes", false: "no"}[on], want, true
	case integer:
		n, _ := s.integer()
		return fmt.Sprint(n), want, true
	case processManager:
		return strings.ToLower(s.Text), want, true
	}
	return s.Text, want, true
}

// judged are files for php-fpm -tt: pools with one line more, then whole files.
func judged() []string {
	var out []string
	head := "[global]\nerror_log = DIR/log\n"
	pool := "[www]\nuser = www-data\nlisten = DIR/s.sock\npm = static\npm.max_children = 2\n"
	for _, s := range []string{
		"", "; a comment", ";listen = x", "user = root ; the last one wins", "user=root", "user\t=\troot", "USER = root", "  user = root  ", "user = \"root\"", "user = 'root'",
		"listen = /a/b.sock;comment", "listen = \"/a;b.sock\"", "listen = '/a;b.sock'", "listen = 127.0.0.1:9000", "listen = [::1]:9000", "listen = 9000", "listen = /run/$pool.sock",
		"env[A] = x;y", "env[A] = \"x;y\"", "env[A] = x=y", "env[A] = $HOME", "env[A] = a b c", "env[A] = \"a\" b", "env[A] =", "env[A] = 'a\"b'", "env[A] = \"a\\\"b\"", "env[A] = a\"b\"c", "env[A] = /usr/bin:/bin", "env[ A ] = 1",
		"php_admin_value[memory_limit] = 64M", "php_value[a.b] = 1", "php_flag[display_errors] = off", "php_admin_flag[log_errors] = on", "php_flag[x] = maybe",
		"pm = dynamic", "pm = DYNAMIC\npm.min_spare_servers = 1\npm.max_spare_servers = 2\npm.start_servers = 1", "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 9", "pm = dynamic\npm.min_spare_servers = 2\npm.max_spare_servers = 1", "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 1\npm.start_servers = 2",
		"pm = dynamic\npm.min_spare_servers = 1", "pm = ondemand", "pm = ondemand\npm.process_idle_timeout = 0", "pm = other", "pm =", "pm.max_children = 0", "pm.max_children = -1", "pm.max_children = 10k", "pm.max_children = 5 # five", "pm.max_children = 5;x", "pm.max_children =",
		"request_terminate_timeout = 500ms", "request_terminate_timeout = 1.5m", "request_terminate_timeout = abc5", "request_terminate_timeout = 2h", "request_terminate_timeout = 1d", "request_terminate_timeout = 30", "request_terminate_timeout = -1",
		"request_slowlog_timeout = 5s", "request_slowlog_timeout = 5s\nslowlog = DIR/slow", "request_slowlog_timeout = 10s\nslowlog = DIR/slow\nrequest_terminate_timeout = 5s",
		"# a comment", "#user = x", "# a = b", "user", "user x", "catch_workers_output = yes", "catch_workers_output = On", "catch_workers_output = 1", "catch_workers_output = enabled", "catch_workers_output = none", "clear_env = no", "clear_env = false",
		"unknown.key = 1", "daemonize = no", "emergency_restart_threshold = 1", "env = x", "pm.status_path = /status", "pm.status_path = status", "ping.path = ping", "ping.response = pong pong",
		"security.limit_extensions = .php .phtml", "listen.backlog = 511", "listen.backlog = -1", "listen.mode = 0666", "listen.allowed_clients = 127.0.0.1,::1", "access.format = \"%R %{x}i\"", "access.format = %R (x)", "env[A] = hey!", "env[A] = a|b", "env[A] = {", "env[A] = a&b", "env[A] = ~1", "env[A] = a^b",
		"php_admin_value[error_reporting] = E_ALL & ~E_DEPRECATED & ~E_STRICT", "php_value[a] = (1|2)", "php_value[a] = (1|2", "php_value[a] = 1|2)", "php_value[a] = 1 | (2 & !3) ^ 4", "php_value[a] = ()", "php_value[a] = 1 |", "env[A] = |1", "env[A] = none", "env[A] = off", "env[A] = yes", "slowlog = none",
		"[www]\nuser = root", "[WWW]\nuser = root", "[other]\nuser = root", "[b] user = root", "[b]\nuser = www-data\nlisten = DIR/t.sock\npm = ondemand\npm.max_children = 3", "user = null", "user = NULL", "[www", "listen = \"x", "env[A = 1", "pm.max_spawn_rate = 0", "rlimit_core = unlimited", "rlimit_core = x", "request_slowlog_trace_depth = 5",
		"request_terminate_timeout = 10x", "request_terminate_timeout = 10S", "request_terminate_timeout = 10M", "request_terminate_timeout = 10min", "request_terminate_timeout = 30sec", "request_terminate_timeout = 5w", "request_terminate_timeout =", "request_terminate_timeout = off", "request_terminate_timeout = 10 s", "request_terminate_timeout = -", "request_terminate_timeout = s", "pm.process_idle_timeout = 5x",
		"access.suppress_path[] = /ping", "access.suppress_path[] = /a\naccess.suppress_path[] = /b", "access.suppress_path[] = ping", "access.suppress_path[] =", "access.suppress_path[a] = /ping", "access.suppress_path = /ping", "env[] = a", "php_value[] = a", "listen[] = 9000", "php_flag = on",
		"pm.status_path = /", "pm.status_path = /a b", "pm.status_path = /a?b", "pm.status_path = /a-b_c.d~e/1", "pm.status_path = \"/\xc3\xa9\"", "pm.status_path = /.", "ping.path = /", "ping.path = /p%20", "ping.path = /p\nping.response =", "ping.response =", "ping.path = /p\nping.response = x",
		"process.priority = -20", "process.priority = -19", "process.priority = 20", "process.priority = 21", "request_slowlog_trace_depth = -3\nslowlog = DIR/slow",
	} {
		out = append(out, head+pool+s+"\n")
	}
	return append(out,
		head+pool+"\r\nuser = root\r\n", strings.ReplaceAll(head+pool, "\n", "\r\n"), "\xef\xbb\xbf"+head+pool, "error_log = DIR/log\n"+pool, head, "[global]\npm = static\n"+pool,
		"[global]\nerror_log = DIR/log\nlog_level = info\n"+pool, "[global]\nerror_log = DIR/log\nlog_level = notice\nemergency_restart_threshold = 10\nemergency_restart_interval = 1m\nprocess_control_timeout = 10s\n"+pool,
		"[global]\nerror_log = DIR/log\nlog_limit = 100\n"+pool, "[global]\nerror_log = DIR/log\nprocess.max = -1\n"+pool, "[global]\nerror_log = DIR/log\nprocess.priority = 21\n"+pool, "[global]\nerror_log = DIR/log\nmergency_restart_threshold = 1\n"+pool,
		"[global]\nerror_log = DIR/log\nemergency_restart_interval = 60x\n"+pool, "[global]\nerror_log = DIR/log\nprocess_control_timeout = 10sec\n"+pool, "[global]\nerror_log = DIR/log\nsyslog.facility = bar\n"+pool, "[global]\nerror_log = DIR/log\nsyslog.facility = LOCAL0\n"+pool,
		"[global]\nerror_log = DIR/log\nevents.mechanism = bar\n"+pool, "[global]\nerror_log = DIR/log\nevents.mechanism = EPOLL\n"+pool,
		"[global]\nerror_log = DIR/log\nenv[A] = 1\n"+pool, "[global]\nerror_log = DIR/log\ninclude = DIR/none/*.conf\n"+pool, "[global]\nerror_log = DIR/log\ninclude = DIR/none.conf\n"+pool, "[global]\nerror_log = DIR/log\ninclude = DIR/*.none\n"+pool, pool[:len(pool)-1]+"\n[global]\nerror_log = DIR/log")
}

// FuzzScan looks for panics and spans out of place.
func FuzzScan(f *testing.F) {
	for _, s := range judged() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := source.NewFile("/f", data)
		at := 0
		scan(file, false, func(l line) bool {
			spans := []source.Span{l.header}
			if l.entry != nil {
				spans = append(spans, l.entry.KeySpan, l.entry.ValueSpan)
			}
			for _, s := range spans {
				if s.IsZero() {
					continue
				}
				if s.Start < at || s.End < s.Start || s.End > len(data) {
					t.Fatalf("%q: %d-%d after %d", data, s.Start, s.End, at)
				}
				at = s.End
			}
			return true
		})
		loadFile(source.Memory("m", nil), file, Options{Version: "8.2", Prefix: "/usr"})
	})
}
