package nginx

import (
	"fmt"
	"strings"
	"sync"

	"fpmlint/lint/source"
)

// nginx's bounds on a token, in bytes: its read buffer (NGX_CONF_BUFFER) holds 4096.
const (
	maxBare   = 4095
	maxQuoted = 4094
)

// maxDepth bounds nested blocks. nginx itself crashes on some 100,000.
const maxDepth = 1000

// maxTokens bounds a file's tokens. Each takes many times the memory of its bytes.
const maxTokens = 4_000_000

// scanner follows ngx_conf_read_token byte by byte: tokens end at white space, ';' and '{';
// quotes, '#' and '}' mean something at a token's beginning only.
type scanner struct {
	src  *source.File
	text string // the file's bytes as a string, of which values are slices
	pos  int

	*arena
	file  *File
	first int // where the arguments of the statement that is being read begin
}

// arena is memory for statements and their arguments. It goes from file to file, so that ten thousand
// small ones leave nothing unused.
type arena struct {
	args   []Arg        // chunk from which statements take their arguments
	pool   []Statement  // chunk from which statements are taken
	bodies []Body       // chunk from which blocks take their bodies
	lists  []*Statement // chunk from which these take their lists
	// pending are the statements of the blocks that are open, outer ones first.
	pending []*Statement
}

// Chunks are some 24 KiB each.
const (
	argChunk       = 1024
	statementChunk = 256
	bodyChunk      = 768
	listChunk      = 3072
)

var arenas = sync.Pool{New: func() any { return &arena{} }}

// terminator tells how a list of tokens ended.
type terminator int

const (
	semicolon terminator = iota
	open
	closing
	end
	failed
)

// scan reads a whole file. On a fault it keeps what stands before it. It is one loop because calls for
// its parts take a fifth of the time.
func (f *File) scan() {
	s := &scanner{src: f.Source, text: f.Source.Text(), file: f, arena: arenas.Get().(*arena)}
	defer arenas.Put(s.arena)
	type level struct {
		block *Statement
		first int // of its statements in pending
	}
	stack := make([]level, 1, 16)
	for {
		top := &stack[len(stack)-1]
		words, t, at := s.words()
		switch t {
		case semicolon, open:
			if len(words) == 0 {
				s.fail(at, at+1, `unexpected "%s"`, s.text[at:at+1])
				t = failed
				break
			}
			d := s.statement(words, at)
			s.pending = append(s.pending, d)
			f.size++
			if t == semicolon {
				switch {
				case d.Name == "include" && len(d.Args) == 1:
					f.includes = append(f.includes, d)
				case len(stack) == 1:
					f.simple++
				}
				break
			}
			f.blocks++
			d.Body = &chunk(&s.bodies, 1, bodyChunk)[0]
			d.Open = int32(at)
			if strings.HasSuffix(d.Name, "_by_lua_block") {
				d.Lua = true
				if !s.lua(d) {
					t = failed
				}
				break
			}
			if top.block != nil && top.block.is(data) {
				// These bodies are read by a handler of their own, which takes no blocks.
				s.fail(at, at+1, `unexpected "{"`)
				t = failed
				break
			}
			if len(stack) > maxDepth {
				s.problem(source.Limit, int(d.Start), at+1, "blocks are nested more than %d deep", maxDepth)
				t = failed
				break
			}
			stack = append(stack, level{d, len(s.pending)})
		case closing:
			if len(words) > 0 || len(stack) == 1 {
				s.fail(at, at+1, `unexpected "}"`)
				if len(words) > 0 {
					s.relate(words[0].Start, words[len(words)-1].End(), `this directive is not terminated by ";"`)
				}
				t = failed
				break
			}
			top.block.End = int32(at + 1)
			top.block.Block = s.list(top.first)
			stack = stack[:len(stack)-1]
		case end:
			switch {
			case len(words) > 0:
				s.fail(at, at, `unexpected end of file, expecting ";" or "}"`)
				s.relate(words[0].Start, words[len(words)-1].End(), "this directive is not finished")
				t = failed
			case len(stack) > 1:
				s.fail(at, at, `unexpected end of file, expecting "}"`)
				s.relate(top.block.Start, top.block.Open+1, "this block is not closed")
				t = failed
			}
		}
		if t == failed || t == end {
			break
		}
	}
	for i := len(stack) - 1; i > 0; i-- { // blocks left open by a fault keep what they have
		stack[i].block.Block = s.list(stack[i].first)
		stack[i].block.End = int32(min(s.pos, len(s.text)))
	}
	f.Statements = s.list(0)
}

// list takes what is pending from a place on.
func (s *scanner) list(first int) []*Statement {
	out := chunk(&s.lists, len(s.pending)-first, listChunk)
	copy(out, s.pending[first:])
	clear(s.pending[first:])
	s.pending = s.pending[:first]
	return out
}

// chunk takes n elements from a chunk, and makes a new one of the given size where they are too many.
func chunk[T any](from *[]T, n, size int) []T {
	if n > len(*from) {
		*from = make([]T, max(n, size))
	}
	out := (*from)[:n:n]
	*from = (*from)[n:]
	return out
}

func (s *scanner) problem(kind source.Kind, start, end int, format string, args ...any) {
	end = min(max(end, start), len(s.text))
	s.file.Problems = append(s.file.Problems, source.Problem{
		Kind: kind, Message: fmt.Sprintf(format, args...), Span: s.src.Span(min(start, len(s.text)), end),
	})
}

func (s *scanner) fail(start, end int, format string, args ...any) {
	s.problem(source.Syntax, start, end, format, args...)
}

func (s *scanner) relate(start, end int32, message string) {
	p := &s.file.Problems[len(s.file.Problems)-1]
	p.Related = append(p.Related, source.Related{Span: s.src.Span(int(start), int(end)), Message: message})
}

// statement makes a statement of the words that were read last.
func (s *scanner) statement(words []Arg, at int) *Statement {
	s.file.tokens += len(words)
	if len(s.pool) == 0 {
		s.pool = make([]Statement, statementChunk)
	}
	d := &s.pool[0]
	s.pool = s.pool[1:]
	*d = Statement{Name: words[0].Value, Start: words[0].Start, NameEnd: words[0].End(), End: int32(at + 1), Src: s.src, Body: noBody}
	if k := lookup(d.Name); k.id != 0 {
		d.Name, d.id = k.name, k.id
	}
	// The name's place is the next statement's.
	n := copy(words, words[1:])
	s.args = s.args[:s.first+n]
	d.Args = words[:n:n]
	return d
}

// push adds a word to the statement that is being read.
func (s *scanner) push(value string, start int, quote byte) {
	if len(s.args) == cap(s.args) {
		words := s.args[s.first:]
		s.args = append(make([]Arg, 0, max(argChunk, 2*len(words))), words...)
		s.first = 0
	}
	s.args = append(s.args, Arg{Value: value, Start: int32(start), size: uint16(s.pos - start), Quote: quote})
}

// words reads tokens up to a terminator and returns the terminator's offset.
func (s *scanner) words() (words []Arg, t terminator, at int) {
	s.first = len(s.args)
	for {
		for s.pos < len(s.text) && isSpace(s.text[s.pos]) {
			s.pos++
		}
		words = s.args[s.first:]
		if s.file.tokens+len(words) > maxTokens {
			s.problem(source.Limit, s.pos, s.pos, "more than %d directives and arguments in one file", maxTokens)
			return words, failed, s.pos
		}
		if s.pos >= len(s.text) {
			return words, end, len(s.text)
		}
		switch c := s.text[s.pos]; c {
		case ';', '{':
			s.pos++
			if c == '{' {
				return words, open, s.pos - 1
			}
			return words, semicolon, s.pos - 1
		case '}':
			s.pos++
			return words, closing, s.pos - 1
		case '#':
			from := s.pos
			s.comment()
			if text := s.text[from:s.pos]; strings.HasPrefix(strings.TrimLeft(text, "# \t"), "fpmlint:") {
				s.file.Marks = append(s.file.Marks, s.src.Span(from, from+len(strings.TrimRight(text, "\r"))))
			}
			continue
		case '"', '\'':
			if !s.quoted(c) {
				return words, failed, s.pos
			}
		default:
			if !s.bare() {
				return words, failed, s.pos
			}
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// comment skips to the end of the line.
func (s *scanner) comment() {
	n := strings.IndexByte(s.text[s.pos:], '\n')
	if n < 0 {
		n = len(s.text) - s.pos
	}
	s.pos += n
}

// quoted reads a token in quotes, with the space, ';', '{' or ')' that must follow.
func (s *scanner) quoted(quote byte) bool {
	start := s.pos
	s.pos++
	escaped := false
	for ; ; s.pos++ {
		if s.pos >= len(s.text) {
			if s.pos-start-1 > maxQuoted {
				return s.tooLong(start, quote)
			}
			s.fail(len(s.text), len(s.text), `unexpected end of file, expecting ";" or "}"`)
			s.relate(int32(start), int32(start+1), "this quote is not closed")
			return false
		}
		c := s.text[s.pos]
		if c == '\\' {
			escaped = true
			s.pos++
			continue
		}
		if c == quote {
			break
		}
	}
	if s.pos-start-1 > maxQuoted {
		return s.tooLong(start, quote)
	}
	body := s.text[start+1 : s.pos]
	s.pos++
	if escaped {
		body = unescape(body)
	}
	s.push(body, start, quote)
	if s.pos >= len(s.text) {
		return true
	}
	switch c := s.text[s.pos]; {
	case isSpace(c), c == ';', c == '{':
	case c == ')':
		// nginx begins a token at the ')' (if ($a = "b")).
	default:
		s.fail(s.pos, s.pos+1, `unexpected "%s"`, s.text[s.pos:s.pos+1])
		return false
	}
	return true
}

// bare reads a token without quotes. "${" does not end it, and a backslash takes the next byte.
func (s *scanner) bare() bool {
	start := s.pos
	escaped := false
	dollar := false
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c == '{' && dollar {
			s.pos++
			dollar = false
			continue
		}
		dollar = false
		if c == '\\' {
			escaped = true
			s.pos = min(s.pos+2, len(s.text))
			continue
		}
		if isSpace(c) || c == ';' || c == '{' {
			break
		}
		dollar = c == '$'
		s.pos++
	}
	if s.pos-start > maxBare {
		return s.tooLong(start, 0)
	}
	value := s.text[start:s.pos]
	if escaped {
		value = unescape(value)
	}
	s.push(value, start, 0)
	return true
}

func (s *scanner) tooLong(start int, quote byte) bool {
	switch {
	case quote != 0 && s.pos-start-1 == maxQuoted+1: // the buffer is full just when the quote ends
		s.fail(start, start+11, `too long parameter "%s..." started`, s.text[start+1:min(start+11, len(s.text))])
	case quote != 0:
		s.fail(start, start+1, `too long parameter, probably missing terminating "%c" character`, quote)
	default:
		s.fail(start, start+10, `too long parameter "%s..." started`, s.text[start:min(start+10, len(s.text))])
	}
	return false
}

// unescape undoes the escapes that nginx undoes; any other backslash stays, as regular
// expressions need it.
func unescape(v string) string {
	var b strings.Builder
	b.Grow(len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			switch v[i+1] {
			case '"', '\'', '\\':
				i++
				b.WriteByte(v[i])
				continue
			case 't':
				i++
				b.WriteByte('\t')
				continue
			case 'r':
				i++
				b.WriteByte('\r')
				continue
			case 'n':
				i++
				b.WriteByte('\n')
				continue
			}
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// lua skips the body of a Lua block: braces in Lua's strings and comments do not count.
func (s *scanner) lua(d *Statement) bool {
	depth := 1
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				s.pos++
				d.End = int32(s.pos)
				return true
			}
		case c == '"' || c == '\'':
			s.luaString(c)
			continue
		case c == '-' && strings.HasPrefix(s.text[s.pos:], "--"):
			s.pos += 2
			if !s.luaLong() {
				s.comment()
			}
			continue
		case c == '[':
			if s.luaLong() {
				continue
			}
		}
		s.pos++
	}
	s.fail(len(s.text), len(s.text), `unexpected end of file, expecting "}"`)
	s.relate(d.Start, d.Open+1, "this Lua block is not closed")
	return false
}

func (s *scanner) luaString(quote byte) {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++
		case quote, '\n':
			s.pos++
			return
		}
	}
	s.pos = min(s.pos, len(s.text))
}

// luaLong skips [[...]], [=[...]=] and so on.
func (s *scanner) luaLong() bool {
	rest := s.text[s.pos:]
	if rest == "" || rest[0] != '[' {
		return false
	}
	level := 1
	for level < len(rest) && rest[level] == '=' {
		level++
	}
	if level >= len(rest) || rest[level] != '[' {
		return false
	}
	closer := "]" + strings.Repeat("=", level-1) + "]"
	i := strings.Index(rest[level+1:], closer)
	if i < 0 {
		s.pos = len(s.text)
		return true
	}
	s.pos += level + 1 + i + len(closer)
	return true
}
