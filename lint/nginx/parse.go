package nginx

import "fpmlint/lint/source"

// File is one parsed file.
type File struct {
	Source     *source.File
	Statements []*Statement
	// Problems are what nginx's grammar refuses. Statements before the fault are kept.
	Problems []source.Problem
	// Differs says how gonginx read the file differently; the scanner's reading stands then.
	Differs string
}

// Parse reads a file by nginx's grammar and pairs the result with gonginx's. It never fails:
// what is wrong is in Problems.
func Parse(f *source.File) *File {
	out := &File{Source: f}
	out.Statements, out.Problems = scan(f)
	if len(out.Problems) == 0 {
		out.Differs = pair(f, out.Statements)
	}
	found, structural := check(out.Statements)
	if structural {
		out.Problems = nil // a brace too many or too few: what follows from it says nothing new
	}
	out.Problems = append(found, out.Problems...)
	return out
}
