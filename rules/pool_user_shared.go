package rules

import (
	_ "embed"
	"fmt"
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
		mine := sites(p.Stack.HandoffsTo(pool))
		group := byUser[user.Text]
		switch {
		case len(mine) == 0:
		case group == nil:
			group = &sharers{user: user.Text, first: pool, sites: mine}
			byUser[user.Text] = group
			order = append(order, group)
		case !overlap(mine, group.sites):
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

// sites are the names of the servers around hand-offs, without www.
func sites(handoffs []*stack.Handoff) map[string]bool {
	out := map[string]bool{}
	for _, h := range handoffs {
		server := h.Scope.Server()
		if server == nil {
			continue
		}
		for _, d := range server.FindAll("server_name") {
			for _, name := range d.Args {
				if name.Value != "_" && name.Value != "" {
					out[strings.TrimPrefix(name.Value, "www.")] = true
				}
			}
		}
	}
	return out
}

func overlap(a, b map[string]bool) bool {
	for name := range a {
		if b[name] {
			return true
		}
	}
	return false
}
