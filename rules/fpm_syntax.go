package rules

import (
	_ "embed"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed fpm-syntax.md
var fpmSyntaxDoc string

// FPMSyntax reports lines that PHP's INI grammar refuses.
var FPMSyntax = lint.Rule{
	ID:       "fpm-syntax",
	Severity: lint.Error,
	Family:   "start",
	Summary:  "PHP's INI grammar refuses the file",
	Doc:      fpmSyntaxDoc,
	Check:    checkFPMSyntax,
}

func checkFPMSyntax(p *lint.Pass) {
	reportProblems(p, source.Syntax)
	skipTemplates(p, p.Stack.FPMTemplates)
	for _, m := range p.Stack.Masters {
		skipTemplates(p, m.Problems)
	}
}

// noStart is what every fault of an FPM file ends in.
const noStart = "php-fpm does not start with this, and a running one dies at its next reload, with all its pools"

func reportProblems(p *lint.Pass, kinds ...source.Kind) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		for _, problem := range m.Problems {
			for _, kind := range kinds {
				if problem.Kind == kind {
					help := noStart
					if kind == source.Limit {
						help = "php-fpm itself would not come up with this: lint it in parts"
					}
					if name := fpm.Unequal(problem); name != "" {
						help = "put = after " + name + ": " + help
					}
					p.Report(lint.Finding{
						Message: problem.Message, Help: help,
						Span: problem.Span, Related: problem.Related, Fix: mend(problem),
					})
				}
			}
		}
	}
}

// mend is the fix that a reader knows for a problem; nil where it knows none, or a file is
// generated.
func mend(problem source.Problem) *lint.Fix {
	if len(problem.Edits) == 0 {
		return nil
	}
	for _, e := range problem.Edits {
		if !editable(e.Span.File) {
			return nil
		}
	}
	return &lint.Fix{Safe: true, Description: "the nearest numbers that PHP-FPM takes", Edits: mergeInserts(problem.Edits)}
}
