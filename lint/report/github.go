package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"fpmlint/lint"
)

// GitHub shows at most ten annotations of a kind for a step, and a message of at most 64 KB
// (docs.github.com, "Workflow commands" and "REST API: check runs").
const (
	maxAnnotations = 10
	maxMessage     = 64 << 10
)

var githubKinds = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "notice"}

// writeGitHub prints workflow commands, which GitHub Actions turns into annotations of a pull request's
// lines. The gravest findings come first; those beyond GitHub's limit are lines of the log.
func writeGitHub(w io.Writer, r *lint.Result, o Options) error {
	b := bufio.NewWriter(w)
	findings := slices.Clone(r.Findings)
	slices.SortStableFunc(findings, func(x, y lint.Finding) int { return int(y.Severity) - int(x.Severity) })
	shown := map[lint.Severity]int{}
	for i := range findings {
		f := &findings[i]
		if shown[f.Severity]++; shown[f.Severity] <= maxAnnotations {
			githubCommand(b, f, o.placeOf(f.Span))
			continue
		}
		at := o.placeOf(f.Span)
		fmt.Fprintf(b, "%s[%s]: %s:%d:%d: %s\n", f.Severity, f.Rule, Escape(at.file), at.line, at.column, Escape(f.Message)) //nolint:errcheck // bufio keeps the error
	}
	return b.Flush()
}

func githubCommand(b *bufio.Writer, f *lint.Finding, at place) {
	properties := fmt.Sprintf("line=%d,endLine=%d", at.line, at.endLine)
	if at.line == at.endLine { // GitHub refuses columns of a place on several lines
		properties += fmt.Sprintf(",col=%d,endColumn=%d", at.column, at.endColumn)
	}
	if at.file != "" {
		properties = "file=" + githubProperty(at.file) + "," + properties
	}
	message := f.Message
	if f.Help != "" {
		message += "\n" + f.Help
	}
	if len(message) > maxMessage/4 { // escaping makes at most four of one byte
		message = message[:maxMessage/4]
	}
	fmt.Fprintf(b, "::%s %s,title=%s::%s\n", githubKinds[f.Severity], properties, githubProperty("fpmlint "+f.Rule), githubData(message)) //nolint:errcheck // bufio keeps the error
}

// githubData escapes a command's message as the runner undoes it. Line feeds may stay in it; other
// control characters would drive a terminal that shows the log.
func githubData(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.ReplaceAll(Escape(l), "%", "%25")
	}
	return strings.Join(lines, "%0A")
}

func githubProperty(s string) string {
	return strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C").Replace(Escape(s))
}
