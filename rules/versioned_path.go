package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

//go:embed versioned-path.md
var versionedPathDoc string

// VersionedPath reports log files of one PHP version that are named for another.
var VersionedPath = lint.Rule{
	ID:       "versioned-path",
	Severity: lint.Warning,
	Family:   "upgrade",
	Summary:  "a log or session path names another PHP version",
	Doc:      versionedPathDoc,
	Check:    checkVersionedPath,
}

func checkVersionedPath(p *lint.Pass) {
	u := p.Stack.Upgrade
	if u == nil || !u.To.Serves() {
		return
	}
	for _, e := range u.To.Entries {
		if e.Unknown != "" || e.Key == "listen" || e.Key == "include" || !strings.Contains(e.Value, "/") {
			continue
		}
		for _, old := range u.From {
			moved := movedText(e.Value, old.Version, u.To.Version)
			if moved == e.Value {
				continue
			}
			key := e.Key
			if e.Index != "" {
				key += "[" + e.Index + "]"
			}
			f := lint.Finding{
				Message: fmt.Sprintf("%s = %s of PHP %s names PHP %s: its entries mix with the old version's, and end when that is removed", key, e.Value, u.To.Version, old.Version),
				Help:    "write " + moved,
				Span:    e.ValueSpan,
			}
			if editable(e.ValueSpan.File) {
				f.Fix = &lint.Fix{Description: fmt.Sprintf("%s = %s", key, moved), Edits: []source.Edit{{Span: e.ValueSpan, NewText: movedText(e.ValueSpan.Text(), old.Version, u.To.Version)}}}
			}
			p.Report(f)
			break
		}
	}
}
