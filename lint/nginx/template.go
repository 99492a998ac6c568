package nginx

import (
	"bytes"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// literal are directives whose arguments may well be another program's template text.
var literal = []string{"sub_filter", "return", "add_header", "more_set_headers", "log_format", "echo", "content_by_lua", "set"}

// constant are directives in which nginx expands no variable, so that one there is the
// environment's, put in by envsubst: in capitals, or in braces. So are those whose one argument is a
// time, a size or a switch.
var constant = []string{
	"listen", "server_name", "user", "include", "pid", "error_log", "worker_processes", "worker_connections", "server", "resolver",
	"server_tokens", "fastcgi_buffers", "proxy_buffers", "keepalive_timeout",
}

// addressed are directives whose argument is an address.
var addressed = []string{"listen", "server", "fastcgi_pass"}

func isConstant(name string) bool {
	return slices.Contains(constant, name) || lookup(name).traits&(timeValue|sizeValue|offsetValue|flagValue) != 0
}

var (
	// hole is a name in braces where nginx opens a block, or in angle brackets as a whole word.
	hole = lazy.Regexp(`^\{[A-Za-z_][A-Za-z0-9_.:]*\}|^[A-Za-z_]*=?<[A-Za-z_]+>$`)
	// environment is a variable in capitals, as the environment's are and nginx's own never; braced is
	// any in braces.
	environment = lazy.Regexp(`\$(?:\{([A-Z][A-Z0-9_]*)\}|([A-Z][A-Z0-9_]*))`)
	braced      = lazy.Regexp(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	// fallback is one with the shell's default, which nginx takes for no variable.
	fallback = lazy.Regexp(`^\$\{[A-Za-z_][A-Za-z0-9_]*:?[-=?+]`)
	// port is a name in capitals where only a number may stand.
	port = lazy.Regexp(`:([A-Z][A-Z0-9_]+)$`)
	// namedPort is a name there in a file that is called a template.
	namedPort = lazy.Regexp(`:([A-Z][A-Za-z0-9_]+)(?:/|$)`)
	// hashes enclose a name for sed; outside a directive it is a comment.
	hashes = lazy.Regexp(`^##[A-Z][A-Z0-9_]*##`)
	// likely are lines that nginx's files are full of.
	likely = lazy.Regexp(`(?m)^[ \t]*(?:(?:server|http|events|upstream[ \t]+\S+|location[ \t][^{}\n]*)[ \t]*\{|(?:fastcgi_[a-z_]+|proxy_pass|proxy_set_header|listen|server_name|access_log|error_log|worker_processes|worker_connections)[ \t][^;\n]*;)`)
)

// TemplateMark finds what shows that a file is a template that becomes nginx's. Comments and Lua
// are not looked at, and in quotes only what no nginx file has.
func TemplateMark(f *source.File) (mark source.Span, ok bool) {
	if bytes.IndexByte(f.Data, 0) >= 0 {
		return source.Span{}, false // a binary file
	}
	t := templateScan{text: f.Text(), file: f, named: source.TemplateName(f.Path)}
	t.marks = source.TemplateMarks(t.text)
	if t.run(); t.end == 0 {
		return source.Span{}, false
	}
	return f.Span(t.start, t.end), true
}

// Likely says whether a file that fpmlint cannot read, such as a template, has lines as nginx's have.
func Likely(data []byte) bool { return len(likely().FindAllIndex(data, 2)) == 2 }

type templateScan struct {
	text       string
	file       *source.File
	named      bool
	marks      [][2]int // those from the current token on
	start, end int      // of the mark found
	directive  string
	defined    map[string]bool
}

// run goes through the tokens as nginx does, but past what nginx refuses.
func (t *templateScan) run() {
	for pos := 0; pos < len(t.text) && t.end == 0; {
		switch c := t.text[pos]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			pos++
		case c == '#' && !strings.HasPrefix(t.text[pos:], "#{"):
			if m := hashes().FindString(t.text[pos:min(len(t.text), pos+maxHole)]); m != "" && t.directive != "" {
				t.found(pos, pos+len(m))
				return
			}
			i := strings.IndexByte(t.text[pos:], '\n')
			if i < 0 {
				return
			}
			pos += i
		case c == ';' || c == '}':
			t.directive = ""
			pos++
		case c == '{':
			pos = t.brace(pos)
		case c == '"' || c == '\'':
			end := t.closing(pos)
			t.word(pos+1, max(pos+1, end-1), true)
			pos = end
		default:
			end := pos
			for end < len(t.text) && !strings.ContainsRune(" \t\r\n;", rune(t.text[end])) {
				if t.text[end] == '{' && !t.within(pos, end) {
					break
				}
				end++
			}
			t.word(pos, max(end, pos+1), false)
			pos = max(end, pos+1)
		}
	}
}

// within says whether a brace belongs to its word: ${name}, or a template's @{name} and the like.
func (t *templateScan) within(start, at int) bool {
	return at > start && strings.ContainsRune("$@#{", rune(t.text[at-1])) || strings.HasPrefix(t.text[at:], "{{")
}

// brace handles one where a token begins: a block, a Lua block, or a mark.
func (t *templateScan) brace(pos int) int {
	if strings.HasSuffix(t.directive, "_by_lua_block") {
		return t.lua(pos)
	}
	near := t.text[pos:min(len(t.text), pos+maxHole)]
	if i := strings.IndexAny(near[1:], "{}; \t\r\n"); i < 0 || near[1+i] != '}' {
		near = "" // most braces open blocks: spare them the regular expression
	}
	if m := hole().FindString(near); m != "" && !t.quantifier(pos) {
		t.found(pos, pos+len(m))
	} else {
		t.marked(pos, pos+1)
	}
	t.directive = ""
	return pos + 1
}

// marked looks for a mark that begins in a range.
func (t *templateScan) marked(start, end int) bool {
	for len(t.marks) > 0 && t.marks[0][0] < start {
		t.marks = t.marks[1:]
	}
	if len(t.marks) == 0 || t.marks[0][0] >= end {
		return false
	}
	t.found(t.marks[0][0], t.marks[0][1])
	return true
}

// maxHole bounds a name in braces, in bytes.
const maxHole = 200

// quantifier says whether a brace follows a letter, as in a regular expression that lacks quotes.
func (t *templateScan) quantifier(pos int) bool {
	return pos > 0 && (t.text[pos-1]|0x20 >= 'a' && t.text[pos-1]|0x20 <= 'z')
}

// lua skips a block of Lua by its braces, near enough for looking past it.
func (t *templateScan) lua(pos int) int {
	depth := 0
	for ; pos < len(t.text); pos++ {
		switch t.text[pos] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				t.directive = ""
				return pos + 1
			}
		}
	}
	return pos
}

// closing is the offset after a quoted token.
func (t *templateScan) closing(pos int) int {
	quote := t.text[pos]
	for i := pos + 1; i < len(t.text); i++ {
		switch t.text[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return len(t.text)
}

func (t *templateScan) found(start, end int) { t.start, t.end = start, end }

func (t *templateScan) word(start, end int, quoted bool) {
	word := t.text[start:end]
	if t.directive == "" && !quoted {
		t.directive = word
	}
	if quoted && slices.Contains(literal, t.directive) {
		return
	}
	if !quoted && t.directive != word && strings.IndexByte(word, '<') >= 0 && hole().MatchString(word) {
		t.found(start, end)
		return
	}
	if t.marked(start, end) {
		return
	}
	if !quoted && slices.Contains(addressed, t.directive) {
		if m := port().FindStringSubmatchIndex(word); m != nil {
			t.found(start+m[2], start+m[3])
			return
		}
	}
	if t.named && (t.directive == "proxy_pass" || slices.Contains(addressed, t.directive)) {
		if m := namedPort().FindStringSubmatchIndex(word); m != nil {
			t.found(start+m[2], start+m[3])
			return
		}
	}
	if !strings.Contains(word, "$") {
		return
	}
	if i := strings.Index(word, "${"); i >= 0 {
		if m := fallback().FindString(word[i:]); m != "" {
			t.found(start+i, start+i+len(m))
			return
		}
	}
	for _, m := range environment().FindAllStringSubmatchIndex(word, -1) {
		name := m[2:4]
		if m[2] < 0 {
			name = m[4:6]
		}
		if (m[2] >= 0 || t.named || isConstant(t.directive)) && !t.defines(word[name[0]:name[1]]) {
			t.found(start+m[0], start+m[1])
			return
		}
	}
	if m := braced().FindStringSubmatchIndex(word); m != nil && isConstant(t.directive) && !t.defines(word[m[2]:m[3]]) {
		t.found(start+m[0], start+m[1])
	}
}

// definition matches what makes a variable: set, map, geo and their likes, and named groups.
var definition = lazy.Regexp(`(?i)(?:\b(?:set|set_by_lua\w*|auth_request_set|perl_set|js_set|js_var)[ \t]+\$|\b(?:map|geo|split_clients)[ \t][^;{}\n]*\$|\(\?P?[<'])([a-z_][a-z0-9_]*)`)

// defines says whether the file itself makes a variable of that name.
func (t *templateScan) defines(name string) bool {
	if t.defined == nil {
		t.defined = map[string]bool{}
		for _, m := range definition().FindAllStringSubmatch(t.text, -1) {
			t.defined[strings.ToLower(m[1])] = true
		}
	}
	return t.defined[strings.ToLower(name)]
}
