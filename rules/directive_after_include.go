package rules

import (
	"bytes"
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed directive-after-include.md
var directiveAfterIncludeDoc string

// DirectiveAfterInclude reports pool settings that land in a pool by accident.
var DirectiveAfterInclude = lint.Rule{
	ID:       "directive-after-include",
	Severity: lint.Warning,
	Family:   "start",
	Summary:  "a setting lands in a pool that another file opened",
	Doc:      directiveAfterIncludeDoc,
	Check:    checkDirectiveAfterInclude,
}

// run is a file's lines that stand in one section of another file.
type run struct {
	file   *source.File
	header source.Span
}

func checkDirectiveAfterInclude(p *lint.Pass) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() || m.PoolsOnly {
			continue
		}
		included := map[*source.File]bool{} // files with an include before the line at hand
		runs := map[run][]*fpm.Entry{}
		var order []run
		after := map[run]bool{}
		for _, e := range m.Entries {
			if e.Key == "include" {
				included[e.Span.File] = true
				continue
			}
			if e.Adrift.IsZero() {
				continue
			}
			r := run{e.Span.File, e.Adrift}
			if len(runs[r]) == 0 {
				order = append(order, r)
				after[r] = included[r.file]
			}
			runs[r] = append(runs[r], e)
		}
		for _, r := range order {
			reportAdrift(p, runs[r], r, after[r])
		}
	}
}

func reportAdrift(p *lint.Pass, entries []*fpm.Entry, r run, after bool) {
	first := entries[0]
	what := first.Key
	if n := len(entries) - 1; n > 0 {
		what += fmt.Sprintf(" (and %s more)", plural(n, "line"))
	}
	why := "its file has no [section] before it"
	if after {
		why = "it stands after an include"
	}
	f := lint.Finding{
		Message: fmt.Sprintf("%s is set in pool %s, which %s opened: %s, and PHP-FPM keeps the last section open", what, first.Section, place(r.header), why),
		Help:    fmt.Sprintf("put it before the include, or below a header of its own: [%s] where that pool is meant", first.Section),
		Span:    first.Span,
		Related: []source.Related{{Span: r.header, Message: "the section that is open"}},
	}
	if editable(r.file) {
		_, start := r.file.Line(first.Span.Position().Line)
		f.Fix = &lint.Fix{
			Description: fmt.Sprintf("say that [%s] is meant", first.Section),
			Edits:       []source.Edit{{Span: r.file.Span(start, start), NewText: "[" + first.Section + "]" + lineEnd(r.file)}},
		}
	}
	p.Report(f)
}

// lineEnd is the line ending that a file uses.
func lineEnd(f *source.File) string {
	if bytes.Contains(f.Data, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
