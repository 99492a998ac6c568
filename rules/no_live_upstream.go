package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed no-live-upstream.md
var noLiveUpstreamDoc string

// NoLiveUpstream reports upstreams that have no server to offer, or none after one failure.
var NoLiveUpstream = lint.Rule{
	ID:       "no-live-upstream",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "every server of an upstream is down, or one failure is enough",
	Doc:      noLiveUpstreamDoc,
	Check:    checkNoLiveUpstream,
}

// use is an upstream with the hand-offs that lead to it.
type use struct {
	upstream *nginx.Upstream
	handoffs []*stack.Handoff
}

// usedUpstreams are the upstreams that passes lead to, in order of their first one.
func usedUpstreams(st *stack.Stack) []*use {
	var out []*use
	byGroup := map[*nginx.Upstream]*use{}
	for h := range st.All {
		for _, b := range h.Backends {
			if b.Upstream == nil {
				continue
			}
			u := byGroup[b.Upstream]
			if u == nil {
				u = &use{upstream: b.Upstream}
				byGroup[b.Upstream] = u
				out = append(out, u)
			}
			if n := len(u.handoffs); n == 0 || u.handoffs[n-1] != h {
				u.handoffs = append(u.handoffs, h)
			}
		}
	}
	return out
}

func checkNoLiveUpstream(p *lint.Pass) {
	for _, c := range p.Stack.Nginx {
		for _, name := range upstreamNames(c) {
			// Balancers in Lua and of other modules come as blocks.
			if s := c.Upstream(name).Scope; len(c.Upstream(name).Servers) == 0 && len(s.Unread) == 0 && len(s.Children) == 0 {
				p.Report(lint.Finding{
					Message: fmt.Sprintf("no servers are inside upstream %q: nginx does not start or reload", name),
					Help:    "give it a server, or remove it",
					Span:    s.Statement.Span(),
				})
			}
		}
	}
	for _, u := range usedUpstreams(p.Stack) {
		judgeUpstream(p, u)
	}
}

func judgeUpstream(p *lint.Pass, u *use) {
	name, scope := u.upstream.Name, u.upstream.Scope
	if len(scope.Unread) > 0 || len(scope.Children) > 0 {
		p.Skip("%s: upstream %s has more than its servers", place(scope.Statement.Span()), name)
		return
	}
	var live []*nginx.UpstreamServer
	primaries := 0
	for _, s := range u.upstream.Servers {
		if !s.Backup {
			primaries++
		}
		if !s.Down {
			live = append(live, s)
		}
	}
	f := lint.Finding{
		Help:     "take \"down\" away from a server that answers",
		Span:     scope.Statement.Span(),
		Handoffs: u.handoffs,
		Related:  []source.Related{{Span: u.handoffs[0].Pass.Span(), Message: "passed on here"}},
	}
	switch {
	case primaries == 0:
		f.Message = fmt.Sprintf("no servers in upstream %q: all are backup, nginx does not start or reload", name)
		f.Help = "take \"backup\" away from one server"
		f.Refused = true
	case len(live) == 0:
		f.Message = fmt.Sprintf("every server of upstream %s is down: each request ends in a 502", name)
	case len(live) == 1 && len(u.upstream.Servers) > 1 && live[0].MaxFails > 0 && live[0].FailTimeout > 0:
		f.Severity = lint.Warning
		f.Span = live[0].Statement.Span()
		f.Message = fmt.Sprintf("%s is the only server of upstream %s that is not down: after %s nginx leaves it out for %s, and every request ends in a 502",
			live[0].Text, name, plural(live[0].MaxFails, "failure"), live[0].FailTimeout)
		f.Help = "set max_fails=0 on it, or remove the servers that are down: a server that is alone is never left out"
	default:
		return
	}
	p.Report(f)
}
