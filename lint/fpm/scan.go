package fpm

import (
	"bytes"
	"fmt"
	"strings"

	"fpmlint/lint/source"
)

// line is what one physical line says: FPM gives PHP's INI parser a line at a time
// (fpm_conf_load_ini_file), so nothing reaches over its end.
type line struct {
	header  source.Span // a [section], zero when there is none
	section string
	entry   *Entry // nil when there is none
	problem *source.Problem
	hash    source.Span // what was meant for a comment, from its #, zero when there is none
}

// at is where the line says something.
func (l line) at() source.Span {
	switch {
	case !l.header.IsZero():
		return l.header
	case l.entry != nil:
		return l.entry.KeySpan
	case l.problem != nil:
		return l.problem.Span
	}
	return l.hash
}

// scan reads a file line by line. php5 tells that PHP 5's grammar counts, in which # begins a
// comment.
func scan(f *source.File, php5 bool, yield func(line) bool) {
	data := f.Data
	start := 0
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		start = 3
	}
	for start < len(data) {
		end := bytes.IndexByte(data[start:], '\n')
		next := start + end + 1
		if end < 0 {
			end, next = len(data)-start, len(data)
		}
		end += start
		if end > start && data[end-1] == '\r' {
			end--
		}
		if end-start > maxLine && !isComment(data[start:end]) {
			p := source.Problem{Kind: source.Limit, Message: fmt.Sprintf("the line is longer than %d bytes", maxLine), Span: f.Span(start, start)}
			if !yield(line{problem: &p}) {
				return
			}
			start = next
			continue
		}
		s := lineScanner{f: f, pos: start, end: end, start: start}
		if !s.scan(php5, yield) {
			return
		}
		start = next
	}
}

// maxLine bounds a line and a value, in bytes: messages quote them, and names of pools go into values.
const maxLine = 64 << 10

func isComment(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return len(line) > 0 && line[0] == ';'
}

type lineScanner struct {
	f               *source.File
	start, pos, end int
}

func (s *lineScanner) space() {
	for s.pos < s.end && (s.f.Data[s.pos] == ' ' || s.f.Data[s.pos] == '\t' || s.f.Data[s.pos] == '\r') {
		s.pos++
	}
}

func (s *lineScanner) syntax(at, to int, format string, args ...any) *source.Problem {
	return &source.Problem{Kind: source.Syntax, Message: fmt.Sprintf(format, args...), Span: s.f.Span(at, to)}
}

// scan reads the line: an optional [section], then an optional entry.
func (s *lineScanner) scan(php5 bool, yield func(line) bool) bool {
	s.space()
	if s.pos == s.end || s.f.Data[s.pos] == ';' || php5 && s.f.Data[s.pos] == '#' {
		return true
	}
	if s.f.Data[s.pos] == '[' {
		from := s.pos
		n := bytes.IndexByte(s.f.Data[s.pos:s.end], ']')
		if n < 0 {
			return yield(line{problem: s.syntax(from, s.end, "PHP:  syntax error, unexpected end of file, expecting ']' in Unknown on line 1")})
		}
		name := strings.Trim(strings.TrimSpace(string(s.f.Data[from+1:from+n])), `"'`)
		s.pos += n + 1
		if !yield(line{header: s.f.Span(from, s.pos), section: name}) {
			return false
		}
		s.space()
		if s.pos == s.end || s.f.Data[s.pos] == ';' || php5 && s.f.Data[s.pos] == '#' {
			return true
		}
	}
	var hash source.Span
	if s.pos < s.end && s.f.Data[s.pos] == '#' {
		hash = s.f.Span(s.pos, s.end)
	}
	e, p := s.entry()
	return yield(line{entry: e, problem: p, hash: hash})
}

// entry reads "key = value" or "key[index] = value".
func (s *lineScanner) entry() (*Entry, *source.Problem) {
	data, from := s.f.Data, s.pos
	for s.pos < s.end && !strings.ContainsRune("=;[", rune(data[s.pos])) {
		if strings.IndexByte("{}|&~!()^\"", data[s.pos]) >= 0 {
			return nil, s.syntax(s.pos, s.pos+1, "PHP:  syntax error, unexpected '%s' in Unknown on line 1", data[s.pos:s.pos+1])
		}
		s.pos++
	}
	keyEnd := s.pos
	for keyEnd > from && (data[keyEnd-1] == ' ' || data[keyEnd-1] == '\t') {
		keyEnd--
	}
	e := &Entry{Key: strings.ToLower(string(data[from:keyEnd])), Span: s.f.Span(from, s.end), KeySpan: s.f.Span(from, keyEnd)}
	if s.pos < s.end && data[s.pos] == '[' {
		n := bytes.IndexByte(data[s.pos:s.end], ']')
		if n < 0 {
			return nil, s.syntax(s.pos, s.end, "PHP:  syntax error, unexpected end of file, expecting ']' in Unknown on line 1")
		}
		e.Index = strings.Trim(strings.TrimSpace(string(data[s.pos+1:s.pos+n])), `"'`)
		s.pos += n + 1
		e.KeySpan.End = s.pos
		s.space()
	}
	if s.pos == s.end || data[s.pos] != '=' {
		return nil, &source.Problem{Kind: source.Syntax, Message: "value is NULL for a ZEND_INI_PARSER_ENTRY", Span: e.KeySpan}
	}
	s.pos++
	s.space()
	return e, s.value(e)
}

// Unequal is the setting whose name begins the line of a problem, where that lacks its = alone.
func Unequal(p source.Problem) string {
	name, _, _ := strings.Cut(strings.ToLower(p.Span.Text()), " ")
	if !strings.HasPrefix(p.Message, "value is NULL") || !belongs(name) {
		return ""
	}
	return name
}

// value reads a value by PHP's INI grammar in its normal mode (zend_ini_scanner.l): parts in
// quotes and bare ones, up to a semicolon.
func (s *lineScanner) value(e *Entry) *source.Problem {
	data, from := s.f.Data, s.pos
	var b strings.Builder
	last := s.pos // after the last byte that is not white space
	quotes := 0
	for s.pos < s.end && data[s.pos] != ';' {
		c := data[s.pos]
		next, problem := s.part(&b, e)
		switch {
		case problem != nil:
			return problem
		case next > s.pos:
			s.pos, last = next, next
			if c != '$' {
				quotes++
			}
			if c == '"' {
				s.space()
			}
			continue
		case strings.IndexByte("()|&~!^=", c) >= 0:
			if p := s.operator(c, strings.TrimSpace(b.String())); p != nil {
				return p
			}
			e.Unknown = fmt.Sprintf("%q%s", strings.TrimSpace(string(data[from:s.end])), expression)
		}
		b.WriteByte(c)
		s.pos++
		if c != ' ' && c != '\t' && c != '\r' {
			last = s.pos
		}
	}
	e.ValueSpan = s.f.Span(from, max(from, last))
	e.Value = strings.TrimRight(b.String(), " \t\r")
	if quotes == 0 {
		e.Value = constant(e.Value)
	}
	if strings.Contains(e.Unknown, expression) {
		return s.unfinished(e)
	}
	return nil
}

// part reads a part in quotes, or a ${NAME}, and returns where it ends: where it would begin if there is
// none.
func (s *lineScanner) part(b *strings.Builder, e *Entry) (next int, problem *source.Problem) {
	rest := s.f.Data[s.pos:s.end]
	switch {
	case rest[0] == '"':
		next, ok := s.doubleQuoted(b, e)
		if !ok {
			return 0, s.syntax(s.pos, s.end, "PHP:  syntax error, unexpected end of file in Unknown on line 1")
		}
		return next, nil
	case rest[0] == '\'':
		if n := bytes.IndexByte(rest[1:], '\''); n >= 0 {
			b.Write(rest[1 : 1+n])
			return s.pos + n + 2, nil
		}
	case bytes.HasPrefix(rest, []byte("${")):
		n := bytes.IndexByte(rest, '}')
		if n < 0 {
			return 0, s.syntax(s.pos, s.end, "PHP:  syntax error, unexpected end of file, expecting '}' in Unknown on line 1")
		}
		s.environment(e, string(rest[:n+1]), b)
		return s.pos + n + 1, nil
	}
	return s.pos, nil
}

// constant is what PHP makes of a bare word (zend_ini_scanner.l, convert_to_string).
func constant(word string) string {
	switch strings.ToLower(word) {
	case "null", "none", "no", "off", "false":
		return ""
	case "yes", "on", "true":
		return "1"
	}
	return word
}

// unfinished judges the end of an expression.
func (s *lineScanner) unfinished(e *Entry) *source.Problem {
	switch {
	case e.Value == "" || strings.IndexByte("|&^~!(", e.Value[len(e.Value)-1]) >= 0:
		return s.syntax(s.end, s.end, "PHP:  syntax error, unexpected END_OF_LINE in Unknown on line 2")
	case strings.Count(e.Value, "(") > strings.Count(e.Value, ")"):
		return s.syntax(s.end, s.end, "PHP:  syntax error, unexpected END_OF_LINE, expecting '^' or '|' or '&' or ')' in Unknown on line 2")
	}
	return nil
}

const expression = " is an expression"

// operator judges an operator of the INI grammar (zend_ini_parser.y) in a bare value by what
// stands before it: | & ^ join two operands, ~ ! ( begin one, ) ends one.
func (s *lineScanner) operator(c byte, before string) *source.Problem {
	opens := before == "" || strings.IndexByte("|&^~!(", before[len(before)-1]) >= 0
	var ok bool
	switch c {
	case '|', '&', '^':
		ok = !opens
	case '~', '!', '(':
		ok = opens
	case ')':
		ok = !opens && strings.Count(before, "(") > strings.Count(before, ")")
	}
	if ok {
		return nil
	}
	return s.syntax(s.pos, s.pos+1, "PHP:  syntax error, unexpected '%s' in Unknown on line 1", s.f.Data[s.pos:s.pos+1])
}

// doubleQuoted reads a part in double quotes: a backslash keeps the quote, ${NAME} is expanded.
func (s *lineScanner) doubleQuoted(b *strings.Builder, e *Entry) (next int, ok bool) {
	data := s.f.Data
	for i := s.pos + 1; i < s.end; i++ {
		switch {
		case data[i] == '"':
			return i + 1, true
		case data[i] == '\\' && i+1 < s.end && (data[i+1] == '"' || data[i+1] == '\\'):
			i++
			b.WriteByte(data[i])
		case data[i] == '$' && i+1 < s.end && data[i+1] == '{':
			n := bytes.IndexByte(data[i:s.end], '}')
			if n < 0 {
				return 0, false
			}
			s.environment(e, string(data[i:i+n+1]), b)
			i += n
		default:
			b.WriteByte(data[i])
		}
	}
	return 0, false
}

// environment marks a value that the environment decides. ${NAME:-default} has been grammar
// since PHP 8.3.
func (s *lineScanner) environment(e *Entry, text string, b *strings.Builder) {
	e.Unknown = text + " comes from the environment or php.ini"
	b.WriteString(text)
}
