package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed next-upstream.md
var nextUpstreamDoc string

// NextUpstream reports requests that run more than once, or as often as there are servers.
var NextUpstream = lint.Rule{
	ID:       "next-upstream",
	Severity: lint.Warning,
	Family:   "connectivity",
	Summary:  "requests run twice, or wait for one server after the other",
	Doc:      nextUpstreamDoc,
	Check:    checkNextUpstream,
}

// retried are the hand-offs of one kind to one upstream that wait for all its servers in turn.
type retried struct {
	upstream *nginx.Upstream
	module   string
	servers  int
	read     string // the time-out
}

func checkNextUpstream(p *lint.Pass) {
	var order []retried
	found := map[retried][]*stack.Handoff{}
	for h := range p.Stack.All {
		v := h.Scope.Effective(h.Module() + "_next_upstream")
		for _, group := range liveGroups(h) {
			if slices.Contains(v.Args(), "non_idempotent") {
				reportTwice(p, h, v)
			}
			if slices.Contains(v.Args(), "timeout") && unbounded(h, "_tries") && unbounded(h, "_timeout") {
				key := retried{group[0].Upstream, h.Module(), len(group), h.Scope.Effective(h.Module() + "_read_timeout").Text}
				if found[key] == nil {
					order = append(order, key)
				}
				found[key] = append(found[key], h)
			}
		}
	}
	for _, key := range order {
		reportInTurn(p, key, found[key])
	}
}

// unbounded says whether a limit on passing requests on is 0, which is none.
func unbounded(h *stack.Handoff, limit string) bool {
	v := h.Scope.Effective(h.Module() + "_next_upstream" + limit)
	return v.IsDefault || strings.Trim(v.Text, "0smhd") == ""
}

func reportTwice(p *lint.Pass, h *stack.Handoff, v nginx.Value) {
	f := lint.Finding{
		Message:  h.Module() + "_next_upstream non_idempotent: a POST that fails after it was sent is sent to the next server, and what it orders or books happens twice",
		Help:     "take non_idempotent out: nginx then passes on such requests only when no server has them yet",
		Span:     v.Span,
		Handoffs: []*stack.Handoff{h},
	}
	rest := slices.DeleteFunc(slices.Clone(v.Args()), func(w string) bool { return w == "non_idempotent" })
	if len(rest) == 0 {
		rest = []string{"error", "timeout"}
	}
	if edits := v.Scope.SetEdits(h.Module()+"_next_upstream", strings.Join(rest, " ")); allEditable(edits) {
		f.Fix = &lint.Fix{Description: "pass on only what is safe to repeat", Edits: edits}
	}
	p.Report(f)
}

func reportInTurn(p *lint.Pass, r retried, handoffs []*stack.Handoff) {
	f := lint.Finding{
		Message: fmt.Sprintf("upstream %s has %s, and nothing bounds how often and how long %s passes a request on: a page that times out runs on each of them, for %s each",
			r.upstream.Name, plural(r.servers, "server"), r.module, withUnit(r.read)),
		Help:     fmt.Sprintf("set %s_next_upstream_timeout 10s: a server that refuses is still replaced at once, a slow page is not started again", r.module),
		Span:     r.upstream.Scope.Statement.Span(),
		Handoffs: handoffs,
		Related:  []source.Related{{Span: handoffs[0].Pass.Span(), Message: "passed on here"}},
	}
	var edits []source.Edit
	seen := map[source.Edit]bool{}
	for _, h := range handoffs {
		at := h.Scope
		if at.Kind == "if" || at.Kind == "limit_except" {
			at = at.Parent // not allowed there
		}
		for _, e := range at.SetEdits(r.module+"_next_upstream_timeout", "10s") {
			if !seen[e] {
				seen[e] = true
				edits = append(edits, e)
			}
		}
	}
	if allEditable(edits) {
		f.Fix = &lint.Fix{Description: r.module + "_next_upstream_timeout 10s", Edits: edits}
	}
	p.Report(f)
}
