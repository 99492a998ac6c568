package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

// maxLine is the number of bytes of a source line that are shown around a span.
const maxLine = 120

// Text prints findings with the lines they are about, then a summary.
func Text(w io.Writer, r *lint.Result, o Options) error {
	t := &text{w: bufio.NewWriter(w), explained: map[string]bool{}}
	t.bold, t.dim = t.style(o, color.Bold), t.style(o, color.FgBlue)
	t.severity = map[lint.Severity]func(string) string{
		lint.Error:   t.style(o, color.FgRed, color.Bold),
		lint.Warning: t.style(o, color.FgYellow, color.Bold),
		lint.Info:    t.style(o, color.FgCyan, color.Bold),
	}
	for i := range r.Findings {
		t.finding(&r.Findings[i])
	}
	if !o.Quiet {
		t.summary(r)
	}
	return t.w.Flush()
}

type text struct {
	w         *bufio.Writer
	bold, dim func(string) string
	severity  map[lint.Severity]func(string) string
	explained map[string]bool
}

func (t *text) style(o Options, attributes ...color.Attribute) func(string) string {
	if !o.Color {
		return func(s string) string { return s }
	}
	c := color.New(attributes...)
	c.EnableColor()
	return func(s string) string { return c.Sprint(s) }
}

// line prints one line; a write error stays in the writer until Flush.
func (t *text) line(format string, args ...any) {
	fmt.Fprintf(t.w, format+"\n", args...) //nolint:errcheck // bufio keeps the error
}

func (t *text) finding(f *lint.Finding) {
	paint := t.severity[f.Severity]
	t.line("%s: %s", paint(fmt.Sprintf("%s[%s]", f.Severity, f.Rule)), t.bold(Escape(f.Message)))
	width := len(strconv.Itoa(placeOf(f.Span).line))
	for _, r := range f.Related {
		width = max(width, len(strconv.Itoa(placeOf(r.Span).line)))
	}
	if !f.Span.IsZero() {
		t.frame(f.Span, width, "-->", paint, "")
	}
	shown := map[source.Span]bool{f.Span: true}
	for _, r := range f.Related {
		if !r.Span.IsZero() && !shown[r.Span] {
			shown[r.Span] = true
			t.frame(r.Span, width, ":::", t.dim, r.Message)
		}
	}
	pad := strings.Repeat(" ", width)
	note := func(kind, text string) { t.line("%s %s %s: %s", pad, t.dim("="), t.bold(kind), Escape(text)) }
	if len(f.Handoffs) > 1 {
		note("hand-offs", handoffs(f))
	}
	if f.Help != "" {
		note("help", f.Help)
	}
	if f.Fix != nil {
		note("fix", fmt.Sprintf("%s (%s)", f.Fix.Description, applicability(f.Fix)))
	}
	if !t.explained[f.Rule] {
		t.explained[f.Rule] = true
		note("more", "fpmlint explain "+f.Rule)
	}
	t.line("")
}

// handoffs names the hand-offs that a finding touches, some of many.
func handoffs(f *lint.Finding) string {
	const most = 5
	var names []string
	for i, h := range f.Handoffs {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(f.Handoffs)-most))
			break
		}
		names = append(names, h.Scope.Label())
	}
	return fmt.Sprintf("%d touched: %s", len(f.Handoffs), strings.Join(names, "; "))
}

// frame prints a place with its line and the span underlined.
func (t *text) frame(s source.Span, width int, arrow string, paint func(string) string, message string) {
	p := s.Position()
	pad := strings.Repeat(" ", width)
	t.line("%s%s %s:%d:%d", pad, t.dim(arrow), Escape(s.File.Display), p.Line, p.Column)
	line, start := s.File.Line(p.Line)
	from, to := s.Start-start, min(s.End-start, len(line))
	shown, from, to := window(string(line), min(from, len(line)), to)
	before, marked := Escape(shown[:from]), Escape(shown[from:to])
	t.line("%s %s", pad, t.dim("|"))
	t.line("%s %s %s", t.dim(fmt.Sprintf("%*d", width, p.Line)), t.dim("|"), expand(before+marked+Escape(shown[to:])))
	mark := strings.Repeat("^", max(1, columns(expand(before+marked))-columns(expand(before))))
	if message != "" {
		mark += " " + Escape(message)
	}
	t.line("%s %s %s%s", pad, t.dim("|"), strings.Repeat(" ", columns(expand(before))), paint(mark))
}

// window cuts a very long line around the span.
func window(line string, from, to int) (shown string, start, end int) {
	to = max(from, to)
	if len(line) <= maxLine {
		return line, from, to
	}
	begin := max(0, from-maxLine/3)
	stop := min(len(line), begin+maxLine)
	for begin > 0 && !utf8.RuneStart(line[begin]) {
		begin--
	}
	for stop < len(line) && !utf8.RuneStart(line[stop]) {
		stop++
	}
	to = min(to, stop)
	head, tail := "", ""
	if begin > 0 {
		head = "..."
	}
	if stop < len(line) {
		tail = "..."
	}
	return head + line[begin:stop] + tail, from - begin + len(head), to - begin + len(head)
}

func expand(s string) string { return strings.ReplaceAll(s, "\t", "    ") }

func columns(s string) int { return utf8.RuneCountInString(s) }

func (t *text) summary(r *lint.Result) {
	var files, pools, fpmFiles, handoffs int
	for _, s := range r.Stacks {
		for _, c := range s.Nginx {
			files += len(c.Files)
		}
		for _, m := range s.Masters {
			fpmFiles += len(m.Files)
			pools += len(m.Pools)
		}
		handoffs += len(s.Handoffs)
	}
	t.line("%s: %s, %s, %s", t.bold("result"), count(r.Count(lint.Error), "error"), count(r.Count(lint.Warning), "warning"), count(r.Count(lint.Info), "info"))
	t.line("checked: %s and %s of nginx, %s and %s of PHP-FPM", count(files, "file"), count(handoffs, "hand-off"), count(fpmFiles, "file"), count(pools, "pool"))
	t.skipped(r)
}

// skipped lists what could not be judged, each reason once with the rules that it silenced.
func (t *text) skipped(r *lint.Result) {
	var reasons []string
	rules := map[string][]string{}
	for _, s := range r.Skipped {
		if rules[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		have := rules[s.Reason]
		if len(have) == 0 || have[len(have)-1] != s.Rule {
			rules[s.Reason] = append(have, s.Rule)
		}
	}
	const most = 12
	for i, reason := range reasons {
		if i == most {
			t.line("skipped: %s more; --format json lists them", count(len(reasons)-most, "reason"))
			return
		}
		t.line("skipped: %s (%s)", Escape(reason), strings.Join(rules[reason], ", "))
	}
}

func count(n int, noun string) string {
	if n == 1 || noun == "info" {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
