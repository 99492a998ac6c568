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
	apps := applications{stack: p.Stack, patterns: matchers{}}
	for _, h := range slices.Concat(p.Stack.Handoffs, p.Stack.Proxied) {
		name := h.Module() + "_read_timeout"
		v := h.Scope.Effective(name)
		d, err := v.Duration()
		if v.IsDefault || err != nil || d >= p.Duration("min") || d == 0 || isProbe(h) {
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

// isProbe says whether a hand-off serves only a pool's status or ping page, as far as its
// location's pattern shows. Such pages answer at once and need no script.
func isProbe(h *stack.Handoff) bool {
	if h.Scope.Statement == nil || h.Scope.Kind != "location" {
		return false
	}
	pattern := h.Scope.Statement.Arg(len(h.Scope.Statement.Args) - 1)
	for _, b := range h.Backends {
		for _, m := range b.Pools {
			for _, key := range []string{"pm.status_path", "ping.path"} {
				if s := m.Pool.Get(key); s.Text != "" && strings.Contains(pattern, strings.TrimPrefix(s.Text, "/")) {
					return true
				}
			}
		}
	}
	words := strings.FieldsFunc(strings.ToLower(pattern), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, w := range words {
		if w == "status" || w == "ping" || w == "healthcheck" || w == "healthz" || w == "health" || w == "fpmstatus" {
			return !strings.Contains(pattern, ".php")
		}
	}
	return false
}
