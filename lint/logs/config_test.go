package logs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// joined reads a log beside a configuration.
func joined(t *testing.T, nginx, pool, log string) *Incident {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	stacks, err := stack.Load(t.Context(), stack.Options{Paths: []string{
		write("nginx.conf", "events {}\nhttp {\n"+nginx+"\n}\n"),
		write("php-fpm.conf", "[global]\nerror_log = /var/log/fpm.log\n[www]\nuser = www-data\nlisten = /run/a.sock\nlisten.owner = www-data\npm = static\npm.max_children = 2\n"+pool),
	}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := lint.Run(t.Context(), stacks, rules.All())
	if err != nil {
		t.Fatal(err)
	}
	a := New(Options{Zone: time.UTC, Config: NewConfig(result)})
	if err := a.Read(t.Context(), []Input{{Name: "log", Reader: strings.NewReader(log)}}); err != nil {
		t.Fatal(err)
	}
	r := a.Report()
	if len(r.Incidents) != 1 {
		t.Fatalf("incidents %v", r.Incidents)
	}
	return r.Incidents[0]
}

func server(name, pass string) string {
	return "server { server_name " + name + "; location ~ \\.php$ {\ninclude fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\nfastcgi_pass " + pass + "; } }\n"
}

func TestJoin(t *testing.T) {
	line := func(server, upstream, message string) string {
		return stampOf + "[error] 8#8: *2 " + message + ", client: 127.0.0.1, server: " + server + `, request: "GET /a.php HTTP/1.1"` + upstream + `, host: "h"` + "\n"
	}
	const big, unix = "upstream sent too big header while reading response header from upstream", `, upstream: "fastcgi://unix:/run/a.sock:"`
	two := server("a.example www.a.example", "unix:/run/a.sock") + server("b.example", "unix:/var/run/a.sock")
	for name, c := range map[string]struct {
		nginx, pool, log string
		line             int // of the hand-off, 0 for none
		pools            string
		rule, fix        string
	}{
		"first server":       {two, "", line("a.example", unix, big), 5, "www", "low-header-buffer", "fpmlint fix --level info --select low-header-buffer"},
		"second server":      {two, "", line("b.example", unix, big), 8, "www", "low-header-buffer", "fpmlint fix --level info --select low-header-buffer"},
		"unknown server":     {two, "", line("c.example", unix, big), 0, "www", "", ""},
		"buffer":             {server("a.example", "unix:/run/a.sock; fastcgi_buffer_size 4k"), "", line("a.example", unix, big), 5, "www", "low-header-buffer", "fpmlint fix --select low-header-buffer"},
		"upstream block":     {"upstream php { server unix:/run/a.sock; }\n" + server("a.example", "php"), "", line("a.example", unix, big), 6, "www", "low-header-buffer", "fpmlint fix --level info --select low-header-buffer"},
		"upstream's name":    {"upstream php { server unix:/run/a.sock; }\n" + server("a.example", "php"), "", line("a.example", `, upstream: "fastcgi://php"`, "no live upstreams while connecting to upstream"), 6, "www", "", ""},
		"elsewhere":          {two, "", line("a.example", `, upstream: "fastcgi://10.0.0.9:9000"`, big), 0, "", "", ""},
		"reload":             {two, "", line("a.example", unix, "recv() failed (104: Connection reset by peer) while reading response header from upstream") + "[21-Nov-2026 00:24:08] NOTICE: Reloading in progress ...\n", 5, "www", "process-control-timeout", "fpmlint fix --select process-control-timeout"},
		"crash":              {two, "", line("a.example", unix, "recv() failed (104: Connection reset by peer) while reading response header from upstream") + "[21-Nov-2026 00:24:08] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV) after 1 seconds from start\n", 5, "www", "emergency-restart", ""},
		"another's crash":    {two, "", line("a.example", unix, "recv() failed (104: Connection reset by peer) while reading response header from upstream"), 5, "www", "emergency-restart", ""},
		"no peer was chosen": {"resolver 127.0.0.1;\n" + server("a.example", "$php"), "", line("a.example", "", "no resolver defined to resolve php.internal"), 6, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := joined(t, c.nginx, c.pool, c.log)
			at := 0
			if i.Site != nil && i.Site.Handoff != nil {
				at = i.Site.Handoff.Pass.Span().Position().Line
			}
			if at != c.line || i.Pool() != c.pools {
				t.Errorf("hand-off at line %d, pool %q; want %d, %q", at, i.Pool(), c.line, c.pools)
			}
			rule := ""
			if len(i.Explained) > 0 {
				rule = i.Explained[0].Rule
			}
			if c.rule != "" && rule != c.rule || i.Fix() != c.fix {
				t.Errorf("explained by %q, fix %q; want %q, %q", rule, i.Fix(), c.rule, c.fix)
			}
			if strings.Contains(name, "crash") && i.Advice() != i.Cause.Advice {
				t.Errorf("what only makes a crash worse is given as its cure: %s", i.Advice())
			}
		})
	}
}
