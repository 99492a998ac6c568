package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"fpmlint/lint/audit"
	"fpmlint/lint/report"
)

// hostileFleet is a fleet in which every text tries to become markup, script, a formula or a terminal's
// command.
func hostileFleet(hosts, findings int) *audit.Report {
	const attack = `</script><script>document.title='owned'</script><img src=x onerror="document.title='owned'">` + "\x1b[31m\u202e{{.}}"
	r := &audit.Report{Version: 1, Findings: []audit.Finding{}, Outliers: []audit.Outlier{
		{Setting: attack, Group: attack, Majority: attack, Share: 0.9, Hosts: []audit.OutlierHost{{Name: "=cmd()", Value: attack}}},
	}}
	for i := range hosts {
		h := audit.Host{Name: fmt.Sprintf("web%d", i), Group: "web", Status: audit.OK, Summary: audit.Summary{Error: i % 3}}
		if i == 0 {
			h.Name, h.Status, h.Reason = "=cmd()"+attack, audit.Unreachable, attack
		}
		if i == 1 {
			h.Reason = "not all of it was read: " + attack
		}
		r.Hosts = append(r.Hosts, h)
	}
	severities := []string{"error", "warning", "info"}
	for i := range findings {
		f := audit.Finding{
			Rule: fmt.Sprintf("rule-%d", i%40), Severity: severities[i%3], Message: fmt.Sprintf("fault %d %s", i, attack), Help: attack, File: "/etc/" + attack, Line: 2,
			Frame: []audit.Line{{Number: 1, Text: attack}, {Number: 2, Text: "fastcgi_pass x;"}}, Diff: "-" + attack + "\n+good",
		}
		f.Hosts = []string{r.Hosts[i%hosts].Name}
		r.Findings = append(r.Findings, f)
	}
	return r
}

func auditAs(t *testing.T, format string, r *audit.Report) string {
	t.Helper()
	var b bytes.Buffer
	for _, f := range report.AuditFormats {
		if f.Name == format {
			if err := f.Write(&b, r, report.Options{Tool: report.Tool{Name: "fpmlint", Version: "1"}, Width: 100}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.String()
}

func TestAuditText(t *testing.T) {
	out := auditAs(t, "text", hostileFleet(100, 300))
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 100 || strings.ContainsAny(line, "\x1b\u202e") {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if strings.Count(out, "\n") > 160 || !strings.Contains(out, "result: 100 hosts, 1 of them not audited") || !strings.Contains(out, "    not all of it was read: ") {
		t.Errorf("the text is\n%s", out)
	}
}

// A long message is broken, not cut.
func TestAuditTextIsWhole(t *testing.T) {
	r := &audit.Report{Findings: []audit.Finding{{Rule: "slowlog", Severity: "info", Message: strings.Repeat("many words ", 30) + "and the end", File: "/etc/f", Line: 1, Hosts: []string{"web1"}}}}
	if out := auditAs(t, "text", r); !strings.Contains(strings.Join(strings.Fields(out), " "), "many words and the end") {
		t.Errorf("the message is cut:\n%s", out)
	}
}

func TestAuditSchema(t *testing.T) {
	schema := compile(t, report.AuditSchema)
	full := hostileFleet(3, 9)
	full.Drift = &audit.Drift{Since: "before.json", New: full.Findings[:1], Gone: []audit.Finding{}, Unchanged: 8}
	for name, r := range map[string]*audit.Report{"full": full, "empty": {Version: 1, Hosts: []audit.Host{}, Findings: []audit.Finding{}, Outliers: []audit.Outlier{}}} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(auditAs(t, "json", r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, wrong := range []string{`{"version": 2}`, `{"version":1,"hosts":[{"name":"x","group":"x","status":"up","summary":{"error":0,"warning":0,"info":0}}],"findings":[],"outliers":[]}`} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("the schema accepts %s", wrong)
		}
	}
}

func TestAuditCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(auditAs(t, "csv", hostileFleet(3, 9)))).ReadAll()
	if err != nil || len(rows) != 1+2+9 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
}

func TestAuditSARIF(t *testing.T) {
	var doc struct {
		Version string
		Runs    []struct {
			AutomationDetails struct{ ID string }
			Results           []any
			Invocations       []struct {
				ExecutionSuccessful        bool
				ToolExecutionNotifications []struct{ Level string }
			}
		}
	}
	if err := json.Unmarshal([]byte(auditAs(t, "sarif", hostileFleet(3, 9))), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != "2.1.0" || len(doc.Runs) != 3 || len(doc.Runs[1].Results) != 3 || doc.Runs[0].Invocations[0].ExecutionSuccessful || doc.Runs[1].AutomationDetails.ID != "fpmlint/web1" {
		t.Errorf("%+v", doc)
	}
	for i, want := range []string{"error", "warning", ""} {
		in, level := doc.Runs[i].Invocations[0], ""
		for _, n := range in.ToolExecutionNotifications {
			level += n.Level
		}
		if level != want || in.ExecutionSuccessful != (i > 0) {
			t.Errorf("run %d: %+v", i, in)
		}
	}
}

func TestAuditHTMLHasNoMarkupOfHosts(t *testing.T) {
	out := auditAs(t, "html", hostileFleet(50, 200))
	if strings.Count(out, "<script") != 2 || strings.Contains(out, "<img") || strings.ContainsAny(out, "\x1b\u202e") {
		t.Error("what a host says is markup of the page")
	}
	for _, outside := range []string{"http://", "https://", "src=\"", "@import", "url("} {
		if strings.Contains(strings.ReplaceAll(out, `\"`, ""), outside) && outside != "src=\"" {
			t.Errorf("the page asks for more: %s", outside)
		}
	}
}
