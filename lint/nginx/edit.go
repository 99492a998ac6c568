package nginx

import (
	"bytes"
	"cmp"
	"strings"

	"fpmlint/lint/source"
)

// SetEdits give a directive arguments on this level: those that are there are replaced; a new
// directive goes below the comment that has it commented out, else below its kin, else to the
// block's beginning.
func (s *Scope) SetEdits(name, args string) []source.Edit {
	if d := s.Find(name); d != nil {
		return d.setArgs(args)
	}
	text := name + " " + args + ";"
	if f, at, ok := s.commentedOut(name); ok {
		line, start := f.Line(f.Position(at).Line)
		return []source.Edit{below(f, start+len(line), indentOf(line), text)}
	}
	if kin := s.kin(name); kin != nil {
		return []source.Edit{after(kin, text)}
	}
	if s.Statement == nil || !s.Statement.IsBlock() {
		return nil
	}
	f, open := s.Statement.Src, int(s.Statement.Open)+1
	line, start := f.Line(f.Position(open - 1).Line)
	if rest := bytes.TrimSpace(f.Data[open : start+len(line)]); len(rest) > 0 && rest[0] != '#' {
		return []source.Edit{{Span: f.Span(open, open), NewText: " " + text}}
	}
	return []source.Edit{below(f, start+len(line), indentOf(line)+s.indentUnit(), text)}
}

// InsertBefore puts lines of text before a statement, each on a line of its own, indented like it.
func (s *Scope) InsertBefore(at *Statement, text string) []source.Edit {
	f, start := at.Src, int(at.Start)
	line, begin := f.Line(f.Position(start).Line)
	lead := line[:start-begin]
	sep := " "
	if len(bytes.TrimSpace(lead)) == 0 {
		sep = f.LineEnding(start) + string(lead)
	}
	return []source.Edit{{Span: f.Span(start, start), NewText: strings.ReplaceAll(text, "\n", sep) + sep}}
}

// setArgs replaces the arguments. A single one keeps its quotes.
func (d *Statement) setArgs(args string) []source.Edit {
	if len(d.Args) == 0 {
		end := int(d.NameEnd)
		return []source.Edit{{Span: d.Src.Span(end, end), NewText: " " + args}}
	}
	first, last := d.Args[0], d.Args[len(d.Args)-1]
	span := d.Src.Span(int(first.Start), int(last.End()))
	if len(d.Args) == 1 && first.Quote != 0 {
		args = string(first.Quote) + args + string(first.Quote)
	}
	if span.Text() == args {
		return nil
	}
	return []source.Edit{{Span: span, NewText: args}}
}

// RemoveEdits take a directive out, with its line where nothing else stands on it.
func (d *Statement) RemoveEdits() []source.Edit {
	f, start, end := d.Src, int(d.Start), int(d.End)
	first, from := f.Line(f.Position(start).Line)
	last, lastStart := f.Line(f.Position(end - 1).Line)
	before, behind := first[:start-from], last[end-lastStart:]
	switch {
	case len(bytes.TrimSpace(before)) > 0: // it ends a line: the space before it goes too
		start -= len(before) - len(bytes.TrimRight(before, " \t"))
	case len(bytes.TrimSpace(behind)) > 0: // something follows it
		end += len(behind) - len(bytes.TrimLeft(behind, " \t"))
	default:
		start, end = from, lastStart+len(last)
		if i := bytes.IndexByte(f.Data[end:], '\n'); i >= 0 {
			end += i + 1
		}
	}
	return []source.Edit{{Span: f.Span(start, end)}}
}

// kin is the directive below which a new one goes: the last of its closest relatives by name, such
// as fastcgi_buffer_size for fastcgi_buffers; else the hand-off itself for what belongs to it, else
// the last of the same module, else the last of the block's own file.
func (s *Scope) kin(name string) *Statement {
	module, topic, _ := strings.Cut(name, "_")
	topic, _, _ = strings.Cut(topic, "_")
	relative := module + "_" + strings.TrimSuffix(topic, "s")
	var closest, same, any *Statement
	for _, d := range s.Directives {
		if s.Statement != nil && d.Src != s.Statement.Src {
			continue
		}
		any = d
		if strings.HasPrefix(d.Name, module+"_") {
			same = d
		}
		if topic != "" && strings.HasPrefix(d.Name, relative) {
			closest = d
		}
	}
	return cmp.Or(closest, s.Find(module+"_pass"), same, any)
}

// commentedOut finds a comment that holds the directive, in the block's own text and in none of
// the blocks within.
func (s *Scope) commentedOut(name string) (f *source.File, at int, ok bool) {
	if s.Statement == nil || !s.Statement.IsBlock() {
		return nil, 0, false
	}
	f = s.Statement.Src
	start, end := int(s.Statement.Open)+1, int(s.Statement.End)
	for line, rest := range source.Commented(f.Data[start:end], '#', name) {
		if len(rest) == 0 || rest[0] != ' ' && rest[0] != '\t' {
			continue
		}
		at := start + line
		inner := false
		for _, c := range s.Statement.Block {
			inner = inner || c.IsBlock() && at > int(c.Start) && at < int(c.End)
		}
		if !inner {
			return f, at, true
		}
	}
	return nil, 0, false
}

// indentUnit is what one level adds in front of a line, as the block's own lines show it.
func (s *Scope) indentUnit() string {
	outer := ""
	if line, _ := s.Statement.Src.Line(s.Statement.Span().Position().Line); line != nil {
		outer = indentOf(line)
	}
	for _, d := range s.Statement.Block {
		line, start := d.Src.Line(d.Span().Position().Line)
		if inner := indentOf(line); start+len(inner) == int(d.Start) && len(inner) > len(outer) {
			return inner[len(outer):]
		}
	}
	if strings.HasPrefix(outer, "\t") {
		return "\t"
	}
	return "    "
}

// after adds a directive behind another: on the next line where the other ends its line, else on
// the same one.
func after(d *Statement, text string) source.Edit {
	f, end := d.Src, int(d.End)
	line, start := f.Line(f.Position(end - 1).Line)
	first, _ := f.Line(f.Position(int(d.Start)).Line)
	rest := bytes.TrimSpace(f.Data[end : start+len(line)])
	if len(rest) > 0 && rest[0] != '#' {
		return source.Edit{Span: f.Span(end, end), NewText: " " + text}
	}
	return below(f, start+len(line), indentOf(first), text)
}

func below(f *source.File, lineEnd int, indent, text string) source.Edit {
	return source.Edit{Span: f.Span(lineEnd, lineEnd), NewText: f.LineEnding(lineEnd) + indent + text}
}

func indentOf(line []byte) string {
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}
