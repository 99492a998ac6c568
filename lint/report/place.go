package report

import "fpmlint/lint/source"

// place is a span in the words of reports: lines and columns count from 1, columns in bytes. What
// stands nowhere has no file.
type place struct {
	file                             string
	line, column, endLine, endColumn int
}

func placeOf(s source.Span) place {
	if s.IsZero() {
		return place{"", 1, 1, 1, 1}
	}
	from, to := s.Position(), s.EndPosition()
	return place{s.File.Display, from.Line, from.Column, to.Line, to.Column}
}
