package report

import (
	_ "embed"
	"io"
	"unicode/utf8"

	"fpmlint/lint"
)

// Schema is the JSON Schema of what JSON prints.
//
//go:embed schema.json
var Schema []byte

type document struct {
	Version  int       `json:"version"`
	Tool     Tool      `json:"tool"`
	Stacks   []stackJS `json:"stacks"`
	Findings []finding `json:"findings"`
	Skipped  []skip    `json:"skipped"`
	Stale    []known   `json:"staleBaseline"`
	Summary  summary   `json:"summary"`
}

// known is an entry of a baseline.
type known struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	File        string `json:"file"`
	Message     string `json:"message"`
}

func knownJS(list []lint.Known) []known {
	out := make([]known, 0, len(list))
	for _, k := range list {
		out = append(out, known{k.Fingerprint, k.Rule, valid(k.File), valid(k.Message)})
	}
	return out
}

// Baseline prints a baseline, which lint.ReadBaseline reads, with text that a review of changes can
// show.
func Baseline(w io.Writer, b *lint.Baseline) error {
	return encode(w, struct {
		Version  int     `json:"version"`
		Findings []known `json:"findings"`
	}{b.Version, knownJS(b.Findings)})
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

// writeJSON prints one document for other programs. Lists are never null.
func writeJSON(w io.Writer, r *lint.Result, tool Tool) error {
	d := document{
		Version: 1, Tool: tool,
		Stacks: []stackJS{}, Findings: make([]finding, 0, len(r.Findings)), Skipped: []skip{},
		Stale: knownJS(r.Stale), Summary: summary{
			Error: r.Count(lint.Error), Warning: r.Count(lint.Warning), Info: r.Count(lint.Info),
			Suppressed: r.Suppressed, Baseline: r.Known,
		},
	}
	for _, s := range r.Stacks {
		js := stackJS{Name: valid(s.Name), Root: valid(s.RootName), Handoffs: len(s.Handoffs), Pools: len(s.Pools())}
		for _, c := range s.Nginx {
			js.NginxFiles += len(c.Files)
		}
		for _, m := range s.Masters {
			js.FPMFiles += len(m.Files)
		}
		d.Stacks = append(d.Stacks, js)
	}
	for i := range r.Findings {
		d.Findings = append(d.Findings, findingJS(&r.Findings[i]))
	}
	for _, s := range r.Skipped {
		d.Skipped = append(d.Skipped, skip{s.Rule, valid(s.Stack), valid(s.Reason)})
	}
	return encode(w, d)
}

func findingJS(f *lint.Finding) finding {
	at := placeOf(f.Span)
	js := finding{
		Rule: f.Rule, Severity: f.Severity, Stack: valid(f.Stack), Message: valid(f.Message), Help: valid(f.Help),
		File: valid(at.file), Line: at.line, Column: at.column, EndLine: at.endLine, EndColumn: at.endColumn,
		Related: []related{}, Handoffs: []handoff{}, Fix: fixJS(f.Fix), Fingerprint: f.Fingerprint,
	}
	for _, r := range f.Related {
		if !r.Span.IsZero() {
			at := placeOf(r.Span)
			js.Related = append(js.Related, related{valid(at.file), at.line, at.column, valid(r.Message)})
		}
	}
	for _, h := range f.Handoffs {
		at := placeOf(h.Pass.Span())
		js.Handoffs = append(js.Handoffs, handoff{valid(at.file), at.line, valid(h.Scope.Label())})
	}
	return js
}

// fixJS is nil where there is no fix, or where JSON cannot hold its bytes.
func fixJS(f *lint.Fix) *fix {
	if f == nil || !textual(f) {
		return nil
	}
	js := &fix{Applicability: applicability(f), Description: valid(f.Description), Edits: []edit{}}
	for _, e := range f.Edits {
		js.Edits = append(js.Edits, edit{e.Span.File.Display, e.Span.Start, e.Span.End, e.NewText})
	}
	return js
}

// textual says whether all that a fix names and writes is UTF-8: a program that applied the fix
// from a report would otherwise write something else.
func textual(f *lint.Fix) bool {
	for _, e := range f.Edits {
		if !utf8.ValidString(e.NewText) || !utf8.ValidString(e.Span.File.Display) {
			return false
		}
	}
	return true
}

func applicability(f *lint.Fix) string {
	if f.Safe {
		return "safe"
	}
	return "unsafe"
}
