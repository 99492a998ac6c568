package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint"
	"fpmlint/lint/report"
	"fpmlint/lint/source"
)

// frames are places as the text report draws them: the line, and marks below the span.
var frames = []struct {
	name, text, mark string
	want             string
}{
	{"tabs count as four columns", "\tlisten\t80;\n", "80", `
 --> f:1:9
  |
1 |     listen    80;
  |               ^^
`},
	{"Windows' line ends are not shown", "a\r\nlisten 80;\r\n", "80", `
 --> f:2:8
  |
2 | listen 80;
  |        ^^
`},
	{"the last line has no end", "a\nlisten 80;", "80;", `
 --> f:2:8
  |
2 | listen 80;
  |        ^^^
`},
	{"a span over several lines is marked on its first", "log_format a 'b\n  c';\n", "'b\n  c'", `
 --> f:1:14
  |
1 | log_format a 'b
  |              ^^
`},
	{"an empty span has one mark", "a\n", "", `
 --> f:1:1
  |
1 | a
  | ^
`},
	{"columns are bytes in the position and characters in the frame", "# äöü 80\n", "80", `
 --> f:1:10
  |
1 | # äöü 80
  |       ^^
`},
	{"control characters are shown and marked as they are shown", "a \x1b[31m;\n", "\x1b[31m", `
 --> f:1:3
  |
1 | a \x1b[31m;
  |   ^^^^^^^^
`},
	{"invalid bytes and marks that turn text around", "a \xff\u202eb c\n", "c", `
 --> f:1:9
  |
1 | a \xff\u202eb c
  |               ^
`},
}

func TestFrames(t *testing.T) {
	for _, c := range frames {
		t.Run(c.name, func(t *testing.T) {
			f := source.NewFile("/f", []byte(c.text))
			f.Display = "f"
			at := strings.Index(c.text, c.mark)
			got := text(t, f.Span(at, at+len(c.mark)))
			if diff := cmp.Diff("error[test]: m"+c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLongLine: of a line of a megabyte, what is around the span is shown.
func TestLongLine(t *testing.T) {
	line := strings.Repeat("ä", 1<<18) + " fault " + strings.Repeat("ö", 1<<18)
	f := source.NewFile("/f", []byte(line))
	at := strings.Index(line, "fault")
	got := text(t, f.Span(at, at+len("fault")))
	lines := strings.Split(got, "\n")
	shown, marks := []rune(lines[3]), []rune(lines[4])
	if len(got) > 1000 || !strings.Contains(lines[3], "...ä") || !strings.HasSuffix(lines[3], "ö...") {
		t.Fatalf("%d bytes: %.300s", len(got), got)
	}
	i := strings.IndexRune(string(marks), '^')
	if n := len([]rune(string(marks)[:i])); string(shown[n:n+5]) != "fault" || strings.Count(lines[4], "^") != 5 {
		t.Errorf("the marks are elsewhere:\n%s", got)
	}
	// A span as long as the line ends where the window does.
	if got := text(t, f.Span(0, len(line))); len(got) > 1000 {
		t.Errorf("%d bytes", len(got))
	}
}

func text(t *testing.T, at source.Span) string {
	t.Helper()
	r := &lint.Result{Findings: []lint.Finding{{Rule: "test", Severity: lint.Error, Message: "m", Span: at}}}
	var b strings.Builder
	if err := report.Formats[0].Write(&b, r, report.Options{Quiet: true}); err != nil {
		t.Fatal(err)
	}
	_, finding, _ := strings.Cut(b.String(), "\n\n") // after the file's own line
	finding, _, _ = strings.Cut(finding, "  = more")
	return finding
}
