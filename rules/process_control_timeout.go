package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
)

//go:embed process-control-timeout.md
var processControlTimeoutDoc string

// ProcessControlTimeout reports masters that cut running requests off at each reload.
var ProcessControlTimeout = lint.Rule{
	ID:       "process-control-timeout",
	Severity: lint.Warning,
	Family:   "crashes",
	Summary:  "every reload of PHP-FPM cuts running requests off",
	Doc:      processControlTimeoutDoc,
	Check:    checkProcessControlTimeout,
}

func checkProcessControlTimeout(p *lint.Pass) {
	var found masterGroups
	for _, m := range p.Stack.Masters {
		if !m.Serves() || m.PoolsOnly {
			continue
		}
		s := m.Global("process_control_timeout")
		n, ok := m.GlobalSeconds("process_control_timeout")
		switch {
		case !ok:
			p.Skip("%s: %s", m.Conf.Display, s.Unknown)
			continue
		case n > 0:
			continue
		case s.IsDefault && !m.Complete():
			p.Skip("%s was not read completely", m.Conf.Display)
			continue
		}
		f := lint.Finding{
			Message: fmt.Sprintf("process_control_timeout is %s: each reload of PHP-FPM kills the workers at once, and their requests end in a 502", orUnset(s)),
			Help:    "set process_control_timeout = 10s in [global]; it must stay below the service manager's own limit, 90s for systemd",
			Span:    globalSpan(m, s),
		}
		at := m.Conf
		if !s.Span.IsZero() {
			at = s.Span.File
		}
		if editable(at) {
			f.Fix = &lint.Fix{Safe: true, Description: "let requests end for 10 seconds", Edits: m.SetEdits("process_control_timeout", "10s")}
		} else {
			f.Help += generatedNote(at)
		}
		found.add(p, m, !s.IsDefault, f)
	}
	found.report(p)
}
