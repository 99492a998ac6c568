package fastcgi

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fpmlint/testdata/live"
)

// answer runs Ask against a peer that reads the request and writes the given bytes.
func answer(t *testing.T, reply []byte) (int, http.Header, []byte, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, server := net.Pipe()
	defer client.Close() //nolint:errcheck // a test
	go func() {
		defer server.Close() //nolint:errcheck // a test
		request, _ := encode(map[string]string{"A": "b"})
		if _, err := server.Read(make([]byte, len(request))); err == nil {
			_, _ = server.Write(reply)
		}
	}()
	return Ask(ctx, client, map[string]string{"A": "b"})
}

func TestAnswers(t *testing.T) {
	end := appendRecord(nil, endRequest, make([]byte, 8))
	out := func(s string) []byte { return appendRecord(nil, stdoutRecord, []byte(s)) }
	full := appendRecord(nil, endRequest, []byte{0, 0, 0, 0, 2, 0, 0, 0})
	for name, c := range map[string]struct {
		reply  []byte
		status int
		body   string
		stderr string
		err    error
	}{
		"no status":     {reply: append(out("X-A: b\r\n\r\nhello"), end...), status: 200, body: "hello"},
		"status":        {reply: append(out("Status: 404 Not Found\r\n\r\nno"), end...), status: 404, body: "no"},
		"two records":   {reply: append(append(out("Sta"), out("tus: 500\r\n\r\nx")...), end...), status: 500, body: "x"},
		"stderr":        {reply: append(append(appendRecord(nil, stderrRecord, []byte("oops")), out("A: b\r\n\r\n")...), end...), status: 200, stderr: "oops"},
		"empty":         {reply: end, status: 200},
		"closed":        {reply: out("X-A: b\r\n\r\nhello"), err: ErrClosed, body: "X-A: b\r\n\r\nhello"},
		"cut record":    {reply: out("X-A: b\r\n\r\nhello")[:12], err: ErrClosed},
		"http":          {reply: []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), err: ErrProtocol},
		"another type":  {reply: appendRecord(nil, 99, nil), err: ErrProtocol},
		"overloaded":    {reply: full, err: ErrOverloaded},
		"longer than 1": {reply: bytes.Repeat(out("A: b\r\n\r\n"+strings.Repeat("x", 60000)), 20), status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, body, stderr, err := answer(t, c.reply)
			if status != c.status || stderr != c.stderr || !errors.Is(err, c.err) {
				t.Errorf("status %d, stderr %q, error %v", status, stderr, err)
			}
			if name != "longer than 1" && string(body) != c.body || len(body) > maxStdout {
				t.Errorf("body of %d bytes: %.50q", len(body), body)
			}
		})
	}
}

func TestInvalidStatus(t *testing.T) {
	reply := append(appendRecord(nil, stdoutRecord, []byte("Status: abc\r\n\r\n")), appendRecord(nil, endRequest, make([]byte, 8))...)
	if _, _, _, _, err := answer(t, reply); err == nil || !strings.Contains(err.Error(), `"abc"`) {
		t.Errorf("error %v", err)
	}
}

func TestTooLongParameter(t *testing.T) {
	if _, err := encode(map[string]string{"A": strings.Repeat("x", maxContent)}); err == nil {
		t.Error("a parameter that fits no record is encoded")
	}
}

func TestContextEnds(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close() //nolint:errcheck // a test
	defer server.Close() //nolint:errcheck // a test
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, _, _, err := Ask(ctx, client, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the deadline's", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(append(appendRecord(nil, stdoutRecord, []byte("Status: 200\r\n\r\nx")), appendRecord(nil, endRequest, make([]byte, 8))...))
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		stdout, stderr, err := read(bytes.NewReader(b))
		if len(stdout) > maxStdout || len(stderr) > maxStderr {
			t.Fatalf("%d and %d bytes kept", len(stdout), len(stderr))
		}
		if err == nil {
			_, _, _, _ = parse(stdout)
		}
	})
}

// startFPM runs a real PHP-FPM with one pool on a unix socket, or skips. Where FPMLINT_LIVE is
// set, as in CI, it must be there.
func startFPM(t *testing.T) (string, string) {
	t.Helper()
	program := live.FPM(t)
	dir, err := os.MkdirTemp("", "fcgi")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "a.sock")
	user := ""
	if os.Getuid() == 0 {
		user = "user = nobody\n"
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	conf := "[global]\nerror_log = " + dir + "/log\ndaemonize = no\n[www]\n" + user + "listen = " + socket +
		"\npm = static\npm.max_children = 1\nping.path = /ping\nping.response = here\n"
	if err := os.WriteFile(dir+"/fpm.conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-n", "-y", dir+"/fpm.conf")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }) // killed, it would leave its workers
	for range 600 {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return dir, socket
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("PHP-FPM does not listen")
	return "", ""
}

func TestRealFPM(t *testing.T) {
	dir, socket := startFPM(t)
	script := filepath.Join(dir, "a.php")
	code := `<?php header('X-Long: '.(strlen($_SERVER['LONG'])+strlen($_SERVER['LONGER']))); http_response_code(418); fwrite(fopen('php://stderr','w'), 'x'); error_log('to the log'); echo 'tea';`
	if err := os.WriteFile(script, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	ask := func(params map[string]string) (int, http.Header, string, string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // a test
		params["REQUEST_METHOD"] = "GET"
		status, header, body, stderr, err := Ask(ctx, conn, params)
		if err != nil {
			t.Fatal(err)
		}
		return status, header, string(body), stderr
	}
	if status, _, body, _ := ask(map[string]string{"SCRIPT_NAME": "/ping", "SCRIPT_FILENAME": "/ping"}); status != 200 || body != "here" {
		t.Errorf("ping: %d %q", status, body)
	}
	if status, _, _, stderr := ask(map[string]string{"SCRIPT_FILENAME": dir + "/none.php"}); status != 404 || stderr != "Primary script unknown" {
		t.Errorf("missing script: %d, stderr %q", status, stderr)
	}
	status, header, body, stderr := ask(map[string]string{"SCRIPT_FILENAME": script, "LONG": strings.Repeat("x", 40000), "LONGER": strings.Repeat("x", 60000)})
	if status != 418 || header.Get("X-Long") != "100000" || body != "tea" || !strings.Contains(stderr, "to the log") {
		t.Errorf("script: %d %v %q, stderr %q", status, header, body, stderr)
	}
}
