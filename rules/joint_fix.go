package rules

import (
	"fpmlint/lint"
	"fpmlint/lint/source"
)

// jointFix makes one fix of the fixes of several hand-offs that share a finding. All must have one,
// and an edit of a snippet that several sites include counts once. Where two of them need different
// edits at one place of a snippet, there is none.
type jointFix struct {
	fix     lint.Fix
	have    map[source.Edit]bool
	at      map[beginning]int // the fix, by its number, that edits there
	count   int
	missing bool
}

// beginning is where an edit begins.
type beginning struct {
	file  *source.File
	start int
}

func (j *jointFix) add(f *lint.Fix) {
	if f == nil {
		j.missing = true
		return
	}
	if j.have == nil {
		j.have, j.at = map[source.Edit]bool{}, map[beginning]int{}
		j.fix = lint.Fix{Safe: true, Description: f.Description}
	}
	j.fix.Safe = j.fix.Safe && f.Safe
	j.count++
	for _, e := range f.Edits {
		if j.have[e] {
			continue
		}
		at := beginning{e.Span.File, e.Span.Start}
		if by, taken := j.at[at]; taken && by != j.count {
			j.missing = true
			return
		}
		j.at[at], j.have[e] = j.count, true
		j.fix.Edits = append(j.fix.Edits, e)
	}
}

// result is the fix, nil where a hand-off has none.
func (j *jointFix) result() *lint.Fix {
	if j.missing || j.have == nil {
		return nil
	}
	return &j.fix
}

// maxRelated bounds the places that a finding about many hand-offs lists.
const maxRelated = 10

// group is a finding about several hand-offs in the making.
type group struct {
	lint.Finding
	joint jointFix
}

// groups collects findings by key, in the order in which they are met.
type groups[K comparable] struct {
	byKey map[K]*group
	order []*group
}

// at is the group of a key; fresh says that it has just been made.
func (g *groups[K]) at(key K) (found *group, fresh bool) {
	if found = g.byKey[key]; found != nil {
		return found, false
	}
	if g.byKey == nil {
		g.byKey = map[K]*group{}
	}
	found = &group{}
	g.byKey[key] = found
	g.order = append(g.order, found)
	return found, true
}

// report hands the findings over.
func (g *groups[K]) report(p *lint.Pass) {
	for _, f := range g.order {
		f.Fix = f.joint.result()
		p.Report(f.Finding)
	}
}
