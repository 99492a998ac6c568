package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

// Tool names the program in reports.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type document struct {
	Version  int       `json:"version"`
	Tool     Tool      `json:"tool"`
	Stacks   []stackJS `json:"stacks"`
	Findings []finding `json:"findings"`
	Skipped  []skip    `json:"skipped"`
	Summary  summary   `json:"summary"`
}

type stackJS struct {
	Name       string `json:"name"`
	Root       string `json:"root"`
	NginxFiles int    `json:"nginxFiles"`
	FPMFiles   int    `json:"fpmFiles"`
	Handoffs   int    `json:"handoffs"`
	Pools      int    `json:"pools"`
}

type finding struct {
	Rule        string        `json:"rule"`
	Severity    lint.Severity `json:"severity"`
	Stack       string        `json:"stack"`
	Message     string        `json:"message"`
	Help        string        `json:"help,omitempty"`
	File        string        `json:"file"`
	Line        int           `json:"line"`
	Column      int           `json:"column"`
	EndLine     int           `json:"endLine"`
	EndColumn   int           `json:"endColumn"`
	Related     []related     `json:"related"`
	Handoffs    []handoff     `json:"handoffs"`
	Fix         *fix          `json:"fix,omitempty"`
	Fingerprint string        `json:"fingerprint"`
}

type related struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

type handoff struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Label string `json:"label"`
}

type fix struct {
	Applicability string `json:"applicability"`
	Description   string `json:"description"`
	Edits         []edit `json:"edits"`
}

type edit struct {
	File    string `json:"file"`
	Start   int    `json:"start"`
	End     int    `json:"end"`
	NewText string `json:"newText"`
}

type skip struct {
	Rule   string `json:"rule"`
	Stack  string `json:"stack"`
	Reason string `json:"reason"`
}

type summary struct {
	Error      int `json:"error"`
	Warning    int `json:"warning"`
	Info       int `json:"info"`
	Suppressed int `json:"suppressed"`
	Baseline   int `json:"baseline"`
}

// JSON prints one document for other programs. Lists are never null.
func JSON(w io.Writer, r *lint.Result, tool Tool) error {
	d := document{
		Version: 1, Tool: tool,
		Stacks: []stackJS{}, Findings: make([]finding, 0, len(r.Findings)), Skipped: []skip{},
		Summary: summary{Error: r.Count(lint.Error), Warning: r.Count(lint.Warning), Info: r.Count(lint.Info)},
	}
	for _, s := range r.Stacks {
		js := stackJS{Name: s.Name, Root: s.RootName, Handoffs: len(s.Handoffs), Pools: len(s.Pools())}
		for _, c := range s.Nginx {
			js.NginxFiles += len(c.Files)
		}
		for _, m := range s.Masters {
			js.FPMFiles += len(m.Files)
		}
		d.Stacks = append(d.Stacks, js)
	}
	seen := map[string]int{}
	for i := range r.Findings {
		d.Findings = append(d.Findings, findingJS(&r.Findings[i], seen))
	}
	for _, s := range r.Skipped {
		d.Skipped = append(d.Skipped, skip(s))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

func findingJS(f *lint.Finding, seen map[string]int) finding {
	p, end := f.Span.Position(), f.Span.EndPosition()
	js := finding{
		Rule: f.Rule, Severity: f.Severity, Stack: f.Stack, Message: f.Message, Help: f.Help,
		File: f.Span.File.Display, Line: p.Line, Column: p.Column, EndLine: end.Line, EndColumn: end.Column,
		Related: []related{}, Handoffs: []handoff{}, Fingerprint: fingerprint(f, seen),
	}
	for _, r := range f.Related {
		if r.Span.IsZero() {
			continue
		}
		at := r.Span.Position()
		js.Related = append(js.Related, related{r.Span.File.Display, at.Line, at.Column, r.Message})
	}
	for _, h := range f.Handoffs {
		s := h.Pass.Span()
		js.Handoffs = append(js.Handoffs, handoff{s.File.Display, s.Position().Line, h.Scope.Label()})
	}
	if f.Fix != nil {
		js.Fix = fixJS(f.Fix)
	}
	return js
}

func fixJS(f *lint.Fix) *fix {
	js := &fix{Applicability: "unsafe", Description: f.Description, Edits: []edit{}}
	if f.Safe {
		js.Applicability = "safe"
	}
	for _, e := range f.Edits {
		js.Edits = append(js.Edits, edit{e.Span.File.Display, e.Span.Start, e.Span.End, e.NewText})
	}
	return js
}

// fingerprint names a finding so that it is known again after unrelated edits: by the rule, the
// path inside the root, what the flagged text says and where it stands, not by its line.
// Equal ones are counted.
func fingerprint(f *lint.Finding, seen map[string]int) string {
	label := ""
	if len(f.Handoffs) > 0 {
		label = f.Handoffs[0].Scope.Label()
	}
	key := strings.Join([]string{f.Rule, f.Span.File.Path, label, normal(f.Span)}, "\x00")
	n := seen[key]
	seen[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, n))
	return hex.EncodeToString(sum[:16])
}

func normal(s source.Span) string { return strings.Join(strings.Fields(s.Text()), " ") }
