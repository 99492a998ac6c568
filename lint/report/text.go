package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

// maxLine is the number of bytes of a source line that are shown around a span, minLine that on
// a narrow terminal.
const (
	maxLine = 120
	minLine = 30
)

// writeText prints findings with the lines they are about, then a summary.
func writeText(w io.Writer, r *lint.Result, o Options) error {
	t := &text{w: bufio.NewWriter(w), width: o.Width, explained: map[string]bool{}}
	t.bold, t.dim = t.style(o, color.Bold), t.style(o, color.FgBlue)
	t.severity = map[lint.Severity]func(string) string{
		lint.Error:   t.style(o, color.FgRed, color.Bold),
		lint.Warning: t.style(o, color.FgYellow, color.Bold),
		lint.Info:    t.style(o, color.FgCyan, color.Bold),
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; i == 0 || placeOf(f.Span).file != placeOf(r.Findings[i-1].Span).file {
			t.file(r.Findings[i:])
		}
		t.finding(&r.Findings[i])
	}
	if !o.Quiet {
		t.summary(r)
		t.next(r, o)
	}
	return t.w.Flush()
}

type text struct {
	w         *bufio.Writer
	width     int
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

// prose prints a text behind a head that takes some columns, broken to the width and indented.
func (t *text) prose(head string, used, indent int, text string, paint func(string) string) {
	for i, l := range wrap(Escape(text), t.width, used, indent) {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		t.line("%s%s", head, paint(l))
	}
}

func unpainted(s string) string { return s }

// file heads the findings of a file, which are the first of the list.
func (t *text) file(list []lint.Finding) {
	name := placeOf(list[0].Span).file
	numbers := map[lint.Severity]int{}
	for i := range list {
		if placeOf(list[i].Span).file != name {
			break
		}
		numbers[list[i].Severity]++
	}
	var parts []string
	for _, s := range []lint.Severity{lint.Error, lint.Warning, lint.Info} {
		if n := numbers[s]; n > 0 {
			parts = append(parts, count(n, s.String()))
		}
	}
	t.line("%s: %s", t.bold(cmp.Or(Escape(name), "no file")), strings.Join(parts, ", "))
	t.line("")
}

func (t *text) finding(f *lint.Finding) {
	paint := t.severity[f.Severity]
	head := fmt.Sprintf("%s[%s]", f.Severity, f.Rule)
	t.prose(paint(head)+": ", len(head)+2, 2, f.Message, t.bold)
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
	note := func(kind, text string) {
		indent := width + len(kind) + 5
		t.prose(fmt.Sprintf("%s %s %s: ", pad, t.dim("="), t.bold(kind)), indent, indent, text, unpainted)
	}
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
	room := maxLine
	if t.width >= minWidth {
		room = max(minLine, min(maxLine, t.width-width-9)) // the number, the bar and two ellipses
	}
	shown, from, to := window(line, min(from, len(line)), to, room)
	before, marked := Escape(shown[:from]), Escape(shown[from:to])
	t.line("%s %s", pad, t.dim("|"))
	t.line("%s %s %s", t.dim(fmt.Sprintf("%*d", width, p.Line)), t.dim("|"), expand(before+marked+Escape(shown[to:])))
	indent := columns(expand(before))
	mark := strings.Repeat("^", max(1, columns(expand(before+marked))-indent))
	message = Escape(message)
	if used := width + 3 + indent + len(mark); message != "" && (t.width < minWidth || used+1+columns(message) <= t.width) {
		mark, message = mark+" "+message, ""
	}
	t.line("%s %s %s%s", pad, t.dim("|"), strings.Repeat(" ", indent), paint(mark))
	if message != "" {
		for _, l := range wrap(message, t.width, width+3, width+3) {
			t.line("%s %s %s", pad, t.dim("|"), paint(l))
		}
	}
}

// window cuts a very long line around the span.
func window(line []byte, from, to, room int) (shown string, start, end int) {
	to = max(from, to)
	if len(line) <= room {
		return string(line), from, to
	}
	begin := max(0, from-room/3)
	stop := min(len(line), begin+room)
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
	return head + string(line[begin:stop]) + tail, from - begin + len(head), to - begin + len(head)
}

func expand(s string) string { return strings.ReplaceAll(s, "\t", "    ") }

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
	if r.Suppressed > 0 {
		t.line("suppressed: %s by comments and the policy file", count(r.Suppressed, "finding"))
	}
	if r.Known > 0 {
		t.line("baseline: %s left out", count(r.Known, "known finding"))
	}
	for i, k := range r.Stale {
		if i == maxReasons {
			t.line("stale: %d more; --format json lists them", len(r.Stale)-maxReasons)
			break
		}
		t.prose("", 0, 2, fmt.Sprintf("stale: the baseline's %s in %s is found no more: %s", k.Rule, k.File, k.Message), unpainted)
	}
	t.skipped(r)
}

// maxReasons bounds the lists of the summary.
const maxReasons = 12

// next says what to do about the findings.
func (t *text) next(r *lint.Result, o Options) {
	var safe, advice, unsafe int
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case f.Fix == nil || slices.ContainsFunc(f.Fix.Edits, func(e source.Edit) bool { return e.Span.File.Disk == "" }):
		case !f.Fix.Safe:
			unsafe++
		case f.Severity == lint.Info:
			advice++
		default:
			safe++
		}
	}
	if len(r.Findings) == 0 {
		return
	}
	if o.Fix == "" || safe+advice+unsafe == 0 {
		t.line("%s: fpmlint explain %s says what to do", t.bold("next"), r.Findings[0].Rule)
		return
	}
	text := fmt.Sprintf("%s would mend %d of %d", Escape(o.Fix), safe, len(r.Findings))
	if advice > 0 {
		text += fmt.Sprintf("; with --level info %d more", advice)
	}
	if unsafe > 0 {
		text += fmt.Sprintf("; with --unsafe %d more", unsafe)
	}
	t.line("%s: %s", t.bold("next"), text)
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
	for i, reason := range reasons {
		if i == maxReasons {
			t.line("skipped: %s more; --format json lists them", count(len(reasons)-maxReasons, "reason"))
			return
		}
		t.prose("", 0, 2, fmt.Sprintf("skipped: %s (%s)", reason, strings.Join(rules[reason], ", ")), unpainted)
	}
}

func count(n int, noun string) string {
	if n == 1 || noun == "info" {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
