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

	// Chunks from which scopes and what they hold are taken.
	scopes     []Scope
	children   []*Scope
	directives []*Statement
	ids        []nameID
}

// Chunks of what scopes hold, in elements; scopeChunk is some 28 KiB.
const (
	scopeChunk = 128
	heldChunk  = 2048
)

// count is how near the bounds are.
type count struct {
	spliced, repeated int
	seen              *seen
	last              source.Span // of the include that was followed last
}

// body is a block that is spliced on its own.
type body struct {
	scope  *Scope
	open   []*File
	events []event
}

// event is what splicing met, in textual order: a file that is read, an include, with or without a
// fault, or a body.
type event struct {
	file    *File
	include *Statement
	fault   *source.Problem
	body    *body
}

// spliceAll makes the scopes of the main files.
func (l *loader) spliceAll(inner *Scope, mains []*source.File) {
	seen := &seen{map[*Statement]bool{}, map[*Statement]bool{}}
	l.config.Files = make([]*File, 0, len(l.parsed))
	s := &splicer{loader: l}
	if l.bounded(mains) {
		s.defers = true
	} else {
		s.count = &count{seen: seen}
	}
	for _, f := range mains {
		p := l.parsed[f]
		s.emit(event{file: p})
		s.splice(inner, p.Statements, []*File{p}, false)
	}
	parallelRuns(len(s.later), func(from, to int) {
		in := &splicer{loader: l}
		for _, b := range s.later[from:to] {
			in.events = nil
			in.splice(b.scope, b.scope.Statement.Block, b.open, false)
			b.events = in.events
		}
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

// sum is what splicing a file takes: statements and files, and what they count where they are repeated.
type sum struct{ spliced, weight int }

// bounded says whether the files with all that they include stay below the bounds.
func (l *loader) bounded(mains []*source.File) bool {
	own := func(p *File) int { return p.size + p.blocks*(repeatedBlock-1) }
	first := 0 // the first place of each does not count
	var add func(p *File) sum
	add = func(p *File) sum {
		switch {
		case p == nil:
			return sum{}
		case p.summed:
			return p.sum
		}
		p.sum, p.summed = sum{maxSpliced, maxSpliced}, true // of a file that includes itself
		first += own(p)
		total := sum{p.size + 1, own(p)}
		for _, s := range p.includes {
			for _, p := range l.includes[s.Args[0].Value].targets {
				in := add(p)
				total = sum{min(total.spliced+in.spliced, maxSpliced), min(total.weight+in.weight, 2*maxSpliced*repeatedBlock)}
			}
		}
		p.sum = total
		return total
	}
	var all sum
	for _, f := range mains {
		s := add(l.parsed[f])
		all.spliced, all.weight = all.spliced+s.spliced, all.weight+s.weight
	}
	return all.spliced < maxSpliced && all.weight-first < maxRepeated
}

// splice puts statements into a scope, and those of included files in the place of the include.
// again says that they are in another place already.
func (l *splicer) splice(scope *Scope, list []*Statement, open []*File, again bool) {
	simple, blocks := l.width(list)
	if l.count != nil {
		l.count.spliced += len(list)
		if again {
			l.count.repeated += len(list) + blocks*(repeatedBlock-1)
		}
	}
	if l.full() {
		return
	}
	scope.Directives = grow(scope.Directives, simple, &l.directives)
	scope.ids = grow(scope.ids, simple, &l.ids)
	scope.Children = grow(scope.Children, blocks, &l.children)
	for _, s := range list {
		switch {
		case l.full():
			return
		case s.IsBlock():
			child := &chunk(&l.scopes, 1, scopeChunk)[0]
			scope.hold(child, s.Name)
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

// width is how many directives and blocks a list has, with the directives of the files that it includes.
func (l *splicer) width(list []*Statement) (simple, blocks int) {
	for _, s := range list {
		switch {
		case s.IsBlock():
			blocks++
		case s.Name == "include" && len(s.Args) == 1:
			if l.count != nil {
				continue // there may be millions
			}
			for _, p := range l.includes[s.Args[0].Value].targets {
				if p != nil {
					simple += p.simple
				}
			}
		default:
			simple++
		}
	}
	return simple, blocks
}

// grow makes room for n elements, from a chunk where there are none yet.
func grow[T any](list []T, n int, from *[]T) []T {
	if list == nil && n > 0 {
		return chunk(from, n, heldChunk)[:0]
	}
	return slices.Grow(list, n)
}

// typesFile comes with nginx, and holds a types block alone: nothing is missed where a repository
// lacks it.
const typesFile = "mime.types"

func (l *splicer) include(scope *Scope, s *Statement, open []*File) {
	found := l.includes[s.Args[0].Value]
	if l.count != nil {
		l.count.last = s.ArgSpan(0)
	}
	l.emit(event{include: s})
	if found.problem != "" && (path.Base(s.Args[0].Value) != typesFile || l.config.Root.Whole()) {
		scope.Unread = append(scope.Unread, s)
		l.problem(s, found.kind, found.problem)
	}
	for i, p := range found.targets {
		// An empty file counts too: many includes of many of them would never end.
		if l.count != nil {
			l.count.spliced++
		}
		if l.full() {
			return
		}
		switch {
		case slices.Contains(open, p):
			l.problem(s, source.Limit, fmt.Sprintf("%s includes itself: nginx runs out of open files or crashes", found.files[i].Display))
		case len(open) >= maxIncludeDepth || p == nil:
			l.problem(s, source.Limit, fmt.Sprintf("includes are nested more than %d deep", maxIncludeDepth))
		default:
			again := l.count != nil && p.placed
			l.emit(event{file: p})
			in := open
			if p.simple < len(p.Statements) { // for blocks and includes, which may lead back to it
				in = append(slices.Clip(open), p)
			}
			l.splice(scope, p.Statements, in, again)
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
	included, reported map[*Statement]bool
}

// replay puts what was met into the configuration, each file, include and faulty include once.
func (l *loader) replay(events []event, seen *seen) {
	c := l.config
	for i := range events {
		switch e := &events[i]; {
		case e.body != nil:
			l.replay(e.body.events, seen)
		case e.file != nil && !e.file.placed:
			e.file.placed = true
			c.Files = append(c.Files, e.file)
			c.Problems = append(c.Problems, e.file.Problems...)
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
