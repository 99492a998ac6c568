package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed max-fails-blackout.md
var maxFailsBlackoutDoc string

// MaxFailsBlackout reports upstreams that one slow or broken page takes down whole.
var MaxFailsBlackout = lint.Rule{
	ID:       "max-fails-blackout",
	Severity: lint.Warning,
	Family:   "connectivity",
	Summary:  "one slow or broken page takes every server of an upstream out",
	Doc:      maxFailsBlackoutDoc,
	Check:    checkMaxFailsBlackout,
}

func checkMaxFailsBlackout(p *lint.Pass) {
	seen := map[*nginx.Upstream]bool{}
	local := localhost(p.Stack)
	both := p.Stack.NginxHost.HasNames && local.v4 && local.v6 && !p.Stack.Split
	for h := range p.Stack.All {
		for _, group := range liveGroups(h) {
			u := group[0].Upstream
			if !seen[u] {
				seen[u] = true
				checkOneFPM(p, h, u, group)
			}
			checkFailingPages(p, h, u, group)
		}
		for _, b := range h.Backends {
			if !both || b.Err != nil || b.Upstream != nil || b.Address.Host != "localhost" {
				continue
			}
			if heard, _, who := hearing(h, b); heard.v4 && heard.v6 {
				reportLocalhost(p, h, b, who)
			}
		}
	}
}

// liveGroups are a hand-off's backends that are not down, upstream by upstream, where there are at
// least two: a server that is alone is never left out. Several values of a variable may lead to one
// upstream.
func liveGroups(h *stack.Handoff) [][]*stack.Backend {
	var out [][]*stack.Backend
	seen := map[*nginx.UpstreamServer]bool{}
	at := map[*nginx.Upstream]int{}
	for _, b := range h.Backends {
		if b.Upstream == nil || b.Err != nil || b.Server.Down || seen[b.Server] {
			continue
		}
		seen[b.Server] = true
		i, ok := at[b.Upstream]
		if !ok {
			i = len(out)
			at[b.Upstream] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], b)
	}
	return slices.DeleteFunc(out, func(live []*stack.Backend) bool { return len(live) < 2 })
}

// checkOneFPM looks for upstreams whose servers are one pool, or one address.
func checkOneFPM(p *lint.Pass, h *stack.Handoff, u *nginx.Upstream, group []*stack.Backend) {
	for _, b := range group {
		if b.Server.MaxFails < 1 || !sameEnd(group[0], b) {
			return
		}
	}
	who := group[0].Address.String()
	if len(group[0].Pools) > 0 && group[0].Pools[0].Match == address.Yes {
		who = poolName(group[0].Pools[0].Pool)
	}
	f := lint.Finding{
		Message: fmt.Sprintf("all %s of upstream %s are %s: one page that times out makes nginx leave all of them out for %s, and every request ends in a 502",
			plural(len(group), "server"), u.Name, who, group[0].Server.FailTimeout),
		Help:     "name it once, or set max_fails=0 on each: a server that is alone is never left out",
		Span:     group[1].Server.Statement.Span(),
		Handoffs: []*stack.Handoff{h},
		Related:  []source.Related{{Span: group[0].Span, Message: "the same server"}},
	}
	var edits []source.Edit
	for _, b := range group {
		edits = append(edits, serverOption(b.Server.Statement, "max_fails", "0"))
	}
	if allEditable(edits) {
		f.Fix = &lint.Fix{Description: "max_fails=0 on each server of upstream " + u.Name, Edits: edits}
	}
	p.Report(f)
}

// sameEnd says whether two backends are one address or lead to one pool for certain.
func sameEnd(a, b *stack.Backend) bool {
	if a.Address == b.Address {
		return true
	}
	pool := func(b *stack.Backend) *fpm.Pool {
		if len(b.Pools) != 1 || b.Pools[0].Match != address.Yes {
			return nil
		}
		return b.Pools[0].Pool
	}
	return pool(a) != nil && pool(a) == pool(b)
}

// serverOption is the edit that gives a server of an upstream an option.
func serverOption(s *nginx.Statement, name, value string) source.Edit {
	for i, a := range s.Args[1:] {
		if strings.HasPrefix(a.Value, name+"=") {
			return source.Edit{Span: s.ArgSpan(i + 1), NewText: name + "=" + value}
		}
	}
	end := s.ArgSpan(len(s.Args) - 1).End
	return source.Edit{Span: s.Src.Span(end, end), NewText: " " + name + "=" + value}
}

// checkFailingPages looks for answers of PHP itself that count as failures of the server. All but
// the last server that a request asks are marked by it, the last one by the next request
// (ngx_http_upstream_test_next).
func checkFailingPages(p *lint.Pass, h *stack.Handoff, u *nginx.Upstream, group []*stack.Backend) {
	v := h.Scope.Effective(h.Module() + "_next_upstream")
	i := slices.IndexFunc(v.Args(), func(w string) bool { return strings.HasPrefix(w, "http_5") })
	if i < 0 || h.Scope.Effective(h.Module()+"_next_upstream_tries").Text == "1" || slices.ContainsFunc(group, func(b *stack.Backend) bool { return b.Server.MaxFails != 1 }) {
		return
	}
	p.Report(lint.Finding{
		Message: fmt.Sprintf("%s_next_upstream %s with max_fails 1: a page that answers %s twice makes nginx leave every server of upstream %s out for %s, and every request ends in a 502",
			h.Module(), v.Args()[i], strings.TrimPrefix(v.Args()[i], "http_"), u.Name, group[0].Server.FailTimeout),
		Help:     "take it out of " + h.Module() + "_next_upstream, or set max_fails on the servers to more than a broken page's requests, or to 0",
		Span:     v.Span,
		Handoffs: []*stack.Handoff{h},
		Related:  []source.Related{{Span: u.Scope.Statement.Span(), Message: "its servers"}},
	})
}

func reportLocalhost(p *lint.Pass, h *stack.Handoff, b *stack.Backend, who string) {
	f := passFinding(h, b, fmt.Sprintf("localhost is 127.0.0.1 and [::1], both of them %s: one page that times out makes nginx leave both out for 10s, and every request ends in a 502", who),
		fmt.Sprintf("write 127.0.0.1:%d: a server that is alone is never left out", b.Address.Port))
	if edits := replaceIn(b.Span, "localhost", "127.0.0.1"); edits != nil {
		f.Fix = &lint.Fix{Description: fmt.Sprintf("pass to 127.0.0.1:%d", b.Address.Port), Edits: edits}
	}
	p.Report(f)
}
