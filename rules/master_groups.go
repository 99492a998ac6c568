package rules

import (
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

// masterGroups makes one finding of what the main files of a repository lack alike: copies for many
// images are one thing to do. Those of a machine are its PHP versions, each with a finding of its own.
type masterGroups struct {
	groups groups[masterKey]
	count  map[*group]int
}

type masterKey struct {
	alone   *fpm.Master // one that has a finding of its own
	message string
	fixed   bool
}

// add takes a finding about a main file; set says that the file itself sets what is wrong.
func (g *masterGroups) add(p *lint.Pass, m *fpm.Master, set bool, f lint.Finding) {
	key := masterKey{message: f.Message, fixed: f.Fix != nil}
	if !p.Stack.Loose || set || len(fpm.Marks(m.Conf, m.Version)) > 0 {
		key.alone = m
	}
	have, fresh := g.groups.at(key)
	if fresh {
		if g.count == nil {
			g.count = map[*group]int{}
		}
		have.Finding = f
	} else if len(have.Related) < maxRelated {
		have.Related = append(have.Related, source.Related{Span: f.Span, Message: "and in this one"})
	}
	g.count[have]++
	have.joint.add(f.Fix)
}

// report hands the findings over.
func (g *masterGroups) report(p *lint.Pass) {
	for f, n := range g.count {
		if n > 1 {
			f.Message += fmt.Sprintf(" (in %d main files)", n)
		}
	}
	g.groups.report(p)
}
