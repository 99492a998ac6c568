package rules

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

//go:embed backup-config-included.md
var backupConfigIncludedDoc string

// BackupConfigIncluded reports copies of configuration files that a pattern takes in.
var BackupConfigIncluded = lint.Rule{
	ID:       "backup-config-included",
	Severity: lint.Warning,
	Family:   "start",
	Summary:  "an include takes in a backup copy",
	Doc:      backupConfigIncludedDoc,
	Check:    checkBackupConfigIncluded,
}

func checkBackupConfigIncluded(p *lint.Pass) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		for _, i := range m.Includes {
			reportBackups(p, i.Entry.ValueSpan, i.Entry.Value, i.Files)
		}
	}
	for _, c := range p.Stack.Nginx {
		for _, i := range c.Includes {
			reportBackups(p, i.Statement.ArgSpan(0), i.Statement.Arg(0), i.Files)
		}
	}
}

func reportBackups(p *lint.Pass, at source.Span, pattern string, files []*source.File) {
	if !source.HasMeta(pattern) {
		return // named on purpose
	}
	for _, f := range files {
		if !isBackup(strings.ToLower(path.Base(f.Path))) {
			continue
		}
		line, start := f.Line(1)
		p.Report(lint.Finding{
			Message: fmt.Sprintf("include %s takes in %s, which its name shows to be a copy: what was changed in the original may still be in effect", pattern, path.Base(f.Path)),
			Help:    "move the copy out of the directory, or let the pattern ask for *.conf",
			Span:    f.Span(start, start+len(line)),
			Related: []source.Related{{Span: at, Message: "included here"}},
		})
	}
}

// isBackup says whether editors, people or package managers name copies so. The name is in lower
// case.
func isBackup(name string) bool {
	for _, end := range []string{
		"~", ".bak", ".backup", ".bkp", ".old", ".orig", ".save", ".swp", ".copy", ".rej",
		".dpkg-old", ".dpkg-dist", ".dpkg-new", ".dpkg-bak", ".ucf-old", ".ucf-dist", ".rpmsave", ".rpmnew", ".rpmorig", ".pacsave", ".pacnew", ".apk-new",
	} {
		if strings.HasSuffix(name, end) || strings.HasSuffix(strings.TrimSuffix(name, ".conf"), end) {
			return true
		}
	}
	return false
}
