package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed error-log-level.md
var errorLogLevelDoc string

// ErrorLogLevel reports error logs that hide why hand-offs fail.
var ErrorLogLevel = lint.Rule{
	ID:       "error-log-level",
	Severity: lint.Warning,
	Family:   "observability",
	Summary:  "the error log hides why hand-offs fail",
	Doc:      errorLogLevelDoc,
	Check:    checkErrorLogLevel,
}

func checkErrorLogLevel(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		list, _ := h.Scope.EffectiveList("error_log")
		for _, d := range list {
			if hides(d) == "" {
				list = nil // one log that shows them is enough
				break
			}
		}
		for _, d := range list {
			f := lint.Finding{
				Message:  fmt.Sprintf("error_log %s", hides(d)),
				Help:     "log at level error, the default",
				Span:     d.Span(),
				Related:  []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}},
				Handoffs: []*stack.Handoff{h},
			}
			switch {
			case !editable(d.Src):
			case isLost(d):
				f.Help = "remove the line, so that the outer level's log is in effect, or name a file"
				f.Fix = &lint.Fix{Description: "remove error_log " + d.Arg(0), Edits: d.RemoveEdits()}
			default:
				f.Fix = &lint.Fix{Safe: true, Description: "log at level error", Edits: []source.Edit{{Span: d.ArgSpan(1), NewText: "error"}}}
			}
			p.Report(f)
		}
	}
}

// hides says which failures of a hand-off a log leaves out, "" where it has them all: nginx logs a
// missing or forbidden socket at crit, everything else at error (ngx_event_connect_peer,
// ngx_http_upstream_next).
func hides(d *nginx.Statement) string {
	switch level := d.Arg(1); {
	case d.Arg(0) == "/dev/null":
		return "/dev/null leaves no trace of any failed hand-off"
	case d.Arg(0) == "off":
		return "off is no switch: nginx writes to a file named off, where nobody looks"
	case level == "crit":
		return "at level crit hides refused, reset and timed-out hand-offs, which nginx logs at error"
	case level == "alert" || level == "emerg":
		return fmt.Sprintf("at level %s hides every failed hand-off: nginx logs them at error and crit", level)
	}
	return ""
}

// isLost says whether the log's target is the fault, not its level.
func isLost(d *nginx.Statement) bool { return d.Arg(0) == "/dev/null" || d.Arg(0) == "off" }
