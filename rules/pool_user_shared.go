package rules

import (
	_ "embed"
	"fmt"
	"iter"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed pool-user-shared.md
var poolUserSharedDoc string

// PoolUserShared reports pools of different sites that run as one user.
var PoolUserShared = lint.Rule{
	ID:       "pool-user-shared",
	Severity: lint.Info,
	Family:   "exposure",
	Summary:  "pools of different sites run as one user",
	Doc:      poolUserSharedDoc,
	Check:    checkPoolUserShared,
}

// sharers are pools of one user.
type sharers struct {
	user  string
	first *fpm.Pool
	sites map[string]bool
	// others serve other sites than first.
	others []*fpm.Pool
}

func checkPoolUserShared(p *lint.Pass) {
	byUser := map[string]*sharers{}
	var order []*sharers
	for _, pool := range servingPools(p.Stack) {
		user := pool.Get("user")
		if user.Unknown != "" || user.Text == "" {
			continue
		}
		group := byUser[user.Text]
		if group == nil {
			group = &sharers{user: user.Text, first: pool, sites: map[string]bool{}}
			for name := range sites(p.Stack.HandoffsTo(pool)) {
				group.sites[name] = true
			}
			if len(group.sites) > 0 {
				byUser[user.Text] = group
				order = append(order, group)
			}
			continue
		}
		if group.foreign(sites(p.Stack.HandoffsTo(pool))) {
			group.others = append(group.others, pool)
		}
	}
	for _, group := range order {
		if len(group.others) > 0 {
			group.report(p)
		}
	}
}

// report makes one finding of a user's pools.
func (s *sharers) report(p *lint.Pass) {
	pool := s.others[0]
	f := lint.Finding{
		Message: fmt.Sprintf("%s runs as %s like %s, which serves another site: who breaks into one of them has both", poolName(pool), s.user, poolName(s.first)),
		Help:    "give each site's pool a user of its own, who owns that site's files",
		Span:    settingSpan(pool, pool.Get("user")),
		Related: []source.Related{{Span: settingSpan(s.first, s.first.Get("user")), Message: poolName(s.first)}},
	}
	if n := len(s.others) - 1; n > 0 {
		f.Message += fmt.Sprintf(" (and %s more)", plural(n, "pool"))
		for _, other := range s.others[1:min(len(s.others), 6)] {
			f.Related = append(f.Related, source.Related{Span: settingSpan(other, other.Get("user")), Message: poolName(other)})
		}
	}
	p.Report(f)
}

// sites yields the names of the servers around hand-offs, without www.
func sites(handoffs []*stack.Handoff) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, h := range handoffs {
			server := h.Scope.Server()
			if server == nil {
				continue
			}
			for _, d := range server.FindAll("server_name") {
				for _, name := range d.Args {
					if name.Value != "_" && name.Value != "" && !yield(strings.TrimPrefix(name.Value, "www.")) {
						return
					}
				}
			}
		}
	}
}

// foreign says whether there are names, and none is of the first pool's sites.
func (s *sharers) foreign(names iter.Seq[string]) bool {
	some := false
	for name := range names {
		if s.sites[name] {
			return false
		}
		some = true
	}
	return some
}
