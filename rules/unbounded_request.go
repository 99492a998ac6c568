package rules

import (
	_ "embed"
	"fmt"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed unbounded-request.md
var unboundedRequestDoc string

// UnboundedRequest reports pools in which a stuck request holds its worker for ever.
var UnboundedRequest = lint.Rule{
	ID:       "unbounded-request",
	Severity: lint.Warning,
	Family:   "time",
	Summary:  "a stuck request holds its worker for ever",
	Doc:      unboundedRequestDoc,
	Check:    checkUnboundedRequest,
}

func checkUnboundedRequest(p *lint.Pass) {
	var found poolGroups
	for _, pool := range servingPools(p.Stack) {
		s := pool.Get("request_terminate_timeout")
		n, ok := pool.Seconds("request_terminate_timeout")
		switch {
		case len(p.Stack.HandoffsTo(pool)) == 0 || ok && n > 0:
			continue
		case !ok:
			p.Skip("%s: %s", poolName(pool), s.Unknown)
			continue
		case s.IsDefault && pool.Master.PoolsOnly:
			p.Skip("%s: request_terminate_timeout may stand in the main file, which is not here", poolName(pool))
			continue
		}
		r, known := readTimes(p.Stack.HandoffsTo(pool))
		if !known {
			continue
		}
		f := lint.Finding{
			Help:    fmt.Sprintf("set request_terminate_timeout = %s, what nginx waits (fastcgi_read_timeout)", seconds(r.least)),
			Span:    settingSpan(pool, s),
			Related: []source.Related{r.origin},
		}
		if s.IsDefault {
			// PHP-FPM's own default: advice, until a log shows that requests hang.
			f.Severity = lint.Info
		}
		if fits(pool, p.Stack.HandoffsTo(pool), r) && editablePool(pool, s) {
			f.Fix = &lint.Fix{
				Description: "end requests when nginx gives up",
				Edits:       pool.SetEdits("request_terminate_timeout", seconds(r.least)),
			}
		}
		found.add(pool, s, f, func(pools string) string {
			return fmt.Sprintf("request_terminate_timeout is %s in %s: nginx gives up after %s, but a request that hangs holds its worker for ever, since max_execution_time counts no waiting", orUnset(s), pools, seconds(r.least))
		})
	}
	found.report(p)
}

// readRange is how long the hand-offs of a pool wait for it.
type readRange struct {
	least, most time.Duration
	origin      source.Related
}

// readTimes are the times of a pool's hand-offs; false where one of them is not known, or none
// bounds a request.
func readTimes(handoffs []*stack.Handoff) (r readRange, known bool) {
	for i, h := range handoffs {
		v := h.Scope.Effective("fastcgi_read_timeout")
		d, err := v.Duration()
		if err != nil || d < time.Second {
			return readRange{}, false
		}
		if i == 0 || d < r.least {
			r.least, r.origin = d, source.Related{Span: h.Pass.Span(), Message: fmt.Sprintf("fastcgi_read_timeout is %s here", v.Text)}
		}
		r.most = max(r.most, d)
	}
	return r, true
}

// fits says whether the shortest of nginx's times can end all requests of a pool: no hand-off waits
// for far longer ones, no script has leave to, and the slow log comes before.
func fits(pool *fpm.Pool, handoffs []*stack.Handoff, r readRange) bool {
	limit := int(r.least / time.Second)
	if slow, ok := pool.Seconds("request_slowlog_timeout"); !ok || slow > limit {
		return false
	}
	for _, h := range handoffs {
		if exec := executionTime(h, pool); exec.explicit && exec.seconds > limit {
			return false
		}
	}
	return r.most < 2*r.least
}
