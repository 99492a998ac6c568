package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed pool-hash-comment.md
var poolHashCommentDoc string

// PoolHashComment reports lines that PHP 5 took for comments and that keep PHP-FPM from starting
// since PHP 7.
var PoolHashComment = lint.Rule{
	ID:       "pool-hash-comment",
	Severity: lint.Error,
	Family:   "start",
	Summary:  "a line begins with #, which is no comment since PHP 7",
	Doc:      poolHashCommentDoc,
	Check:    checkPoolHashComment,
}

// php5Comments are parts of the comments that the pool files of PHP 5 came with, and no later ones.
var php5Comments = []string{"A value of '-1' means unlimited", "Default Value: 128 (-1 on FreeBSD", "Default Value: 65535 (-1 on FreeBSD"}

func checkPoolHashComment(p *lint.Pass) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		lines := map[*source.File][]source.Problem{}
		for _, problem := range m.Problems {
			if f := problem.Span.File; problem.Kind == source.HashComment {
				lines[f] = append(lines[f], problem)
			}
		}
		for _, f := range m.Files {
			if len(lines[f]) > 0 {
				reportHashComments(p, m, f, lines[f])
			}
		}
	}
}

// reportHashComments makes one finding of a file's lines: FPM stops at the first.
func reportHashComments(p *lint.Pass, m *fpm.Master, file *source.File, lines []source.Problem) {
	first := lines[0]
	f := lint.Finding{
		Message: fmt.Sprintf("the line begins with #, which is no comment since PHP 7: %s", first.Message),
		Help:    "begin comments with ; : " + noStart,
		Span:    first.Span,
	}
	if n := len(lines) - 1; n > 0 {
		f.Message += fmt.Sprintf(" (and %s more)", plural(n, "line"))
	}
	if m.Version == "" && (m.Family == "rhel" || p.Stack.Loose && m.Comments(php5Comments...)) {
		// The PHP of CentOS 7 is 5.4, at the same place as its successors'. Snapshots hold no comments.
		f.Severity = lint.Warning
	}
	if !editable(file) {
		f.Help += generatedNote(file)
		p.Report(f)
		return
	}
	fix := &lint.Fix{Safe: true, Description: "begin the comment with ;"}
	for _, problem := range lines {
		at := problem.Span.Start
		fix.Edits = append(fix.Edits, source.Edit{Span: file.Span(at, at+1), NewText: ";"})
	}
	f.Fix = fix
	p.Report(f)
}
