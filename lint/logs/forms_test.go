package logs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const refused = stampOf + `[error] 8#8: *2 connect() failed (111: Connection refused) while connecting to upstream` + tailOf

// One message in every form in which logs carry it.
func TestForms(t *testing.T) {
	const oom = "Out of memory: Killed process 22077 (php-fpm8.2) total-vm:812340kB"
	const death = "[pool www] child 22077 exited on signal 11 (SIGSEGV) after 0.5 seconds from start"
	at := time.Date(2026, 11, 21, 0, 24, 8, 0, time.UTC).Unix()
	for name, c := range map[string]struct {
		text, cause string
		at          int64
	}{
		"nginx":                {refused, "socket-refused", at},
		"nginx with CR":        {refused + "\r", "socket-refused", at},
		"compose":              {"web-1  | " + refused, "socket-refused", at},
		"container runtime":    {"2026-11-21T00:24:08.000000000Z stderr F " + refused, "socket-refused", at},
		"nginx's syslog":       {"<187>Nov 21 00:24:09 web nginx: " + refused, "socket-refused", at},
		"nginx does not start": {`nginx: [emerg] host not found in upstream "php" in /etc/nginx/nginx.conf:7`, "name-unresolved", 0},
		"FPM":                  {"[21-Nov-2026 00:24:08] WARNING: " + death, "worker-crash", at},
		"FPM with debug":       {"[21-Nov-2026 00:24:08.123456] WARNING: pid 7, fpm_children_bury(), line 266: " + death, "", 0},
		"FPM at level debug":   {"[21-Nov-2026 00:24:08.123456] DEBUG: pid 7, fpm_children_bury(), line 266: " + death, "worker-crash", at},
		"FPM's syslog":         {"Nov 21 00:24:08 web php-fpm8.2[1]: [WARNING] " + death, "worker-crash", at},
		"FPM in the journal":   {"Nov 21 00:24:08 web php-fpm8.2[1]: [21-Nov-2026 00:24:08] WARNING: " + death, "worker-crash", at},
		"dmesg -T":             {"[Sat Nov 21 00:24:08 2026] " + oom, "worker-oom", at},
		"dmesg":                {"[12345.678901] " + oom, "worker-oom", 0},
		"kern.log":             {"Nov 21 00:24:08 web kernel: [12345.678901] " + oom, "worker-oom", at},
		"kern.log with ISO":    {"2026-11-21T00:24:08.123456+00:00 web kernel: " + oom, "worker-oom", at},
		"short-iso":            {"2026-11-21T00:24:08+0000 web kernel: " + oom, "worker-oom", at},
		"last year":            {"Dec 26 14:03:02 web kernel: " + oom, "worker-oom", time.Date(2025, 12, 26, 14, 3, 2, 0, time.UTC).Unix()},
		"memory cgroup":        {"[Sat Nov 21 00:24:08 2026] Memory cgroup out of memory: Killed process 9 (php-fpm) total-vm:1kB", "worker-oom", at},
		"segfault":             {"[Sat Nov 21 00:24:08 2026] php-fpm8.2[2036]: segfault at 0 ip 000055 sp 00007f error 4 in redis.so[7f+1]", "worker-crash", at},
		"another's OOM":        {"[Sat Nov 21 00:24:08 2026] Out of memory: Killed process 5 (mysqld) total-vm:1kB", "", 0},
		"export":               {fmt.Sprintf("__CURSOR=s\n__REALTIME_TIMESTAMP=%d000000\n_TRANSPORT=kernel\nMESSAGE=%s\n\n", at, oom), "worker-oom", at},
		"export of FPM":        {fmt.Sprintf("__REALTIME_TIMESTAMP=%d000000\nSYSLOG_IDENTIFIER=php-fpm8.2\n_SYSTEMD_UNIT=php8.2-fpm.service\nMESSAGE=[WARNING] %s\n\n", at, death), "worker-crash", at},
		"json":                 {fmt.Sprintf(`{"__REALTIME_TIMESTAMP":"%d000000","_TRANSPORT":"kernel","MESSAGE":"%s"}`, at, oom), "worker-oom", at},
		"systemd":              {"Nov 21 00:24:08 web systemd[1]: php8.2-fpm.service: Failed with result 'exit-code'.", "fpm-down", at},
		"OOMPolicy":            {"Nov 21 00:24:08 web systemd[1]: php8.2-fpm.service: Failed with result 'oom-kill'.", "worker-oom", at},
		"another service":      {"Nov 21 00:24:08 web systemd[1]: mysql.service: Failed with result 'oom-kill'.", "", 0},
		"max_children":         {"[21-Nov-2026 00:24:08] WARNING: [pool www] server reached max_children setting (1), consider raising it", "max-children", at},
		"not decorated":        {"ERROR: Connection disallowed: IP address '10.0.0.1' has been dropped.", "client-disallowed", 0},
		"decorated":            {`[21-Nov-2026 00:24:08] WARNING: [pool www] child 8657 said into stderr: "ERROR: Connection disallowed: IP address '127.0.0.1' has been dropped."`, "client-disallowed", at},
		"slow log":             {"\n[21-Nov-2026 00:24:08]  [pool www] pid 3669\nscript_filename = /a.php\n[0x00007f705e6150c0] sleep() /a.php:1\n[0x00007f705e6150d0] f() /b.php:2", "slow-script", at},
	} {
		t.Run(name, func(t *testing.T) {
			got := readText(t, c.text+"\n")
			if c.cause == "" {
				if len(got.events) != 0 {
					t.Errorf("it is %s", got.events[0].Message.Cause)
				}
				return
			}
			if len(got.events) != 1 {
				t.Fatalf("%d events", len(got.events))
			}
			e := got.events[0]
			if e.Message.Cause != c.cause || e.At != c.at {
				t.Errorf("%s at %d, want %s at %d", e.Message.Cause, e.At, c.cause, c.at)
			}
		})
	}
}

func TestSlowLogFrames(t *testing.T) {
	c := readText(t, `
[21-Nov-2026 00:24:08]  [pool www] pid 3669
script_filename = /var/www/index.php
[0x00007f705e6150c0] curl_exec() /var/www/wp-content/plugins/shop/api.php:10
[0x00007f705e6150d0] do_action() /var/www/wp-includes/plugin.php:20

[21-Nov-2026 00:24:09]  [pool www] pid 3670
script_filename = /var/www/a.php
[0x00007f705e6150c0] sleep() /var/www/a.php:1
`)
	if len(c.events) != 2 || len(c.events[0].Frames) != 2 || c.events[0].Script != "/var/www/index.php" || c.events[1].PID != 3670 {
		t.Fatalf("%+v", c.events)
	}
	i := Incident{seen: map[string]bool{}}
	c.events[0].Source = &Source{}
	i.show(c.events[0])
	if got := i.traces.top(1)[0].Name; got != "curl_exec() /var/www/wp-content/plugins/shop/api.php:10 (plugin shop)" {
		t.Errorf("trace %q", got)
	}
}

// A journal's field with line feeds cannot pass for other entries.
func TestJournalBinaryField(t *testing.T) {
	message := "one\n\nMESSAGE=x\n" + refused
	size := binary.LittleEndian.AppendUint64(nil, uint64(len(message)))
	text := "__REALTIME_TIMESTAMP=1795220648000000\nSYSLOG_IDENTIFIER=cron\nMESSAGE\n" + string(size) + message + "\nPRIORITY=6\n\n" +
		"__REALTIME_TIMESTAMP=1795220648000000\nSYSLOG_IDENTIFIER=nginx\nMESSAGE=" + refused + "\n\n"
	c := readText(t, text)
	if len(c.events) != 1 {
		t.Errorf("%d events", len(c.events))
	}
}

func TestCompressed(t *testing.T) {
	var gz, zst bytes.Buffer
	z := gzip.NewWriter(&gz)
	s, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{z, s} {
		if _, err := w.Write([]byte(strings.Repeat(refused+"\n", 1000))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var inputs []Input
	for name, data := range map[string][]byte{"error.log.2.gz": gz.Bytes(), "error.log.3.zst": zst.Bytes(), "error.log": []byte(refused)} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, Input{Name: file})
	}
	a := New(Options{Zone: time.UTC})
	if err := a.Read(t.Context(), inputs); err != nil {
		t.Fatal(err)
	}
	r := a.Report()
	if len(r.Incidents) != 1 || r.Incidents[0].Count != 2001 || r.Lines != 2001 {
		t.Errorf("%v, %d lines", r.Incidents, r.Lines)
	}
	bad := filepath.Join(dir, "bad.gz")
	if err := os.WriteFile(bad, gz.Bytes()[:len(gz.Bytes())/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := New(Options{}).Read(t.Context(), []Input{{Name: bad}}); err == nil {
		t.Error("a log that is cut in the middle is no error")
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		refused, "[21-Nov-2026 00:24:08]  [pool www] pid 1\nscript_filename = /a\n[0x1] f() /a:1\n",
		"[21-Nov-2026 00:24:08] WARNING: [pool www] child 1 exited on signal 9 (SIGKILL) after 1 seconds from start",
		"__REALTIME_TIMESTAMP=1\nMESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00a\n\n", `{"__REALTIME_TIMESTAMP":"1","MESSAGE":[65]}`,
		"Nov 21 00:24:08 web kernel: php-fpm[1]: segfault at 0", stampOf + `[error] 8#8: *2 FastCGI sent in stderr: "PHP message: x` + "\ny" + tailOf,
		stampOf + "[error] 8#8: *2 recv() failed (104: Connection reset by peer) while reading response header from upstream" + tailOf,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a := New(Options{Zone: time.UTC, Now: time.Unix(1795220648, 0)})
		s := &Source{Name: "fuzz"}
		a.Sources = append(a.Sources, s)
		r := a.newReader(s)
		if err := r.read(t.Context(), bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		r.finish()
		want := bytes.Count(b, []byte{'\n'})
		if len(b) > 0 && b[len(b)-1] != '\n' {
			want++
		}
		if s.Lines != want {
			t.Errorf("%d lines, want %d", s.Lines, want)
		}
		for _, i := range a.Report().Incidents {
			for _, e := range i.Evidence {
				if len(e.Text) > maxText+3 {
					t.Errorf("%d bytes of evidence", len(e.Text))
				}
			}
			if i.Total() == 0 || i.Sentence() == "" || i.Advice() == "" {
				t.Errorf("%+v", i)
			}
		}
	})
}
