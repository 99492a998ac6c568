package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed emergency-restart.md
var emergencyRestartDoc string

// EmergencyRestart reports masters that let crashing workers crash for ever.
var EmergencyRestart = lint.Rule{
	ID:       "emergency-restart",
	Severity: lint.Warning,
	Family:   "crashes",
	Summary:  "nothing restarts PHP-FPM when its workers crash",
	Doc:      emergencyRestartDoc,
	Check:    checkEmergencyRestart,
}

func checkEmergencyRestart(p *lint.Pass) {
	var found masterGroups
	for _, m := range p.Stack.Masters {
		if !m.Serves() || m.PoolsOnly {
			continue
		}
		threshold, interval := m.Global("emergency_restart_threshold"), m.Global("emergency_restart_interval")
		if why := threshold.Unknown + interval.Unknown; why != "" {
			p.Skip("%s: %s", m.Conf.Display, why)
			continue
		}
		if m.Blind {
			p.Skip("%s was not read", m.Conf.Display)
			continue
		}
		n, okN := m.GlobalInt("emergency_restart_threshold")
		seconds, okS := m.GlobalSeconds("emergency_restart_interval")
		if !okN || !okS || n > 0 && seconds > 0 {
			continue // a bad value is fpm-config's
		}
		f := lint.Finding{Span: globalSpan(m, threshold, interval)}
		switch {
		case n > 0:
			f.Message = fmt.Sprintf("emergency_restart_threshold = %d has no effect: emergency_restart_interval is %s", n, orUnset(interval))
		case seconds > 0:
			f.Message = fmt.Sprintf("emergency_restart_interval = %s has no effect: emergency_restart_threshold is %s", interval.Text, orUnset(threshold))
		default:
			f.Message = "emergency_restart_threshold and emergency_restart_interval are off: when workers crash over and over, for a broken opcache say, nothing restarts PHP-FPM"
		}
		f.Help = "set emergency_restart_threshold = 10, emergency_restart_interval = 1m and process_control_timeout = 10s in [global]; the restart is a reload, which without the last one cuts running requests off"
		if editable(m.Conf) {
			f.Fix = &lint.Fix{Safe: true, Description: "restart PHP-FPM after 10 crashes within a minute", Edits: restartEdits(m, n, seconds)}
		} else {
			f.Help += generatedNote(m.Conf)
		}
		found.add(p, m, !threshold.IsDefault || !interval.IsDefault, f)
	}
	found.report(p)
}

func restartEdits(m *fpm.Master, threshold, interval int) []source.Edit {
	var edits []source.Edit
	if threshold == 0 {
		edits = append(edits, m.SetEdits("emergency_restart_threshold", "10")...)
	}
	if interval == 0 {
		edits = append(edits, m.SetEdits("emergency_restart_interval", "1m")...)
	}
	if s, ok := m.GlobalSeconds("process_control_timeout"); ok && s == 0 {
		edits = append(edits, m.SetEdits("process_control_timeout", "10s")...)
	}
	return mergeInserts(edits)
}

// mergeInserts joins insertions at one place into one, in order: a fix's edits must not overlap.
func mergeInserts(edits []source.Edit) []source.Edit {
	var out []source.Edit
	for _, e := range edits {
		i := slices.IndexFunc(out, func(o source.Edit) bool { return o.Span == e.Span && e.Span.Start == e.Span.End })
		if i >= 0 {
			text := e.NewText
			if header, rest, _ := strings.Cut(text, "]"); strings.HasPrefix(header, "[") && strings.HasPrefix(out[i].NewText, header+"]") {
				text = strings.TrimLeft(rest, "\r\n") // the section is opened already
			}
			out[i].NewText += text
			continue
		}
		out = append(out, e)
	}
	return out
}

func orUnset(s fpm.Setting) string {
	if s.IsDefault {
		return "not set"
	}
	return s.Text
}

// globalSpan is where a finding about the global section stands: at a setting that is there, else
// at the section's header, else at the file's first line.
func globalSpan(m *fpm.Master, settings ...fpm.Setting) source.Span {
	for _, s := range settings {
		if !s.Span.IsZero() {
			return s.Span
		}
	}
	if h := m.GlobalHeader(); !h.IsZero() {
		return h
	}
	line, start := m.Conf.Line(1)
	return m.Conf.Span(start, start+len(line))
}
