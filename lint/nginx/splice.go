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
	maxRepeated     = 1_000_000 // of them those in more than one place
	repeatedBlock   = 10        // what a block counts there
)

// splicer builds scopes from what was parsed, each include replaced by what it leads to.
type splicer struct {
	*loader
	events []event
	faulty map[*Statement]bool // the includes whose fault was met
	// later are the bodies of the blocks of http, which are spliced on their own: a server's do not
	// depend on another's, and there may be thousands.
	later []*body
	// defers says that there are such.
	defers bool
	// count is nil where the bounds are out of reach.
	count *count
}

// count is how near the bounds are.
type count struct {
	spliced, repeated int
	seen              *seen
	last              source.Span // of the include that was followed last
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
	seen := &seen{map[*source.File]bool{}, map[*Statement]bool{}, map[*Statement]bool{}}
	s := &splicer{loader: l}
	if l.bounded(mains) {
		s.defers = true
	} else {
		s.count = &count{seen: seen}
	}
	for _, f := range mains {
		s.emit(event{file: f})
		s.splice(inner, l.parsed[f].Statements, []*source.File{f}, false)
	}
	parallel(len(s.later), func(i int) {
		b := s.later[i]
		in := &splicer{loader: l}
		in.splice(b.scope, b.scope.Statement.Block, b.open, false)
		b.events = in.events
	})
	l.replay(s.events, seen)
	if s.full() {
		message := fmt.Sprintf("the includes add up to more than %d directives", maxSpliced)
		if s.count.repeated > maxRepeated {
			message = fmt.Sprintf("the includes repeat more than %d directives", maxRepeated)
		}
		l.config.Problems = append(l.config.Problems, source.Problem{Kind: source.Limit, Span: s.count.last, Message: message})
	}
}

// bounded says whether the files with all that they include stay below the bounds.
func (l *loader) bounded(mains []*source.File) bool {
	type sum struct{ spliced, weight int }
	sums := map[*source.File]sum{}
	own := func(p *File) int { return p.size + p.blocks*(repeatedBlock-1) }
	var add func(f *source.File) sum
	add = func(f *source.File) sum {
		if s, ok := sums[f]; ok {
			return s
		}
		sums[f] = sum{maxSpliced, maxSpliced} // of a file that includes itself
		p := l.parsed[f]
		if p == nil {
			return sum{}
		}
		total := sum{p.size + 1, own(p)}
		for _, s := range p.includes {
			for _, f := range l.includes[s.Args[0].Value].files {
				in := add(f)
				total = sum{min(total.spliced+in.spliced, maxSpliced), min(total.weight+in.weight, 2*maxSpliced*repeatedBlock)}
			}
		}
		sums[f] = total
		return total
	}
	var all sum
	for _, f := range mains {
		s := add(f)
		all.spliced, all.weight = all.spliced+s.spliced, all.weight+s.weight
	}
	for f := range sums { // the first place of each does not count
		if p := l.parsed[f]; p != nil {
			all.weight -= own(p)
		}
	}
	return all.spliced < maxSpliced && all.weight < maxRepeated
}

// splice puts statements into a scope, and those of included files in the place of the include.
// again says that they are in another place already.
func (l *splicer) splice(scope *Scope, list []*Statement, open []*source.File, again bool) {
	simple, blocks := 0, 0
	for _, s := range list {
		switch {
		case s.IsBlock():
			blocks++
		case s.Name != "include":
			simple++
		}
	}
	if l.count != nil {
		l.count.spliced += len(list)
		if again {
			l.count.repeated += len(list) + blocks*(repeatedBlock-1)
		}
	}
	if l.full() {
		return
	}
	scope.Directives = slices.Grow(scope.Directives, simple)
	scope.ids = slices.Grow(scope.ids, simple)
	for _, s := range list {
		switch {
		case l.full():
			return
		case s.IsBlock():
			child := scope.below(s.Name)
			child.Statement = s
			switch {
			case s.Lua:
			case l.defers && scope.Kind == "http":
				b := &body{scope: child, open: open}
				l.later = append(l.later, b)
				l.emit(event{body: b})
			default:
				l.splice(child, s.Block, open, again)
			}
		case s.Name == "include" && len(s.Args) == 1:
			l.include(scope, s, open)
		default:
			scope.add(s)
		}
	}
}

// typesFile comes with nginx, and holds a types block alone: nothing is missed where a repository
// lacks it.
const typesFile = "mime.types"

func (l *splicer) include(scope *Scope, s *Statement, open []*source.File) {
	found := l.includes[s.Args[0].Value]
	if l.count != nil {
		l.count.last = s.ArgSpan(0)
	}
	l.emit(event{include: s})
	if found.problem != "" && (path.Base(s.Args[0].Value) != typesFile || l.config.Root.Whole()) {
		scope.Unread = append(scope.Unread, s)
		l.problem(s, found.kind, found.problem)
	}
	for _, f := range found.files {
		// An empty file counts too: many includes of many of them would never end.
		if l.count != nil {
			l.count.spliced++
		}
		if l.full() {
			return
		}
		switch {
		case slices.Contains(open, f):
			l.problem(s, source.Limit, fmt.Sprintf("%s includes itself: nginx runs out of open files or crashes", f.Display))
		case len(open) >= maxIncludeDepth || l.parsed[f] == nil:
			l.problem(s, source.Limit, fmt.Sprintf("includes are nested more than %d deep", maxIncludeDepth))
		default:
			again := l.count != nil && l.count.seen.files[f]
			l.emit(event{file: f})
			l.splice(scope, l.parsed[f].Statements, append(slices.Clip(open), f), again)
		}
	}
}

// full says whether no more statements are taken.
func (l *splicer) full() bool {
	return l.count != nil && (l.count.spliced > maxSpliced || l.count.repeated > maxRepeated)
}

// emit notes what was met, at once where there may be millions.
func (l *splicer) emit(e event) {
	if l.count != nil {
		l.replay([]event{e}, l.count.seen)
		return
	}
	l.events = append(l.events, e)
}

func (l *splicer) problem(s *Statement, kind source.Kind, message string) {
	if l.faulty[s] {
		return
	}
	if l.faulty == nil {
		l.faulty = map[*Statement]bool{}
	}
	l.faulty[s] = true
	l.emit(event{include: s, fault: &source.Problem{Kind: kind, Message: message, Span: s.ArgSpan(0)}})
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
