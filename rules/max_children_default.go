package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
)

//go:embed max-children-default.md
var maxChildrenDefaultDoc string

// MaxChildrenDefault reports pools that serve a site with the five workers of PHP's own example.
var MaxChildrenDefault = lint.Rule{
	ID:       "max-children-default",
	Severity: lint.Info,
	Family:   "capacity",
	Summary:  "a pool that serves a site has the default number of workers",
	Doc:      maxChildrenDefaultDoc,
	Check:    checkMaxChildrenDefault,
}

func checkMaxChildrenDefault(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		if len(p.Stack.HandoffsTo(pool)) == 0 || !stockProcesses(pool) {
			continue
		}
		p.Report(lint.Finding{
			Message:  fmt.Sprintf("%s serves requests with the default of 5 workers: the sixth that comes at the same time waits", poolName(pool)),
			Help:     "measure what a worker takes and let as many run as fit into memory, with spare servers in proportion",
			Span:     pool.Get("pm.max_children").Span,
			Handoffs: p.Stack.HandoffsTo(pool),
		})
	}
}

// stockProcesses says whether a pool's process manager is as PHP's www.conf.in, and with it most
// distributions, sets it: dynamic, 5 workers, 2 at the start, 1 to 3 spare.
func stockProcesses(pool *fpm.Pool) bool {
	for key, want := range map[string]string{
		"pm": "dynamic", "pm.max_children": "5", "pm.start_servers": "2", "pm.min_spare_servers": "1", "pm.max_spare_servers": "3",
	} {
		if s := pool.Get(key); s.Unknown != "" || s.Text != want {
			return false
		}
	}
	return true
}
