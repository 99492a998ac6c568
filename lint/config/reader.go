package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"fpmlint/lint/host"
	"fpmlint/lint/spell"
)

// reader takes values out of a YAML tree and gathers the faults, each with its place.
type reader struct {
	file string
	errs []error
}

func (r *reader) fail(n ast.Node, format string, args ...any) {
	line, column := 1, 1
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0].Key // the mapping's own token is its first colon
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		line, column = t.Position.Line, t.Position.Column
	}
	r.errs = append(r.errs, fmt.Errorf("%s:%d:%d: "+format, append([]any{r.file, line, column}, args...)...))
}

// mapping reads a mapping with known keys.
func (r *reader) mapping(n ast.Node, known fields) {
	r.each(n, func(key, value ast.Node) {
		name := r.text(key)
		if read, ok := known[name]; ok {
			read(value)
		} else if name != "" {
			names := slices.Sorted(maps.Keys(known))
			r.fail(key, "unknown key %q%s", name, orKnown(spell.Hint(name, names), names))
		}
	})
}

func orKnown(hint string, names []string) string {
	if hint == "" {
		return "; known here: " + strings.Join(names, ", ")
	}
	return hint
}

// each reads a mapping. An empty value is an empty mapping.
func (r *reader) each(n ast.Node, yield func(key, value ast.Node)) {
	switch m := n.(type) {
	case *ast.MappingNode:
		for _, v := range m.Values {
			yield(v.Key, v.Value)
		}
	case *ast.NullNode:
	default:
		r.fail(n, "want keys with values, have %s", kind(n))
	}
}

// list reads a sequence. An empty value is an empty sequence.
func (r *reader) list(n ast.Node) []ast.Node {
	switch s := n.(type) {
	case *ast.SequenceNode:
		return s.Values
	case *ast.NullNode:
		return nil
	}
	r.fail(n, "want a list, have %s", kind(n))
	return nil
}

// texts reads a list of strings, or one.
func (r *reader) texts(n ast.Node) []string {
	items := []ast.Node{n}
	if _, ok := n.(*ast.SequenceNode); ok {
		items = r.list(n)
	}
	var out []string
	for _, item := range items {
		if text := r.text(item); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// text reads a scalar as it is written; "" after a fault.
func (r *reader) text(n ast.Node) string {
	switch s := n.(type) {
	case *ast.StringNode:
		if s.Value == "" {
			r.fail(n, "want a value, have an empty one")
		}
		return s.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value
	}
	r.fail(n, "want a value, have %s", kind(n))
	return ""
}

func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return true
	}
	return false
}

// word reads one of some words; "" after a fault.
func (r *reader) word(n ast.Node, words []string) string {
	text := r.text(n)
	if text != "" && !slices.Contains(words, text) {
		r.fail(n, "%q is none of %s%s", text, strings.Join(words, ", "), spell.Hint(text, words))
		return ""
	}
	return text
}

// size reads a number of bytes; 0 after a fault.
func (r *reader) size(n ast.Node) int64 {
	text := r.text(n)
	if text == "" {
		return 0
	}
	v, err := host.ParseBytes(text)
	if err != nil {
		r.fail(n, "%w", err)
	}
	return v
}

func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode:
		return "an anchor or alias, which is not read here: write the value out"
	case *ast.TagNode:
		return "a tag, which is not read here"
	case *ast.LiteralNode:
		return "a text of several lines"
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return "a value"
	}
	return "what is not read here"
}
