package report

import (
	"cmp"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"fpmlint/lint"
	"fpmlint/lint/audit"
)

// AuditSchema is the JSON Schema of the audit's json format.
//
//go:embed audit_schema.json
var AuditSchema []byte

// AuditFormat is one way to print an audit.
type AuditFormat struct {
	Name  string
	Write func(io.Writer, *audit.Report, Options) error
}

// AuditFormats are all ways to print an audit, the default first.
var AuditFormats = []AuditFormat{
	{"text", writeAuditText},
	{"json", func(w io.Writer, r *audit.Report, _ Options) error { return encode(w, r) }},
	{"sarif", writeAuditSARIF},
	{"csv", writeAuditCSV},
	{"html", writeAuditHTML},
}

// Bounds of the text, which is to fit a terminal: the other formats have all.
const (
	textHosts    = 20
	textFindings = 20
	textNames    = 6
)

// writeAuditText prints the worst hosts and the findings that most hosts have.
func writeAuditText(w io.Writer, r *audit.Report, o Options) error {
	t := &auditText{width: cmp.Or(o.Width, 100)}
	t.hosts(r)
	t.findings("findings", r.Findings)
	if len(r.Outliers) > 0 {
		t.head("settings that differ from the group's", len(r.Outliers), textFindings)
		for _, out := range r.Outliers[:min(len(r.Outliers), textFindings)] {
			var odd []string
			for _, h := range out.Hosts {
				odd = append(odd, fmt.Sprintf("%s has %s", h.Name, valueText(h.Value)))
			}
			t.line("  %s: %s = %s on %.0f %%; %s", out.Group, out.Setting, valueText(out.Majority), out.Share*100, few(odd))
		}
		t.line("")
	}
	if d := r.Drift; d != nil {
		t.findings("new since "+d.Since, d.New)
		t.findings("gone since "+d.Since, d.Gone)
		t.line("unchanged since %s: %d", d.Since, d.Unchanged)
	}
	if !o.Quiet {
		var s audit.Summary
		failed := 0
		for _, h := range r.Hosts {
			s.Error += h.Summary.Error
			s.Warning += h.Summary.Warning
			s.Info += h.Summary.Info
			if h.Status != audit.OK {
				failed++
			}
		}
		t.line("result: %s, %d of them not audited: %s, %s, %d info", count(len(r.Hosts), "host"), failed, count(s.Error, "error"), count(s.Warning, "warning"), s.Info)
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

type auditText struct {
	b     strings.Builder
	width int
}

// line prints one line that fits.
func (t *auditText) line(format string, args ...any) {
	runes := []rune(Escape(fmt.Sprintf(format, args...)))
	if len(runes) > t.width {
		runes = append(runes[:t.width-3], '.', '.', '.')
	}
	t.b.WriteString(string(runes) + "\n")
}

// wrapped prints a text that may take several lines: a message is no use without its end.
func (t *auditText) wrapped(indent, text string) {
	for _, l := range wrap(text, t.width, len(indent), len(indent)) {
		t.line("%s%s", indent, l)
	}
}

func (t *auditText) head(what string, n, shown int) {
	if n > shown {
		t.line("%s (%d of %d; --format html or json has all):", what, shown, n)
		return
	}
	t.line("%s (%d):", what, n)
}

func (t *auditText) hosts(r *audit.Report) {
	t.head("hosts, the worst first", len(r.Hosts), textHosts)
	for _, h := range r.Hosts[:min(len(r.Hosts), textHosts)] {
		if h.Status != audit.OK {
			t.line("  %-24s %s: %s", h.Name, h.Status, h.Reason)
			continue
		}
		t.line("  %-24s %3d error %3d warning %3d info", h.Name, h.Summary.Error, h.Summary.Warning, h.Summary.Info)
		if h.Reason != "" {
			t.wrapped("    ", Escape(h.Reason))
		}
	}
	t.line("")
}

func (t *auditText) findings(what string, list []audit.Finding) {
	t.head(what, len(list), textFindings)
	for _, f := range list[:min(len(list), textFindings)] {
		t.line("  %s[%s] on %d: %s", f.Severity, f.Rule, len(f.Hosts), few(f.Hosts))
		t.wrapped("    ", Escape(fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)))
	}
	t.line("")
}

func few(names []string) string {
	if len(names) > textNames {
		return strings.Join(names[:textNames], ", ") + fmt.Sprintf(", and %d more", len(names)-textNames)
	}
	return strings.Join(names, ", ")
}

func valueText(v string) string {
	if v == "" {
		return "nothing"
	}
	return v
}

// writeAuditCSV prints one line for each finding on each host. Cells that a spreadsheet would take for
// a formula begin with an apostrophe.
func writeAuditCSV(w io.Writer, r *audit.Report, _ Options) error {
	c := csv.NewWriter(w)
	err := c.Write([]string{"host", "group", "status", "severity", "rule", "file", "line", "message", "help"})
	groups := map[string]string{}
	for _, h := range r.Hosts {
		groups[h.Name] = h.Group
		if h.Status != audit.OK || h.Reason != "" {
			err = errors.Join(err, c.Write(cells(h.Name, h.Group, h.Status, "", "", "", "", h.Reason, "")))
		}
	}
	for _, f := range r.Findings {
		for _, h := range f.Hosts {
			err = errors.Join(err, c.Write(cells(h, groups[h], audit.OK, f.Severity, f.Rule, f.File, strconv.Itoa(f.Line), f.Message, f.Help)))
		}
	}
	c.Flush()
	return errors.Join(err, c.Error())
}

func cells(values ...string) []string {
	for i, v := range values {
		v = Escape(v)
		values[i] = v
		if v != "" && strings.ContainsAny(v[:1], "=+-@\t\r") {
			values[i] = "'" + v
		}
	}
	return values
}

// writeAuditSARIF prints SARIF 2.1.0 with one run for each host.
func writeAuditSARIF(w io.Writer, r *audit.Report, o Options) error {
	report, err := sarif.New(sarif.Version210)
	if err != nil {
		return err
	}
	runs := map[string]*sarif.Run{}
	for _, h := range r.Hosts {
		driver := sarif.NewSimpleTool(o.Tool.Name).Driver.WithVersion(o.Tool.Version)
		run := sarif.NewRun(*sarif.NewTool(driver))
		run.Results = []*sarif.Result{}
		run.AutomationDetails = sarif.NewRunAutomationDetails().WithID("fpmlint/" + valid(h.Name))
		in := sarif.NewInvocation().WithExecutionSuccess(h.Status == audit.OK)
		if h.Status != audit.OK || h.Reason != "" {
			level := "error"
			if h.Status == audit.OK {
				level = "warning"
			}
			in.ToolExecutionNotifications = append(in.ToolExecutionNotifications, sarif.NewNotification().
				WithLevel(level).WithTextMessage(sarifText(h.Status+": "+h.Reason)))
		}
		run.AddInvocations(in)
		runs[h.Name] = run
		report.AddRun(run)
	}
	for _, f := range r.Findings {
		level, _ := lint.ParseSeverity(f.Severity)
		for _, h := range f.Hosts {
			if runs[h] == nil {
				continue
			}
			result := sarif.NewRuleResult(f.Rule).WithLevel(sarifLevels[level]).WithMessage(sarif.NewTextMessage(sarifText(f.Message)))
			result.PartialFingerprints = map[string]any{"fpmlint/v1": f.Fingerprint}
			if f.File != "" {
				result.AddLocation(sarif.NewLocationWithPhysicalLocation(sarif.NewPhysicalLocation().
					WithArtifactLocation(sarif.NewArtifactLocation().WithUri((&url.URL{Scheme: "file", Path: f.File}).String())).
					WithRegion(sarif.NewRegion().WithStartLine(max(1, f.Line)))))
			}
			runs[h].AddResult(result)
		}
	}
	return encode(w, report)
}
