package rules_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// long is a page of the length of its query.
const long = "-- www/long.php --\n<?php echo str_repeat('x', (int) $_SERVER['QUERY_STRING']);\n"

// slowly asks for a page and begins to read it only when the returned function is called, which
// tells the answer's length.
func slowly(t *testing.T, s *live.Server, path string) (read func() int) {
	t.Helper()
	c, err := net.Dial("unix", s.Path("http.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.0\r\nHost: bad.test\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	return func() int {
		data, _ := io.ReadAll(c) //nolint:errcheck // how much came before it was cut off counts
		_ = c.Close()
		return len(data)
	}
}

// held asks for a page while two visitors do not read theirs.
func held(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	for range 2 {
		defer slowly(t, s, "/long.php?3000000")()
	}
	time.Sleep(300 * time.Millisecond)
	return s.Get("bad.test", "/index.php")
}

// buffered says where nginx keeps a page for a slow visitor.
func buffered(t *testing.T, s *live.Server) (status int, where string) {
	t.Helper()
	before := strings.Count(s.Read("error.log"), "buffered to a temporary file")
	status, _ = s.Get("bad.test", "/long.php?50000")
	if strings.Count(s.Read("error.log"), "buffered to a temporary file") > before {
		return status, "file"
	}
	return status, "memory"
}

// foreign asks for a long page where the directories for such are another user's.
func foreign(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	for i := range 10 {
		if err := os.MkdirAll(s.Path(fmt.Sprintf("old/%d", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	read := slowly(t, s, "/long.php?3000000")
	time.Sleep(300 * time.Millisecond)
	if read() < 3000000 {
		return 500, "cut off"
	}
	return 200, "all"
}

func TestProofBuffers(t *testing.T) {
	prove(t, map[string]proof{
		"busy-buffers": {
			rule: "busy-buffers", archive: site("            fastcgi_buffer_size 32k; # want \"busy-buffers: \"\n", ""),
			refused: true, cured: ok,
		},
		"low-body-buffers": {
			rule: "low-body-buffers", severity: lint.Info,
			archive: site("            fastcgi_buffers 4 4k; # want \"low-body-buffers: \"\n            limit_rate 100k;\n", "") + long,
			ask:     buffered, broken: answer{200, "file"}, cured: answer{200, "memory"},
		},
		"buffering-off": {
			rule: "buffering-off", severity: lint.Warning,
			archive: site("            fastcgi_buffering off; # want \"buffering-off: \"\n            fastcgi_read_timeout 1s;\n", "") + long,
			ask:     held, broken: answer{status: 504}, cured: ok,
		},
		"temp-path": {
			rule: "temp-path", archive: site("            fastcgi_temp_path @DIR@/old 1 2; # want \"temp-path: \"\n", "") + long,
			silent: true, ask: foreign, broken: answer{500, "cut off"}, cured: answer{200, "all"}, hand: [3]string{"nginx.conf", "/old 1 2", "/new 1 2"},
		},
	})
}
