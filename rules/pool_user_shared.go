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

func checkPoolUserShared(p *lint.Pass) {
	handoffs := served(p.Stack)
	first := map[string]*fpm.Pool{} // by user
	for _, pool := range servingPools(p.Stack) {
		user := pool.Get("user")
		if user.Unknown != "" || user.Text == "" || len(handoffs[pool]) == 0 {
			continue
		}
		other := first[user.Text]
		if other == nil {
			first[user.Text] = pool
			continue
		}
		mine, theirs := sites(handoffs[pool]), sites(handoffs[other])
		if len(mine) == 0 || len(theirs) == 0 || overlap(mine, theirs) {
			continue
		}
		p.Report(lint.Finding{
			Message: fmt.Sprintf("%s runs as %s like %s, which serves another site: who breaks into one of them has both", poolName(pool), user.Text, poolName(other)),
			Help:    "give each site's pool a user of its own, who owns that site's files",
			Span:    settingSpan(pool, user),
			Related: []source.Related{{Span: settingSpan(other, other.Get("user")), Message: poolName(other)}},
		})
	}
}

// sites are the names of the servers around hand-offs, without www.
func sites(handoffs []*stack.Handoff) map[string]bool {
	out := map[string]bool{}
	for _, h := range handoffs {
		for _, name := range h.Scope.ServerNames() {
			if name != "_" && name != "" {
				out[strings.TrimPrefix(name, "www.")] = true
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
