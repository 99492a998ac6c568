package nginx

import (
	"fmt"

	"github.com/tufanbarisyildirim/gonginx/config"
	"github.com/tufanbarisyildirim/gonginx/parser"

	"fpmlint/lint/source"
)

// init makes gonginx neutral: without its wrappers for blocks and directives every node is a plain
// directive in the order of the file, and it reads no includes of its own.
func init() {
	identity := config.BlockWrappers["_by_lua_block"]
	clear(config.BlockWrappers)
	clear(config.DirectiveWrappers)
	clear(config.IncludeWrappers)
	if identity != nil {
		config.BlockWrappers["_by_lua_block"] = func(d *config.Directive) (config.IDirective, error) { return d, nil }
	}
}

// maxPair bounds a file that is read twice, in bytes.
const maxPair = 16 << 20

// pair compares the scanner's statements with gonginx's tree, statement by statement, and says
// where the two differ. gonginx reads a copy of the same length in which comments, Lua code and
// the bytes that it is known to misread (escapes, braces and semicolons within a token, bytes
// that are not ASCII) are masked: see mask.
func pair(f *source.File, statements []*Statement) (differs string) {
	if len(f.Data) > maxPair {
		return fmt.Sprintf("%s: it is larger than %d MiB, and gonginx did not read it", f.Path, maxPair>>20)
	}
	defer func() {
		if r := recover(); r != nil {
			differs = fmt.Sprintf("gonginx panics: %v", r)
		}
	}()
	p := parser.NewStringParser(mask(f.Data, statements), parser.WithSkipValidDirectivesErr())
	tree, err := p.Parse()
	if err != nil {
		return "gonginx: " + err.Error()
	}
	return compare(statements, tree.Block)
}

func compare(ours []*Statement, block config.IBlock) string {
	var theirs []config.IDirective
	if block != nil {
		theirs = block.GetDirectives()
	}
	if len(ours) != len(theirs) {
		return fmt.Sprintf("gonginx reads %d statements, here are %d", len(theirs), len(ours))
	}
	for i, s := range ours {
		d := theirs[i]
		if d.GetName() != masked(s.Src.Data, s.Start, s.NameEnd) {
			return fmt.Sprintf("line %d: gonginx reads directive %q", s.Span().Position().Line, d.GetName())
		}
		params := d.GetParameters()
		if len(params) != len(s.Args) {
			return fmt.Sprintf("line %d: gonginx reads %d arguments of %s, here are %d", s.Span().Position().Line, len(params), s.Name, len(s.Args))
		}
		for j, a := range s.Args {
			if params[j].Value != masked(s.Src.Data, a.Start, a.End()) {
				return fmt.Sprintf("line %d: gonginx reads argument %q", s.Span().Position().Line, params[j].Value)
			}
		}
		if (d.GetBlock() != nil) != s.IsBlock() {
			return fmt.Sprintf("line %d: gonginx and nginx differ on whether %s is a block", s.Span().Position().Line, s.Name)
		}
		if s.IsBlock() && !s.Lua {
			if why := compare(s.Block, d.GetBlock()); why != "" {
				return why
			}
		}
	}
	return ""
}

// safe are the bytes of a token that gonginx takes as they are.
var safe = func() (t [256]bool) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	for _, c := range []byte("_-./:=,@%+*^!?|()&<>~[]$") {
		t[c] = true
	}
	return t
}()

// masked is a token as mask leaves it.
func masked(data []byte, start, end int32) string {
	token := data[start:end]
	if plain(token) {
		return string(token)
	}
	out := make([]byte, len(token))
	maskToken(out, token)
	return string(out)
}

func plain(token []byte) bool {
	for _, c := range token {
		if !safe[c] {
			return false
		}
	}
	return len(token) == 0 || token[len(token)-1] != '$' // "$" and a block's "{" would read as "${"
}

// maskToken writes a token with unsafe bytes replaced. Quotes around it stay.
func maskToken(out, token []byte) {
	quoted := len(token) >= 2 && (token[0] == '"' || token[0] == '\'') && token[len(token)-1] == token[0]
	for i, c := range token {
		switch {
		case quoted && (i == 0 || i == len(token)-1), safe[c] && (c != '$' || i < len(token)-1):
			out[i] = c
		default:
			out[i] = 'x'
		}
	}
}

// mask copies a file for gonginx: white space where nothing but comments and Lua code stands,
// tokens masked, everything at its own offset.
func mask(data []byte, statements []*Statement) string {
	out := make([]byte, len(data))
	for i, c := range data {
		if c == '\n' {
			out[i] = '\n'
		} else {
			out[i] = ' '
		}
	}
	maskStatements(out, data, statements)
	return string(out)
}

func maskStatements(out, data []byte, statements []*Statement) {
	token := func(start, end int32) {
		t := data[start:end]
		if plain(t) {
			copy(out[start:], t)
			return
		}
		maskToken(out[start:end], t)
	}
	for _, s := range statements {
		token(s.Start, s.NameEnd)
		for _, a := range s.Args {
			token(a.Start, a.End())
		}
		if !s.IsBlock() {
			out[s.End-1] = ';'
			continue
		}
		out[s.Open], out[s.End-1] = '{', '}'
		if !s.Lua {
			maskStatements(out, data, s.Block)
		}
	}
}
