package report

import (
	"path/filepath"

	"fpmlint/lint/source"
)

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

// file names a file below the repository's top by its path there, any other as text does.
func (o Options) file(f *source.File) string {
	if o.Top == "" || f.Disk == "" {
		return f.Display
	}
	rel, err := filepath.Rel(o.Top, f.Disk)
	if err != nil || !filepath.IsLocal(rel) {
		return f.Display
	}
	return filepath.ToSlash(rel)
}

// placeOf is the place of a span in a forge's report.
func (o Options) placeOf(s source.Span) place {
	p := placeOf(s)
	if s.File != nil && p.file != "" {
		p.file = o.file(s.File)
	}
	return p
}
