package lint

import (
	"strings"
	"testing"
	"time"

	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// FuzzSuppression reads comments in files of both kinds: names and spans are those of the text, and
// what is no suppression has a fault.
func FuzzSuppression(f *testing.F) {
	for _, s := range []string{
		"a b; # fpmlint:ignore x-y reason\n", "; fpmlint:ignore a, b until=2027-01-31 reason\nlisten = 1\n", "# fpmlint:ignore\n", "# fpmlint:",
		"#fpmlint:ignore a until=x y", "; fpmlint:ignore a,,b c", "# fpmlint:ignore a until=2020-01-01 x\r\n\r\na b;", "#\tfpmlint:ignore\ta\tb", "; fpmlint:ignoreall a b",
	} {
		f.Add([]byte(s))
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		file := source.NewFile("/f", data)
		var last block
		for _, comment := range append(nginx.Parse(file).Marks, fpm.Marks(file, "8.2")...) {
			s := parseSuppression(comment, now)
			if comment.Start < 0 || comment.End > len(data) || !strings.Contains(comment.Text(), "fpmlint:") {
				t.Fatalf("%q: comment %q", data, comment.Text())
			}
			if s.Fault == "" && len(s.Rules) == 0 {
				t.Errorf("%q suppresses nothing, and has no fault", comment.Text())
			}
			for _, r := range s.Rules {
				if r.ID == "" || r.Span.Text() != r.ID {
					t.Errorf("%q: rule %q at %q", comment.Text(), r.ID, r.Span.Text())
				}
			}
			line := s.target(&last)
			if alone := s.target(&block{}); line != alone {
				t.Errorf("%q is about line %d, by itself about %d", comment.Text(), line, alone)
			}
			if line < 0 || line > strings.Count(string(data), "\n")+1 {
				t.Errorf("%q is about line %d", comment.Text(), line)
			}
		}
	})
}
