// Package nginx reads an nginx configuration: the grammar, the includes, the contexts, and the
// values that are in effect in each of them. Of directives it knows those that a hand-off
// depends on, and of what is wrong what nginx itself would refuse.
package nginx

import (
	"strings"

	"fpmlint/lint/source"
)

// Arg is one argument of a directive.
type Arg struct {
	// Value is the argument as nginx sees it: without quotes, escapes undone.
	Value string
	// Start is its byte offset, quotes included.
	Start int32
	// size is its length in the file, which nginx's buffer bounds.
	size uint16
	// Quote is the quote around the argument: 0, '"' or '\”.
	Quote byte
}

// End is the offset of the byte after the argument, quotes included.
func (a *Arg) End() int32 { return a.Start + int32(a.size) }

// Statement is a directive with its arguments, or a block.
type Statement struct {
	Name string
	Args []Arg
	// Start is the offset of the name, NameEnd that of the byte after it, End that of the byte
	// after the ';' or after the block's '}'.
	Start, NameEnd, End int32
	id                  nameID
	// Src is the file in which the statement stands.
	Src *source.File
	*Body
}

// Body is what a block has and a simple directive has not; these share an empty one.
type Body struct {
	// Block holds the block's statements in the order of the file.
	Block []*Statement
	// Open is the offset of the block's '{', -1 for a simple directive.
	Open int32
	// Lua marks a block whose body is Lua code: it is not read as statements.
	Lua bool
}

var noBody = &Body{Open: -1}

// IsBlock says whether the statement has a body in braces.
func (s *Statement) IsBlock() bool { return s.Open >= 0 }

// Span covers a simple directive with its ';', and a block from its name to its '{'.
func (s *Statement) Span() source.Span {
	if s.IsBlock() {
		return s.Src.Span(int(s.Start), int(s.Open)+1)
	}
	return s.Src.Span(int(s.Start), int(s.End))
}

// NameSpan covers the directive's name.
func (s *Statement) NameSpan() source.Span { return s.Src.Span(int(s.Start), int(s.NameEnd)) }

// ArgSpan covers an argument with its quotes, and the name where there is no such argument.
func (s *Statement) ArgSpan(i int) source.Span {
	if i < 0 || i >= len(s.Args) {
		return s.NameSpan()
	}
	return s.Src.Span(int(s.Args[i].Start), int(s.Args[i].End()))
}

// Arg is an argument's value, "" where there is none.
func (s *Statement) Arg(i int) string {
	if i < 0 || i >= len(s.Args) {
		return ""
	}
	return s.Args[i].Value
}

// Values are the arguments' values.
func (s *Statement) Values() []string {
	out := make([]string, len(s.Args))
	for i, a := range s.Args {
		out[i] = a.Value
	}
	return out
}

// text is the arguments with spaces between them.
func (s *Statement) text() string {
	switch len(s.Args) {
	case 0:
		return ""
	case 1:
		return s.Args[0].Value
	}
	// Mostly it stands like this in the file.
	written := s.Src.Text()[s.Args[0].Start:s.Args[len(s.Args)-1].End()]
	rest, same := written, true
	for i, a := range s.Args {
		if i > 0 && same {
			rest, same = strings.CutPrefix(rest, " ")
		}
		if same {
			rest, same = strings.CutPrefix(rest, a.Value)
		}
	}
	if same && rest == "" {
		return written
	}
	return strings.Join(s.Values(), " ")
}
