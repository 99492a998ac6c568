package rules_test

import (
	"strings"
	"sync"
	"testing"

	"fpmlint/testdata/live"
)

// TestProofPages holds the log lines of pages whose faults are mended under load elsewhere.
func TestProofPages(t *testing.T) {
	t.Parallel()
	server := live.PHPServer
	s := live.Start(t, live.Site("    upstream pinned {\n        server unix:@DIR@/pinned.sock;\n        keepalive 8;\n    }\n"+
		server("missing.test", "unix:@DIR@/missing.sock", "")+
		server("closed.test", "unix:@DIR@/closed.sock", "")+
		server("headers.test", "unix:@DIR@/ok.sock", "            fastcgi_buffer_size 4k;\n")+
		server("pins.test", "pinned", "            fastcgi_keep_conn on;\n")+
		server("pinned.test", "unix:@DIR@/pinned.sock", "            fastcgi_read_timeout 1s;\n")+
		strings.Replace(server("script.test", "unix:@DIR@/ok.sock", ""), "fastcgi_param SCRIPT_FILENAME", "fastcgi_param OTHER", 1))+
		live.Master("php", "", live.Pool("ok", "ok.sock", "")+live.Pool("pinned", "pinned.sock", "")+live.Pool("closed", "closed.sock", "listen.mode = 0600\nlisten.owner = root"))+
		live.Scripts)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() { s.Get("pins.test", "/wait.php?500") })
	}
	group.Wait()
	for _, c := range []struct {
		host, path string
		status     int
		rule       string
	}{
		{"missing.test", "/index.php", 502, "socket-mismatch"},
		{"closed.test", "/index.php", 502, "listen-permissions"},
		{"headers.test", "/big.php", 502, "low-header-buffer"},
		{"script.test", "/index.php", 404, "script-filename"},
		{"pinned.test", "/index.php", 504, "keepalive-pins-workers"},
	} {
		if status, body := s.Get(c.host, c.path); status != c.status {
			t.Errorf("%s: status %d %q, want %d", c.rule, status, body, c.status)
		}
		wantPageLines(t, s, rule(t, c.rule), "", "")
	}
}
