package rules

import (
	_ "embed"
	"fmt"
	"slices"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed low-read-timeout.md
var lowReadTimeoutDoc string

// LowReadTimeout reports hand-offs on which nginx gives up early.
var LowReadTimeout = lint.Rule{
	ID:       "low-read-timeout",
	Severity: lint.Warning,
	Family:   "time",
	Summary:  "nginx gives up on slow requests early",
	Doc:      lowReadTimeoutDoc,
	Options: []lint.Option{{
		Name: "min", Kind: lint.Duration, Default: "30s",
		Doc: "the least time that is not reported: half of nginx's default of 60s, within which reports, imports and checkouts end that ask a payment service",
	}},
	Check: checkLowReadTimeout,
}

func checkLowReadTimeout(p *lint.Pass) {
	apps := applications{stack: p.Stack, patterns: &matchers{}}
	for _, h := range slices.Concat(p.Stack.Handoffs, p.Stack.Proxied) {
		name := h.Module() + "_read_timeout"
		v := h.Scope.Effective(name)
		d, err := v.Duration()
		if v.IsDefault || err != nil || d >= p.Duration("min") || d == 0 || h.Probe {
			continue
		}
		if h.Module() == "proxy" && apps.behind(h) != "WordPress" {
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("%s %s: a request that PHP answers later than that ends in a 504", name, v.Text),
			Help:     "set " + name + " 60s, nginx's default, unless every page must answer faster",
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
		}
		if origin(h, v) {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}}
		}
		if editable(v.Statement.Src) {
			at := v.Statement.ArgSpan(0)
			f.Fix = &lint.Fix{Description: name + " 60s", Edits: []source.Edit{{Span: at, NewText: requote(at, "60s")}}}
		}
		p.Report(f)
	}
}

// origin says whether a value comes from another level than the hand-off's own.
func origin(h *stack.Handoff, v nginx.Value) bool { return v.Scope != nil && v.Scope != h.Scope }
