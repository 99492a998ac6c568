package nginx

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/source"
)

// Bounds on includes. nginx has none: it runs out of file descriptors or memory.
const (
	maxIncludeDepth = 64
	maxSpliced      = 5_000_000 // statements and files in all contexts together
)

// splicer builds scopes from what was parsed, each include replaced by what it leads to.
type splicer struct {
	*loader
	events []event
	// spliced counts towards maxSpliced. Splicers that share a count run one after another.
	spliced *int
	// later are the bodies of the blocks of http, which are spliced on their own: a server's does not
	// depend on another's, and there may be thousands.
	later []*body
	// defers says that there are such.
	defers bool
	faulty map[*Statement]bool // the includes whose fault was met
}

// body is a block that is spliced on its own.
type body struct {
	scope  *Scope
	open   []*source.File
	events []event
}

// event is what splicing met, in textual order: a file that is read, an include, with or without a
// fault, or a body.
type event struct {
	file    *source.File
	include *Statement
	fault   *source.Problem
	body    *body
}

// spliceAll makes the scopes of the main files.
func (l *loader) spliceAll(inner *Scope, mains []*source.File) {
	s := &splicer{loader: l, spliced: new(int), defers: true}
	for _, f := range mains {
		s.visit(f)
		s.splice(inner, l.parsed[f].Statements, []*source.File{f}, nil)
	}
	inside := func(b *body, spliced *int) {
		in := &splicer{loader: l, spliced: spliced}
		in.splice(b.scope, b.scope.Statement.Block, b.open, nil)
		b.events = in.events
	}
	if l.bounded(mains) {
		parallel(len(s.later), func(i int) { inside(s.later[i], new(int)) })
	} else {
		for _, b := range s.later {
			inside(b, s.spliced)
		}
	}
	l.replay(s.events, &seen{map[*source.File]bool{}, map[*Statement]bool{}, map[*Statement]bool{}})
}

// bounded says whether the files with all that they include stay below maxSpliced.
func (l *loader) bounded(mains []*source.File) bool {
	sizes := map[*source.File]int{}
	var size func(f *source.File) int
	size = func(f *source.File) int {
		if n, ok := sizes[f]; ok {
			return n
		}
		sizes[f] = maxSpliced // of a file that includes itself
		parsed := l.parsed[f]
		if parsed == nil {
			return 0
		}
		n := parsed.size + 1
		for _, s := range parsed.includes {
			for _, f := range l.includes[s.Args[0].Value].files {
				n = min(n+size(f), maxSpliced)
			}
		}
		sizes[f] = n
		return n
	}
	total := 0
	for _, f := range mains {
		total += size(f)
	}
	return total < maxSpliced
}

// splice puts statements into a scope, and those of included files in the place of the include.
func (l *splicer) splice(scope *Scope, list []*Statement, open []*source.File, via []*Statement) {
	if *l.spliced += len(list); *l.spliced > maxSpliced {
		return
	}
	simple := 0
	for _, s := range list {
		if !s.IsBlock() && s.Name != "include" {
			simple++
		}
	}
	scope.Directives = slices.Grow(scope.Directives, simple)
	scope.ids = slices.Grow(scope.ids, simple)
	for _, s := range list {
		switch {
		case s.IsBlock():
			child := scope.below(s.Name)
			child.Statement, child.Via = s, via
			switch {
			case s.Lua:
			case l.defers && scope.Kind == "http":
				b := &body{scope: child, open: open}
				l.later = append(l.later, b)
				l.events = append(l.events, event{body: b})
			default:
				l.splice(child, s.Block, open, nil)
			}
		case s.Name == "include" && len(s.Args) == 1:
			l.include(scope, s, open, via)
		default:
			scope.add(s)
		}
	}
}

// typesFile comes with nginx, and holds a types block alone: nothing is missed where a repository
// lacks it.
const typesFile = "mime.types"

func (l *splicer) include(scope *Scope, s *Statement, open []*source.File, via []*Statement) {
	found := l.includes[s.Args[0].Value]
	l.events = append(l.events, event{include: s})
	if found.problem != "" && (path.Base(s.Args[0].Value) != typesFile || l.config.Root.Live()) {
		scope.Unread = append(scope.Unread, s)
		l.problem(s, found.kind, found.problem)
	}
	through := append(slices.Clip(via), s)
	for _, f := range found.files {
		// An empty file counts too: many includes of many of them would never end.
		if *l.spliced++; *l.spliced > maxSpliced {
			l.problem(s, source.Limit, fmt.Sprintf("the includes add up to more than %d directives", maxSpliced))
			return
		}
		switch {
		case slices.Contains(open, f):
			l.problem(s, source.Limit, fmt.Sprintf("%s includes itself: nginx runs out of open files or crashes", f.Display))
		case len(open) >= maxIncludeDepth || l.parsed[f] == nil:
			l.problem(s, source.Limit, fmt.Sprintf("includes are nested more than %d deep", maxIncludeDepth))
		default:
			l.visit(f)
			l.splice(scope, l.parsed[f].Statements, append(slices.Clip(open), f), through)
		}
	}
}

func (l *splicer) visit(f *source.File) { l.events = append(l.events, event{file: f}) }

func (l *splicer) problem(s *Statement, kind source.Kind, message string) {
	if l.faulty[s] {
		return
	}
	if l.faulty == nil {
		l.faulty = map[*Statement]bool{}
	}
	l.faulty[s] = true
	l.events = append(l.events, event{include: s, fault: &source.Problem{Kind: kind, Message: message, Span: s.ArgSpan(0)}})
}

// seen are what the configuration has already.
type seen struct {
	files              map[*source.File]bool
	included, reported map[*Statement]bool
}

// replay puts what was met into the configuration, each file, include and faulty include once.
func (l *loader) replay(events []event, seen *seen) {
	c := l.config
	for i := range events {
		switch e := &events[i]; {
		case e.body != nil:
			l.replay(e.body.events, seen)
		case e.file != nil && !seen.files[e.file]:
			seen.files[e.file] = true
			p := l.parsed[e.file]
			c.Files = append(c.Files, p)
			c.Problems = append(c.Problems, p.Problems...)
		case e.fault != nil && !seen.reported[e.include]:
			seen.reported[e.include] = true
			c.Problems = append(c.Problems, *e.fault)
		case e.fault == nil && e.include != nil && !seen.included[e.include]:
			seen.included[e.include] = true
			c.Includes = append(c.Includes, l.includeOf(e.include))
		}
	}
}

// includeOf is what an include leads to.
func (l *loader) includeOf(s *Statement) Include {
	i := Include{Statement: s, Files: l.includes[s.Args[0].Value].files}
	// A pattern such as name[.]conf makes one include optional; one that begins with * lists a directory.
	if pattern := s.Args[0].Value; len(i.Files) == 0 && strings.HasPrefix(path.Base(pattern), "*") {
		if !path.IsAbs(pattern) {
			pattern = path.Join(l.config.Prefix, pattern)
		}
		for _, f := range l.config.Root.Beside(pattern) {
			if kind := Detect(f.Data); kind != KindNone && kind != KindEntry {
				i.Beside = append(i.Beside, f)
			}
		}
	}
	return i
}
