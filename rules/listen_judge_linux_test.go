package rules_test

import (
	"strings"
	"testing"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// TestListensAgainstFPM holds listen-form to PHP-FPM's start: it speaks where PHP-FPM refuses an
// address or listens elsewhere, and only there.
func TestListensAgainstFPM(t *testing.T) {
	t.Parallel()
	live.Programs(t)
	port := live.Ports(t, 1)[0]
	for _, listen := range []string{
		port, "127.0.0.1:" + port, "127.0.0.1:0" + port, "[::1]:" + port, "[::]:" + port, "0.0.0.0:" + port, "localhost:" + port, "*:" + port, ":" + port,
		"0", "127.0.0.1:0", "70000", "127.0.0.1:70000", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:" + port + "x", "::1:" + port, "[::1:" + port,
		"@DIR@/a.sock", "@DIR@//a.sock", `"@DIR@/a.sock"`, "unix:@DIR@/a.sock", "unix://@DIR@/a.sock", "unix:a.sock", "@DIR@/" + strings.Repeat("a", 120),
		"tcp://127.0.0.1:" + port, "-" + port, "@DIR@/a:b.sock",
	} {
		s := live.Prepare(t, site("", "listen = "+listen)+live.Scripts)
		out, err := s.TryAll()
		found := ""
		for _, f := range lintLive(t, s, rule(t, "listen-form")).Findings {
			if f.Severity == lint.Error {
				found += f.Message
			}
		}
		s.Stop()
		refused := err != nil || strings.Contains(listen, "aaa") // such a path is cut off
		if refused != (found != "") {
			t.Errorf("listen = %s: PHP-FPM refuses it: %v, found: %q\n%s", listen, refused, found, out)
		}
	}
}
