package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

//go:embed static-silent.md
var staticSilentDoc string

// StaticSilent reports static pools that say nothing when all workers are busy.
var StaticSilent = lint.Rule{
	ID:       "static-silent",
	Severity: lint.Info,
	Family:   "observability",
	Summary:  "a static pool says nothing when all workers are busy",
	Doc:      staticSilentDoc,
	Check:    checkStaticSilent,
}

func checkStaticSilent(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		pm, status := pool.Get("pm"), pool.Get("pm.status_path")
		slow, ok := pool.Seconds("request_slowlog_timeout")
		if pm.Text != "static" || status.Text != "" || status.Unknown != "" || !ok || slow > 0 || status.IsDefault && pool.Master.PoolsOnly {
			continue
		}
		p.Report(lint.Finding{
			Message: fmt.Sprintf("%s is static and has neither pm.status_path nor a slow log: when all workers are busy, nothing in its log says so", poolName(pool)),
			Help:    "set pm.status_path and watch its \"listen queue\", or set request_slowlog_timeout and slowlog",
			Span:    pm.Span,
			Related: []source.Related{{Span: pool.Header, Message: "the pool"}},
		})
	}
}
