package nginx

import (
	"sync"

	"fpmlint/lint/source"
)

// File is one parsed file.
type File struct {
	Source     *source.File
	Statements []*Statement
	// Problems are what nginx's grammar refuses. Statements before the fault are kept.
	Problems []source.Problem
	// Marks are the comments that begin with fpmlint:.
	Marks []source.Span

	includes []*Statement
	// size is the number of statements on all levels, simple that of the directives on the outermost
	// one, blocks that of statements with a body, tokens that of the statements' words.
	size, simple, blocks, tokens int
	// placed says that the file stands in the configuration's list.
	placed bool
	// sum is what the file comes to with all that it includes, once it is summed.
	sum    sum
	summed bool

	pairing sync.Once
	differs string
}

// Parse reads a file by nginx's grammar. It never fails: what is wrong is in Problems.
func Parse(f *source.File) *File {
	out := &File{Source: f}
	out.scan()
	found, structural := check(out.Statements)
	if structural {
		out.Problems = nil // a brace too many or too few: what follows from it says nothing new
	}
	out.Problems = append(found, out.Problems...)
	return out
}

// Differs says where gonginx, as a second and independent reader, reads the file differently; ""
// where both agree statement by statement. The scanner's reading stands either way, but a file on
// which two readers disagree is not one to edit. The reading costs some three times the scan, so
// it is done when it is asked for.
func (f *File) Differs() string {
	f.pairing.Do(func() {
		if len(f.Problems) == 0 {
			f.differs = pair(f.Source, f.Statements)
		}
	})
	return f.differs
}
