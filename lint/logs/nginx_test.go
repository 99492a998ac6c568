package logs

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets more live tests run at once than there are processors, as they mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// collect keeps what a reader finds.
type collect struct {
	events   []*Event
	unknowns []string
}

func (c *collect) event(e *Event)               { c.events = append(c.events, e) }
func (c *collect) unknown(_ *Source, u unknown) { c.unknowns = append(c.unknowns, u.text) }

// readText reads a log from memory at a known time.
func readText(t testing.TB, text string) *collect {
	t.Helper()
	c := &collect{}
	r := &reader{source: &Source{Name: "log"}, sink: c, zone: time.UTC, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), unit: "log"}
	if err := r.read(t.Context(), strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	r.finish()
	return c
}

const (
	stampOf = "2026/11/21 00:24:08 "
	tailOf  = `, client: 127.0.0.1, server: shop.example, request: "GET /a.php?x=1 HTTP/1.1", upstream: "fastcgi://unix:/run/php/a.sock:", host: "www.shop.example"`
)

func TestNginxCauses(t *testing.T) {
	for message, want := range map[string]string{
		`[crit] 8#8: *2 connect() to unix:/run/a.sock failed (2: No such file or directory) while connecting to upstream`:                                                      "socket-missing",
		`[error] 8#8: *2 connect() to unix:/run/a.sock failed (111: Connection refused) while connecting to upstream`:                                                          "socket-refused",
		`[error] 8#8: *2 connect() failed (111: Connection refused) while connecting to upstream`:                                                                              "socket-refused",
		`[crit] 8#8: *2 connect() to unix:/run/a.sock failed (13: Permission denied) while connecting to upstream`:                                                             "socket-forbidden",
		`[error] 8#8: *2 connect() to unix:/run/a.sock failed (11: Resource temporarily unavailable) while connecting to upstream`:                                             "backlog-full",
		`[error] 8#8: *2 connect() failed (61: Connection refused) while connecting to upstream`:                                                                               "socket-refused",
		`[error] 8#8: *2 connect() to unix:/run/a.sock failed (35: Resource temporarily unavailable) while connecting to upstream`:                                             "backlog-full",
		`[error] 8#8: *2 connect() failed (113: Host is unreachable) while connecting to upstream`:                                                                             "host-unreachable",
		`[error] 8#8: *2 upstream timed out (110: Operation timed out) while reading response header from upstream`:                                                            "upstream-timeout",
		`[error] 8#8: *2 connect() failed (113: No route to host) while connecting to upstream`:                                                                                "host-unreachable",
		`[error] 8#8: *2 upstream timed out (110: Connection timed out) while reading response header from upstream`:                                                           "upstream-timeout",
		`[error] 8#8: *2 upstream timed out (110: Connection timed out) while connecting to upstream`:                                                                          "backlog-full",
		`[error] 8#8: *2 recv() failed (104: Connection reset by peer) while reading response header from upstream`:                                                            "worker-closed",
		`[error] 8#8: *2 readv() failed (104: Connection reset by peer) while reading upstream`:                                                                                "worker-closed",
		`[error] 8#8: *2 upstream prematurely closed connection while reading response header from upstream`:                                                                   "worker-closed",
		`[error] 8#8: *2 upstream prematurely closed FastCGI request while reading upstream`:                                                                                   "worker-closed",
		`[error] 8#8: *2 upstream sent too big header while reading response header from upstream`:                                                                             "header-too-big",
		`[error] 8#8: *2 no live upstreams while connecting to upstream`:                                                                                                       "no-live-upstream",
		`[error] 8#8: *2 upstream sent unsupported FastCGI protocol version: 72 while reading response header from upstream`:                                                   "protocol-mismatch",
		`[error] 8#8: *2 upstream sent invalid status "abc" while reading response header from upstream`:                                                                       "response-invalid",
		`[error] 8#8: *2 php.internal could not be resolved (3: Host not found)`:                                                                                               "name-unresolved",
		`[error] 8#8: *2 no resolver defined to resolve php.internal`:                                                                                                          "name-unresolved",
		`[error] 8#8: *2 no port in upstream "php"`:                                                                                                                            "address-invalid",
		`[error] 8#8: *2 upstream SSL certificate verify error: (18:self-signed certificate) while SSL handshaking to upstream`:                                                "tls-failed",
		`[crit] 8#8: *2 SSL_do_handshake() failed (SSL: error:0A000438:SSL routines::tlsv1 alert) while SSL handshaking to upstream`:                                           "tls-failed",
		`[alert] 8#8: *2 6 worker_connections are not enough while connecting to upstream`:                                                                                     "nginx-resources",
		`[alert] 8#8: *2 socket() failed (24: Too many open files) while connecting to upstream`:                                                                               "nginx-resources",
		`[crit] 8#8: *2 open() "/var/lib/nginx/fastcgi/1/00/0000000001" failed (13: Permission denied) while reading upstream`:                                                 "temp-denied",
		`[error] 8#8: *2 FastCGI sent in stderr: "Primary script unknown" while reading response header from upstream`:                                                         "script-unknown",
		`[error] 8#8: *2 FastCGI sent in stderr: "Access to the script '/a.php5' has been denied (see security.limit_extensions)" while reading response header from upstream`: "script-denied",
		`[error] 8#8: *2 FastCGI sent in stderr: "PHP message: PHP Fatal error:  Allowed memory size of 16777216 bytes exhausted" while reading response header from upstream`: "php-error",
		`[error] 8#8: *2 FastCGI sent in stderr: "PHP message: PHP Warning:  a in bPHP message: PHP Fatal error:  c" while reading response header from upstream`:              "php-error",
		`[info] 8#8: *2 epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream`:               "client-gone",
	} {
		c := readText(t, stampOf+message+tailOf+"\n")
		if len(c.events) != 1 || len(c.unknowns) != 0 {
			t.Errorf("%s\n%d events, unknown %q", message, len(c.events), c.unknowns)
			continue
		}
		e := c.events[0]
		if got := e.Message.cause.ID; got != want {
			t.Errorf("%s\nis %s, want %s", message, got, want)
		}
		if e.Server != "shop.example" || e.Upstream != "unix:/run/php/a.sock" || e.Scheme != "fastcgi" || e.URI != "/a.php" || e.Host != "www.shop.example" || e.Client != "127.0.0.1" || e.At != 1795220648 {
			t.Errorf("%s\nfields %+v", message, e)
		}
	}
}

func TestNginxNotUpstream(t *testing.T) {
	for _, message := range []string{
		`[error] 8#8: *2 open() "/var/www/connect() to upstream" failed (2: No such file or directory)`,
		`[error] 8#8: *2 access forbidden by rule`,
		`[error] 8#8: *2 "/var/www/while connecting to upstream/index.html" is not found (2: No such file or directory)`,
		`[error] 8#8: *2 user "upstream timed out (110: Connection timed out) while connecting to upstream" was not found in "/etc/htpasswd"`,
		`[notice] 8#8: signal 15 (SIGTERM) received from 1, exiting`,
	} {
		tail := `, client: 127.0.0.1, server: shop.example, request: "GET /upstream HTTP/1.1", host: "h"`
		c := readText(t, stampOf+message+tail+"\n")
		for _, e := range c.events {
			t.Errorf("%s\nis %s", message, e.Message.Cause)
		}
	}
}

// What a visitor writes cannot change what a line is about.
func TestNginxForgedFields(t *testing.T) {
	c := readText(t, stampOf+`[error] 8#8: *2 upstream sent too big header while reading response header from upstream, client: 10.0.0.1, server: a.example, request: "GET /",upstream:"fastcgi://evil HTTP/1.1", upstream: "fastcgi://127.0.0.1:9000", host: "a.example", referrer: "x", upstream: "fastcgi://unix:/evil:", host: "evil"`+"\n")
	e := c.events[0]
	if e.Upstream != "127.0.0.1:9000" || e.Host != "a.example" || e.Server != "a.example" {
		t.Errorf("upstream %q, host %q, server %q", e.Upstream, e.Host, e.Server)
	}
}

// PHP's message may have line feeds; lines in it are not nginx's.
func TestNginxStderrLines(t *testing.T) {
	c := readText(t, stampOf+`[error] 8#8: *2 FastCGI sent in stderr: "PHP message: PHP Fatal error:  Uncaught Exception: x in /a.php:1
`+stampOf+`[crit] 8#8: *2 connect() to unix:/evil failed (2: No such file or directory) while connecting to upstream
Stack trace:
#0 {main}" while reading response header from upstream`+tailOf+"\n"+
		stampOf+"[error] 8#8: *3 no live upstreams while connecting to upstream"+tailOf+"\n")
	var got []string
	for _, e := range c.events {
		got = append(got, e.Message.Cause+" "+e.URI)
	}
	if want := "php-error /a.php, no-live-upstream /a.php"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}

func TestNginxUnknown(t *testing.T) {
	c := readText(t, stampOf+`[error] 8#8: *2 upstream sang "la la" 17 times while reading response header from upstream`+tailOf+"\n"+
		stampOf+`[error] 8#8: *2 frobnicate() failed (5: Input/output error) while sending request to upstream`+tailOf+"\n")
	want := []string{`upstream sang "..." N times while reading response header from upstream`, `frobnicate() failed (5) while sending request to upstream`}
	if strings.Join(c.unknowns, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", c.unknowns, want)
	}
}

func TestLongLine(t *testing.T) {
	line := stampOf + `[error] 8#8: *2 no live upstreams while connecting to upstream` + tailOf + "\n"
	c := &collect{}
	r := &reader{source: &Source{}, sink: c, zone: time.UTC}
	long := strings.Repeat("x", 3*blockSize) + "\n" + line + strings.Repeat("upstream", blockSize/16) + "\n" + line + strings.Repeat("y", blockSize)
	if err := r.read(t.Context(), strings.NewReader(long)); err != nil {
		t.Fatal(err)
	}
	if len(c.events) != 2 || r.source.Cut != 3 || r.source.Lines != 5 {
		t.Errorf("%d events, %d cut, %d lines", len(c.events), r.source.Cut, r.source.Lines)
	}
}

// BenchmarkSlowLines reads lines made to be slow to read: repeated fields, quoted text with breaks,
// records without an end. Its time follows their length.
func BenchmarkSlowLines(b *testing.B) {
	fields := stampOf + "[error] 8#8: *2 upstream " + strings.Repeat(", client: 1.1.1.1", 3000) + "\n"
	stderr := stampOf + `[error] 8#8: *2 FastCGI sent in stderr: "` + strings.Repeat("x\n", 900) + strings.Repeat(", client: \n", 20)
	records := "[21-Nov-2026 00:24:08]  [pool www] pid 1\n" + strings.Repeat("[0x1] f() /a.php:1\n", 3000)
	text := strings.Repeat(fields, 10) + strings.Repeat(stderr, 200) + strings.Repeat(records, 5)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		readText(b, text)
	}
}
