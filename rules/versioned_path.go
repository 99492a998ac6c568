package rules

import (
	_ "embed"
	"fmt"
	"path"
	"slices"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
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
	u := newMove(p.Stack)
	if u == nil {
		return
	}
	lines := slices.Clone(u.To.Entries)
	for _, name := range []string{"error_log", "session.save_path"} {
		if e, ok := u.To.IniSetting(name); ok {
			lines = append(lines, e)
		}
	}
	for _, e := range lines {
		if e.Unknown != "" || !path.IsAbs(e.Value) || !isLog(e) && e.Key != "pid" && e.Index != "session.save_path" && e.Key != "session.save_path" {
			continue
		}
		for _, old := range u.From {
			if moved := u.text(old, e.Value); moved != e.Value {
				reportVersioned(p, u, old, e, moved)
				break
			}
		}
	}
}

func reportVersioned(p *lint.Pass, u *move, old *fpm.Master, e *fpm.Entry, moved string) {
	f := lint.Finding{
		Message: fmt.Sprintf("%s = %s of PHP %s names PHP %s: it is shared with the old version, and its place may go when that is removed", withIndex(e), e.Value, u.To.Version, old.Version),
		Help:    "write " + moved,
		Span:    e.ValueSpan,
	}
	switch written := u.value(old, e); {
	case written == e.ValueSpan.Text():
		f.Help = fmt.Sprintf("make %s, and write %s", path.Dir(moved), moved)
	case editable(e.ValueSpan.File):
		f.Fix = &lint.Fix{Description: fmt.Sprintf("%s = %s", withIndex(e), moved), Edits: []source.Edit{{Span: e.ValueSpan, NewText: written}}}
	default:
		f.Help += generatedNote(e.ValueSpan.File)
	}
	p.Report(f)
}
