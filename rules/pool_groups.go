package rules

import (
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

// poolGroups makes one finding of what the pools of one master lack alike: where nobody set it in
// any of a hundred pools, that is one thing to do.
type poolGroups struct {
	groups groups[poolKey]
	of     map[*group]*lacking
	marked map[*source.File]bool // files with comments that suppress
}

type poolKey struct {
	master *fpm.Master
	// alone is a pool that has a finding of its own.
	alone       *fpm.Pool
	message     string
	fixed, safe bool
}

type lacking struct {
	names   []string
	message func(pools string) string
}

// add takes a finding about a setting of a pool; message is told the pool's name, or the pools'.
// What a pool sets itself is reported by itself, and so is a pool with a comment that may suppress
// the finding.
func (g *poolGroups) add(pool *fpm.Pool, s fpm.Setting, f lint.Finding, message func(pools string) string) {
	key := poolKey{master: pool.Master, message: message(""), fixed: f.Fix != nil, safe: f.Fix != nil && f.Fix.Safe}
	if !s.IsDefault || g.hasMarks(pool) {
		key.alone = pool
	}
	have, fresh := g.groups.at(key)
	if fresh {
		if g.of == nil {
			g.of = map[*group]*lacking{}
		}
		g.of[have] = &lacking{message: message}
		have.Finding = f
	} else if len(have.Related) < maxRelated {
		have.Related = append(have.Related, source.Related{Span: pool.Header, Message: "and in this one"})
	}
	have.joint.add(f.Fix)
	have.Handoffs = append(have.Handoffs, f.Handoffs...)
	g.of[have].names = append(g.of[have].names, pool.Name)
}

// hasMarks says whether the pool's file has comments that suppress findings.
func (g *poolGroups) hasMarks(pool *fpm.Pool) bool {
	f := pool.Header.File
	has, known := g.marked[f]
	if !known {
		if g.marked == nil {
			g.marked = map[*source.File]bool{}
		}
		has = len(fpm.Marks(f, pool.Master.Version)) > 0
		g.marked[f] = has
	}
	return has
}

// report hands the findings over.
func (g *poolGroups) report(p *lint.Pass) {
	for key, f := range g.groups.byKey {
		l := g.of[f]
		f.Message = l.message(poolNames(key.master, l.names))
	}
	g.groups.report(p)
}

// poolNames names one pool, or some of many.
func poolNames(m *fpm.Master, names []string) string {
	const listed = 3
	text := "pool " + names[0]
	if len(names) > 1 {
		last := names[len(names)-1]
		if len(names) > listed+1 {
			last = fmt.Sprintf("%d more", len(names)-listed)
		}
		text = "the pools " + strings.Join(names[:min(listed, len(names)-1)], ", ") + " and " + last
	}
	if m.Version != "" {
		text += " of PHP " + m.Version
	}
	return text
}
