package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fatih/color"

	"fpmlint/lint/logs"
)

// DiagnoseText prints each incident: the answer in one sentence, then what shows it.
func DiagnoseText(w io.Writer, r *logs.Report, o Options) error {
	t := newDiagnosisText(w, o)
	for n, i := range r.Incidents {
		t.incident(n+1, i)
	}
	t.summary(r)
	return t.w.Flush()
}

// IncidentText prints one incident.
func IncidentText(w io.Writer, i *logs.Incident, o Options) error {
	t := newDiagnosisText(w, o)
	t.incident(0, i)
	return t.w.Flush()
}

type diagnosisText struct {
	text
	quiet     bool
	red, cyan func(string) string
}

func newDiagnosisText(w io.Writer, o Options) *diagnosisText {
	t := &diagnosisText{text: text{w: bufio.NewWriter(w)}, quiet: o.Quiet}
	t.bold, t.dim = t.style(o, color.Bold), t.style(o, color.FgBlue)
	t.red, t.cyan = t.style(o, color.FgRed, color.Bold), t.style(o, color.FgCyan, color.Bold)
	return t
}

func (t *diagnosisText) incident(n int, i *logs.Incident) {
	paint := t.cyan
	if i.Cause.Failed {
		paint = t.red
	}
	head := ""
	if n > 0 {
		head = fmt.Sprintf("%d. ", n)
	}
	t.line("%s%s: %s", head, paint(i.Cause.ID), t.bold(Escape(answer(i))))
	field := func(name, format string, args ...any) {
		t.line("   %s %s", t.dim(fmt.Sprintf("%-10s", name)), Escape(fmt.Sprintf(format, args...)))
	}
	if i.Server != "" {
		field("server", "%s", i.Server)
	}
	if i.Site != nil && i.Site.Handoff != nil {
		at := i.Site.Handoff.Pass.Span()
		field("hand-off", "%s:%d (%s)", at.File.Display, at.Position().Line, i.Site.Handoff.Scope.Label())
	}
	if at := i.PoolSpan(); !at.IsZero() {
		field("pool", "%s at %s:%d", i.Site.Pools[0].Name, at.File.Display, at.Position().Line)
	} else if len(i.Pools) > 0 {
		field("pool", "%s", strings.Join(i.Pools, ", "))
	}
	for _, x := range i.Explained {
		field("because", "%s at %s:%d: %s", x.Rule, x.Span.File.Display, x.Span.Position().Line, x.Message)
	}
	field("to do", "%s", i.Advice())
	if fix := i.Fix(); fix != "" {
		field("mend it", "%s", fix)
	}
	if len(i.Bars) > 1 {
		field("over time", "%s one bar is %s from %s", bars(i.Bars), shortly(i.Width), moment(i.Start))
	}
	for _, list := range []struct {
		name   string
		counts []logs.Count
	}{{"requests", i.Requests}, {"hosts", i.Hosts}, {"clients", i.Clients}, {"waits in", i.Traces}} {
		if len(list.counts) > 0 {
			field(list.name, "%s", counted(list.counts))
		}
	}
	for _, e := range i.Evidence {
		field("evidence", "%s:%d: %s", e.Log, e.Line, e.Text)
	}
	t.line("")
}

// answer is an incident in one sentence.
func answer(i *logs.Incident) string {
	var b strings.Builder
	b.WriteString(i.Sentence())
	switch {
	case i.Count > 0:
		fmt.Fprintf(&b, "; %s", count(i.Count, "request"))
		if len(i.Statuses) > 0 {
			b.WriteString(" got " + statuses(i.Statuses))
		}
	default:
		fmt.Fprintf(&b, "; %s", count(i.Events, "message"))
	}
	switch {
	case i.First.IsZero():
	case i.First.Equal(i.Last):
		fmt.Fprintf(&b, " at %s", moment(i.First))
	default:
		fmt.Fprintf(&b, " from %s to %s", moment(i.First), moment(i.Last))
	}
	fmt.Fprintf(&b, " (%s)", i.Confidence)
	return b.String()
}

func statuses(list []int) string {
	var out []string
	for _, s := range list {
		switch s {
		case 200:
			out = append(out, "200 cut short")
		default:
			out = append(out, fmt.Sprint(s))
		}
	}
	return strings.Join(out, ", ")
}

func moment(t time.Time) string { return t.Format("2006-01-02 15:04:05") }

// shortly is a bar's width in its largest unit.
func shortly(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= u.unit && d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name)
		}
	}
	return d.String()
}

// counted names the most frequent, some of many.
func counted(list []logs.Count) string {
	const most = 5
	var out []string
	for n, c := range list {
		if n == most {
			out = append(out, "...")
			break
		}
		out = append(out, fmt.Sprintf("%s (%d)", c.Name, c.Count))
	}
	return strings.Join(out, ", ")
}

// bars draws counts in one line.
func bars(counts []int) string {
	const steps = " ▁▂▃▄▅▆▇█"
	highest := 1
	for _, n := range counts {
		highest = max(highest, n)
	}
	var b strings.Builder
	for _, n := range counts {
		b.WriteRune([]rune(steps)[(n*8+highest-1)/highest])
	}
	return b.String()
}

func (t *diagnosisText) summary(r *logs.Report) {
	const most = 10
	for n, u := range r.Unknown {
		if n == most {
			t.line("unknown: %s more; --format json lists them", count(len(r.Unknown)-most, "kind"))
			break
		}
		t.line("unknown: %s (%d), first at %s:%d", Escape(u.Message), u.Count, Escape(u.Log), u.Line)
	}
	if t.quiet {
		return
	}
	failed := 0
	for _, i := range r.Incidents {
		if i.Cause.Failed {
			failed += i.Count
		}
	}
	t.line("%s: %s, %s failed, %s in %s read", t.bold("result"), count(len(r.Incidents), "incident"),
		count(failed, "request"), count(r.Lines, "line"), count(len(r.Sources), "log"))
	if r.Cut > 0 {
		t.line("cut: %s too long to be read whole", count(r.Cut, "line"))
	}
}
