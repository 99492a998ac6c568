package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/spell"
)

// off is what a rule's severity is where the rule does not run.
const off = "off"

var (
	severities = []string{"error", "warning", "info"}
	failOns    = append(slices.Clone(severities), "never")
)

// parse reads the text of a policy file. All faults are told, not the first alone.
func (p *Policy) parse(data []byte, all []lint.Rule) error {
	r := &reader{file: p.File}
	if line := source.Tangled(data); line > 0 {
		return fmt.Errorf("%s:%d:1: nested too deep, or a line of more than %d bytes", p.File, line, source.MaxYAMLLine)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		var at interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &at) && at.GetToken() != nil {
			return fmt.Errorf("%s:%d:%d: %s", p.File, at.GetToken().Position.Line, at.GetToken().Position.Column, at.GetMessage())
		}
		return fmt.Errorf("%s: %w", p.File, err)
	}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil, doc.Body.Type() == ast.CommentType:
		case i > 0:
			r.fail(doc.Body, "a second document: a policy file has one")
		default:
			p.read(r, doc.Body, all)
		}
	}
	return errors.Join(r.errs...)
}

func (p *Policy) read(r *reader, body ast.Node, all []lint.Rule) {
	r.mapping(body, fields{
		"fail-on":  func(n ast.Node) { p.FailOn = r.word(n, failOns) },
		"baseline": func(n ast.Node) { p.Baseline = p.relative(r.text(n)) },
		"ignore":   func(n ast.Node) { p.ignore = r.patterns(n) },
		"rules":    func(n ast.Node) { p.rules = r.rules(n, all) },
		"stacks": func(n ast.Node) {
			names := map[string]bool{}
			for _, item := range r.list(n) {
				s := r.stack(item)
				if names[s.Name] {
					r.fail(item, "two stacks are called %q", s.Name)
				}
				names[s.Name] = true
				p.Stacks = append(p.Stacks, s)
			}
		},
	}.with(r.facts(&p.Facts)))
}

func (r *reader) stack(n ast.Node) Stack {
	var s Stack
	r.mapping(n, fields{
		"name":       func(n ast.Node) { s.Name = r.text(n) },
		"paths":      func(n ast.Node) { s.Paths = r.texts(n) },
		"root":       func(n ast.Node) { s.Root = r.text(n) },
		"nginx-root": func(n ast.Node) { s.NginxRoot = r.text(n) },
		"fpm-root":   func(n ast.Node) { s.FPMRoot = r.text(n) },
		"nginx-conf": func(n ast.Node) { s.NginxConf = r.texts(n) },
		"fpm-conf":   func(n ast.Node) { s.FPMConf = r.texts(n) },
		"hosts":      func(n ast.Node) { s.Hosts = r.hosts(n) },
	}.with(r.facts(&s.Facts)))
	given := 0
	for _, one := range []bool{len(s.Paths) > 0, s.Root != "", s.NginxRoot != "" || s.FPMRoot != ""} {
		if one {
			given++
		}
	}
	switch {
	case s.Name == "":
		r.fail(n, "a stack has no name: give it one, as reports name it")
	case given != 1:
		r.fail(n, "stack %q says where it lies in %d ways: give one of paths, root, or nginx-root with fpm-root", s.Name, given)
	case len(s.Hosts) > 0 && s.FPMRoot != "":
		r.fail(n, "stack %q has both hosts and fpm-root: hosts says where each FPM side lies", s.Name)
	}
	return s
}

func (r *reader) facts(f *Facts) fields {
	return fields{
		"ram":        func(n ast.Node) { f.RAM = r.size(n) },
		"reserve":    func(n ast.Node) { f.Reserve = r.size(n) },
		"worker-rss": func(n ast.Node) { f.WorkerRSS = r.size(n) },
	}
}

func (r *reader) hosts(n ast.Node) map[string]string {
	out := map[string]string{}
	r.each(n, func(key, value ast.Node) {
		if name, side := r.text(key), r.text(value); name != "" && side != "" {
			out[strings.ToLower(name)] = side
		}
	})
	return out
}

func (r *reader) rules(n ast.Node, all []lint.Rule) map[string]rule {
	var ids []string
	byID := map[string]lint.Rule{}
	for _, rule := range all {
		ids = append(ids, rule.ID)
		byID[rule.ID] = rule
	}
	out := map[string]rule{}
	r.each(n, func(key, value ast.Node) {
		set, ok := byID[r.text(key)]
		if !ok {
			r.fail(key, "unknown rule %q%s", r.text(key), spell.Hint(r.text(key), ids))
			return
		}
		out[set.ID] = r.rule(value, set)
	})
	return out
}

// rule reads "off", a severity, or a mapping with both severity and options.
func (r *reader) rule(n ast.Node, set lint.Rule) rule {
	out := rule{set: set}
	severity := func(n ast.Node) {
		if v := r.word(n, append([]string{off}, severities...)); v == off {
			out.off = true
		} else if v != "" {
			out.forced, _ = lint.ParseSeverity(v) // word has seen to it
		}
	}
	if isScalar(n) {
		severity(n)
		return out
	}
	r.mapping(n, fields{
		"severity": severity,
		"options": func(n ast.Node) {
			var names []string
			for _, o := range set.Options {
				names = append(names, o.Name)
			}
			r.each(n, func(key, value ast.Node) {
				name := r.text(key)
				if !slices.Contains(names, name) {
					r.fail(key, "rule %s has no option %q%s", set.ID, name, spell.Hint(name, names))
					return
				}
				changed, err := out.set.Set(name, r.text(value))
				if err != nil {
					r.fail(value, "option %s of %s: %w", name, set.ID, err)
					return
				}
				out.set = changed
			})
		},
	})
	return out
}

// maxAlternatives bounds the patterns of a policy with all that braces in them stand for: each is held
// against each file.
const maxAlternatives = 1000

// alternatives is the number of patterns that one with braces stands for, or more where they are
// nested.
func alternatives(pattern string) int {
	n := 1
	var open []int // the alternatives of the groups that are open
	for _, c := range pattern {
		switch {
		case c == '{':
			open = append(open, 1)
		case c == ',' && len(open) > 0:
			open[len(open)-1]++
		case c == '}' && len(open) > 0:
			n = min(n*open[len(open)-1], maxAlternatives+1)
			open = open[:len(open)-1]
		}
	}
	return n
}

func (r *reader) patterns(n ast.Node) []string {
	var out []string
	total := 0
	for _, item := range r.list(n) {
		pattern := r.text(item)
		if pattern == "" {
			continue
		}
		pattern = strings.TrimPrefix(strings.TrimSuffix(pattern, "/"), "./")
		if !doublestar.ValidatePattern(pattern) || filepath.IsAbs(pattern) {
			r.fail(item, "%q is no pattern of paths relative to this file, such as tests/**", pattern)
			continue
		}
		if total += alternatives(pattern); total > maxAlternatives {
			r.fail(item, "the patterns have more than %d alternatives in braces", maxAlternatives)
			return nil
		}
		out = append(out, pattern)
	}
	return out
}

// fields are the keys that a mapping may have.
type fields map[string]func(ast.Node)

func (f fields) with(more fields) fields {
	maps.Copy(f, more)
	return f
}
