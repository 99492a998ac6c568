//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"fpmlint/lint/report"
)

// tree writes a root-like directory.
type tree struct {
	t   *testing.T
	dir string
}

func (w tree) put(name string, parts ...string) {
	w.t.Helper()
	name = filepath.Join(w.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(strings.Join(parts, "")), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

func (w tree) link(target, name string) {
	w.t.Helper()
	name = filepath.Join(w.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.Symlink(target, name)); err != nil {
		w.t.Fatal(err)
	}
}

// empty makes a file of a size that holds nothing.
func (w tree) empty(name string, size int64) {
	w.t.Helper()
	w.put(name)
	if err := os.Truncate(filepath.Join(w.dir, name), size); err != nil {
		w.t.Fatal(err)
	}
}

// nginx and fpm write main files around what is in the http block, and after [global].
func (w tree) nginx(http ...string) {
	w.put("etc/nginx/nginx.conf", "events {}\nhttp {\n", strings.Join(http, ""), "\n}\n")
}

func (w tree) fpm(text ...string) {
	w.put("etc/php/8.2/fpm/php-fpm.conf", "[global]\ninclude = /etc/php/8.2/fpm/pool.d/*.conf\n", strings.Join(text, ""))
}

// times is n texts in a row, each made of its number.
func times(n int, text func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(text(i))
	}
	return b.String()
}

// formatted is times for a format with the number as its only, perhaps repeated, argument %[1]d.
func formatted(n int, format string) string {
	return times(n, func(i int) string { return fmt.Sprintf(format, i) })
}

const (
	php   = "location ~ \\.php$ { fastcgi_pass unix:/run/www.sock; }\n"
	pool  = "[www]\nuser = www-data\nlisten = /run/www.sock\npm = static\npm.max_children = 5\n"
	apool = "[p%[1]d]\nuser = www-data\nlisten = /run/p%[1]d.sock\npm = static\npm.max_children = 5\n"
)

// hostileTrees are configurations that take a naive reader minutes and gigabytes, or for ever.
var hostileTrees = []struct {
	name  string
	write func(w tree)
	// says is a part of the report.
	says string
	// memory bounds the process, in MiB; 0 is 512.
	memory int64
}{
	{name: "includes of includes of servers", write: func(w tree) {
		for i := range 20 {
			w.put(fmt.Sprintf("etc/nginx/%d", i), strings.Repeat(fmt.Sprintf("include %d;\n", i+1), 10))
		}
		w.put("etc/nginx/20", "server { ", php, "}\n")
		w.nginx("include 0;")
	}, says: "the includes repeat more than 1000000 directives", memory: 1536},
	{name: "100 MB of includes", write: func(w tree) {
		for i := range 50 {
			w.put(fmt.Sprintf("etc/nginx/c/%d", i), strings.Repeat(fmt.Sprintf("include ../nginx/one/of/the/directories/%d/x;\n", i), 45_000))
			w.put(fmt.Sprintf("etc/nginx/one/of/the/directories/%d/x", i))
		}
		w.nginx("include c/*;")
	}, says: "result: ", memory: 2048},
	{name: "includes that are not there", write: func(w tree) {
		for i := range 20 {
			w.put(fmt.Sprintf("etc/nginx/c/%d", i), times(30_000, func(j int) string { return fmt.Sprintf("include %d/%d;\n", i, j) }))
		}
		w.nginx("include c/*;")
	}, says: "the configuration is left out: it has more than"},
	{name: "patterns through links to themselves", write: func(w tree) {
		for i := range 3 {
			w.link(".", fmt.Sprintf("etc/nginx/l/%d", i))
		}
		w.nginx("include l/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*.conf;")
		w.put("etc/php/8.2/fpm/php-fpm.conf", "[global]\ninclude = /etc/nginx/l/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*.conf\n", pool)
	}, says: "patterns look at more than"},
	{name: "many patterns in a large directory", write: func(w tree) {
		for i := range 1000 {
			w.put(fmt.Sprintf("etc/nginx/c/%d", i))
		}
		w.nginx(times(20_000, func(i int) string { return fmt.Sprintf("include c/*%d*%s;\n", i, strings.Repeat("*", i%40)) }))
	}, says: "patterns look at more than"},
	{name: "links", write: func(w tree) {
		w.put("etc/nginx/site", strings.Repeat("# comment\n", 1000), "server { ", php, "}\n")
		w.link("/etc/nginx/site", "l/0")
		for i := range 200 {
			w.link(fmt.Sprintf("/l/%d", i), fmt.Sprintf("l/%d", i+1))
		}
		for i := range 10_000 {
			w.link("../site", fmt.Sprintf("etc/nginx/s/%d", i))
		}
		for i := range 1000 {
			w.link("/l/200", fmt.Sprintf("etc/nginx/s/far%d", i))
		}
		w.nginx("include s/*;")
	}, says: "too many levels of symbolic links"},
	{name: "many empty files", write: func(w tree) {
		for i := range 10_000 {
			w.put(fmt.Sprintf("etc/nginx/c/%d", i))
		}
		w.nginx(strings.Repeat("include c/*;\n", 600))
	}, says: "the includes add up to more than 5000000 directives"},
	{name: "maps of maps", write: func(w tree) {
		w.nginx("map $host $unknown0 { default $request_uri; }\nmap $host $long0 { default ", strings.Repeat("x", 4000), "; }\n",
			times(8, func(i int) string {
				return fmt.Sprintf("map $host $unknown%d { %s }\n", i+1, strings.Repeat(fmt.Sprintf("k $unknown%d; ", i), 50)) +
					fmt.Sprintf("map $host $long%d { default %s; }\n", i+1, strings.Repeat(fmt.Sprintf("$long%d", i), 500))
			}), "server { location /a { fastcgi_pass $unknown8; } location /b { fastcgi_pass $long8; } }")
	}, says: "combinations of variables"},
	{name: "deep nesting", write: func(w tree) {
		w.nginx(strings.Repeat("a {", 1_000_000))
		w.put("etc/php/8.2/fpm/php-fpm.conf", strings.Repeat("[", 1_000_000))
	}, says: "blocks are nested more than 1000 deep"},
	{name: "nesting that is allowed", write: func(w tree) {
		w.nginx("server {", strings.Repeat("location /a {", 990), php, strings.Repeat("}", 990), "}")
	}, says: "1 hand-off of nginx"},
	{name: "deep Lua", write: func(w tree) {
		w.nginx("server { content_by_lua_block {", strings.Repeat("{", 3_000_000), strings.Repeat("}", 3_000_000), "} ", php, "}")
	}, says: "1 hand-off of nginx"},
	{name: "a line of 50 MB", write: func(w tree) {
		w.nginx("server { server_name ", strings.Repeat("a ", 25_000_000), "; }")
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", pool, strings.Repeat("x", 50_000_000))
	}, says: "more than 4000000 directives and arguments in one file", memory: 1536},
	{name: "a word of 50 MB", write: func(w tree) {
		w.nginx("server { root ", strings.Repeat("a", 50_000_000), "; }")
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", pool, "include = ", strings.Repeat("/x", 25_000_000))
	}, says: "the line is longer than 65536 bytes", memory: 1536},
	{name: "a file of one line", write: func(w tree) {
		w.nginx(strings.Repeat("server { server_name a; location ~ \\.php$ { fastcgi_pass unix:/run/www.sock; } } ", 20_000))
	}, says: "20000 hand-offs of nginx"},
	{name: "files of line ends", write: func(w tree) {
		w.nginx(strings.Repeat("\n", 60_000_000), "server { ", php, "}")
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", strings.Repeat("\n", 60_000_000), pool)
	}, says: "1 hand-off of nginx"},
	{name: "a million pools", write: func(w tree) {
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", formatted(1_000_000, "[p%[1]d]\nlisten=/run/%[1]d\n"))
	}, says: "the rest is left out: there are more than", memory: 1536},
	{name: "pools included again and again", write: func(w tree) {
		w.fpm(strings.Repeat("include = /etc/1\n", 100))
		for i := 1; i < 4; i++ {
			w.put(fmt.Sprintf("etc/%d", i), strings.Repeat(fmt.Sprintf("include = /etc/%d\n", i+1), 100))
		}
		w.put("etc/4", pool, strings.Repeat("php_value[a] = 1\n", 100))
	}, says: "the rest is left out: there are more than", memory: 1536},
	{name: "pools with long names", write: func(w tree) {
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", times(20, func(i int) string {
			return fmt.Sprintf("[%s%d]\nuser = www-data\nlisten = /run/%s\npm = static\npm.max_children = 5\n", strings.Repeat("p", 60_000), i, strings.Repeat("$pool", 10_000))
		}))
	}, says: "it is longer than 65536 bytes"},
	{name: "pools that share an address", write: func(w tree) {
		w.nginx(formatted(3000, "server { server_name s%[1]d; "+php+"}\n"))
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", formatted(3000, "[p%[1]d]\nuser = www-data\nlisten = /run/www.sock\npm = static\npm.max_children = 5\n"))
	}, says: "this hand-off and those after it are left out", memory: 1536},
	{name: "an upstream of 5000 servers for 5000 hand-offs", write: func(w tree) {
		w.nginx("upstream u {", formatted(5000, "server 127.0.0.1:%[1]d1;\n"), "}\n",
			formatted(5000, "server { server_name s%[1]d; location ~ \\.php$ { fastcgi_pass u; } location / { proxy_pass http://u; } }\n"))
	}, says: "this hand-off and those after it are left out", memory: 1536},
	{name: "a map of 250 addresses for 20,000 hand-offs", write: func(w tree) {
		w.nginx("map $host $to { default unix:/run/d.sock; ", formatted(250, "h%[1]d unix:/run/%[1]d.sock;\n"), "}\n",
			formatted(20_000, "server { server_name s%[1]d; location ~ \\.php$ { fastcgi_pass $to; } }\n"))
	}, says: "this hand-off and those after it are left out", memory: 1536},
	{name: "lines that all inherit", write: func(w tree) {
		w.nginx(formatted(10_000, "log_format f%[1]d x;\naccess_log /l%[1]d f%[1]d;\nfastcgi_param P%[1]d x;\nerror_page 502 /e%[1]d;\n"),
			formatted(10_000, "server { server_name s%[1]d; "+php+"}\n"))
	}, says: "this hand-off and those after it are left out"},
	{name: "ifs", write: func(w tree) {
		w.nginx("server { location / {", strings.Repeat("if ($a) { fastcgi_pass unix:/run/www.sock; }\n", 20_000), "} }")
	}, says: "20000 hand-offs of nginx"},
	{name: "paths to look up among locations", write: func(w tree) {
		w.nginx("server {", formatted(5000, "location ~ ^/%[1]d.*\\.php$ { fastcgi_pass unix:/run/p%[1]d.sock; }\n"), "}")
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", formatted(5000, apool+"pm.status_path = /status%[1]d\nping.path = /ping%[1]d\n"))
	}, says: "which location serves"},
	{name: "settings that an upgrade loses", write: func(w tree) {
		w.nginx("server { ", php, "}")
		for _, v := range []string{"8.1", "8.2"} {
			w.put("etc/php/"+v+"/fpm/php-fpm.conf", "[global]\ninclude = /etc/php/"+v+"/fpm/pool.d/*.conf\n")
			w.put("etc/php/"+v+"/fpm/pool.d/a.conf", pool, formatted(20_000, "php_value[x"+v+".%[1]d] = 1\n"))
		}
	}, says: "is lost"},
	{name: "faults on every line", write: func(w tree) {
		w.fpm()
		w.put("etc/php/8.2/fpm/pool.d/a.conf", formatted(50_000, "[p%[1]d]\nlisten x\n"))
	}, says: "pool.d/a.conf: ", memory: 1536},
}

// TestHostileTrees lints configurations that somebody made to keep a reader busy: the process comes
// to an end with its report, and takes memory that any machine has. It is the real process, since the
// race detector takes several times the memory.
func TestHostileTrees(t *testing.T) {
	binary := buildBinary(t)
	for _, c := range hostileTrees {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := tree{t, t.TempDir()}
			c.write(w)
			code, peak, out := runMeasured(t, binary, "lint", "--root", w.dir)
			if code != exitFindings && code != exitClean {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(out, c.says) {
				t.Errorf("%q is not said in:\n%.2000s", c.says, out)
			}
			if bound := max(c.memory, 512); peak > bound {
				t.Errorf("it takes %d MiB, want %d at most", peak, bound)
			}
		})
	}
}

// TestHostileRepository holds a directory that is told by content to the memory that its
// configurations take: data lies beside them.
func TestHostileRepository(t *testing.T) {
	binary := buildBinary(t)
	w := tree{t, t.TempDir()}
	w.put("site.conf", "server { ", php, "}\n")
	for i := range 100 {
		w.empty(fmt.Sprintf("data/%d.bin", i), 7<<20)
		w.empty(fmt.Sprintf("data/%d.iso", i), 1<<40)
		w.put(fmt.Sprintf("text/%d", i), strings.Repeat("nothing that anyone knows\n", 5000))
	}
	w.empty("huge.conf", 1<<40)
	code, peak, out := runMeasured(t, binary, "lint", "--fail-on", "never", w.dir)
	if code != exitClean || !strings.Contains(out, "1 hand-off of nginx") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if !strings.Contains(out, "huge.conf: larger than 8 MiB: name it if it is a configuration") {
		t.Errorf("nothing is said of the configuration that was left aside: %s", out)
	}
	if peak > 512 {
		t.Errorf("it takes %d MiB", peak)
	}
}

// evil drives a terminal, reorders text, begins a command of a forge, and is no UTF-8.
const evil = "a\x1b[31mb\u009b1m\u202e\xff\x07\x7f::error::c"

// TestHostileText lints and audits a tree whose names and values are evil: no format lets a control
// character through, and what is not UTF-8 either.
func TestHostileText(t *testing.T) {
	w := tree{t, filepath.Join(t.TempDir(), evil)}
	w.nginx("include sites/*; include missing", evil, ";\nserver { server_name ", evil, "; # fpmlint:ignore ", evil, "\n",
		"location ~ \\.php$ { fastcgi_pass unix:/run/", evil, ".sock; fastcgi_param X ", evil, "; } }\n")
	w.put("etc/nginx/sites/"+evil+"\nnext\r.conf", "server { root \"a\"b", evil, "; }")
	w.fpm()
	w.put("etc/php/8.2/fpm/pool.d/"+evil+".conf", "[", evil, "]\nuser = ", evil, "\nlisten = /run/", evil, "\r.sock\npm = ", evil, "\n", evil, " = 1\n; fpmlint:ignore ", evil, "\n")
	w.put("etc/passwd", "www-data:x:33:33::/:/\n")
	w.put("etc/group", "www-data:x:33:\n")
	runs := map[string][]string{}
	for _, f := range report.Formats {
		runs["lint as "+f.Name] = []string{"lint", "--format", f.Name, "--root", w.dir}
	}
	for _, f := range report.AuditFormats {
		runs["audit as "+f.Name] = []string{"audit", "--format", f.Name, w.dir}
	}
	for name, args := range runs {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(context.Background(), append([]string{"fpmlint"}, args...), nil, &out, &errs)
			if code != exitFindings || out.Len() == 0 {
				t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
			}
			for _, text := range []string{out.String(), errs.String()} {
				if !utf8.ValidString(text) {
					t.Errorf("not UTF-8: %q", text)
				}
				for i, r := range text {
					if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
						t.Fatalf("%U gets through in %q", r, text[max(0, i-40):min(len(text), i+40)])
					}
				}
			}
		})
	}
}

// buildBinary builds fpmlint as users have it.
func buildBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "fpmlint")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// measuring makes the test's own binary run a command and write what it took to a file: the kernel
// counts a process's peak from its parent's at the time of the fork, and this one is small.
const measuring = "FPMLINT_TEST_MEASURE"

func init() {
	file := os.Getenv(measuring)
	if file == "" {
		return
	}
	if err := measure(file, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// usage is what a process took.
type usage struct {
	Code int
	// Peak is in MiB.
	Peak int64
}

// measure is what the test's binary does where measuring is set.
func measure(file string, args []string) error {
	// The whole machine is to survive a process that is not held to its bound.
	limit := syscall.Rlimit{Cur: 8 << 30, Max: 8 << 30}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		return err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		return err
	}
	u := usage{Code: cmd.ProcessState.ExitCode(), Peak: cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10}
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

// runMeasured runs a command to its end.
func runMeasured(t *testing.T, args ...string) (code int, peak int64, out string) {
	t.Helper()
	// Far beyond what any machine needs: without its bounds most of these would run for days.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "usage.json")
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), measuring+"="+file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %.2000s", err, text.String())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var u usage
	if err := json.Unmarshal(data, &u); err != nil {
		t.Fatal(err)
	}
	t.Logf("exit code %d, %d MiB, %s bytes of report", u.Code, u.Peak, strconv.Itoa(text.Len()))
	return u.Code, u.Peak, text.String()
}
