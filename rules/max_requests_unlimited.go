package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
)

//go:embed max-requests-unlimited.md
var maxRequestsUnlimitedDoc string

// MaxRequestsUnlimited reports pools whose workers live for ever.
var MaxRequestsUnlimited = lint.Rule{
	ID:       "max-requests-unlimited",
	Severity: lint.Info,
	Family:   "capacity",
	Summary:  "workers live for ever, and so do their leaks",
	Doc:      maxRequestsUnlimitedDoc,
	Options: []lint.Option{{
		Name: "requests", Kind: lint.Count, Default: "500",
		Doc: "the number that the fix sets: that of PHP's www.conf.in",
	}},
	Check: checkMaxRequestsUnlimited,
}

func checkMaxRequestsUnlimited(p *lint.Pass) {
	var found poolGroups
	for _, pool := range servingPools(p.Stack) {
		s, pm := pool.Get("pm.max_requests"), pool.Get("pm")
		n, ok := pool.Int("pm.max_requests")
		switch {
		case len(p.Stack.HandoffsTo(pool)) == 0 || pm.Text == "ondemand" || stockProcesses(pool):
			continue // idle workers of ondemand end by themselves; a stock pool is max-children-default's
		case s.IsDefault && pool.Master.PoolsOnly || pm.Unknown != "":
			continue
		case !ok:
			p.Skip("%s: pm.max_requests: %s", poolName(pool), s.Unknown)
			continue
		case n != 0:
			continue
		}
		f := lint.Finding{
			Help: fmt.Sprintf("set pm.max_requests = %d, or a number at which the workers' memory is still what it should be", p.Count("requests")),
			Span: settingSpan(pool, s),
		}
		if editablePool(pool, s) {
			f.Fix = &lint.Fix{
				Description: fmt.Sprintf("replace a worker after %d requests", p.Count("requests")),
				Edits:       pool.SetEdits("pm.max_requests", itoa(p.Count("requests"))),
			}
		}
		found.add(pool, s, f, func(pools string) string {
			return fmt.Sprintf("pm.max_requests is %s in %s: memory that workers leak is never given back", orUnset(s), pools)
		})
	}
	found.report(p)
}
