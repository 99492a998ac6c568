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

//go:embed edge-timeout.md
var edgeTimeoutDoc string

// EdgeTimeout reports hand-offs on which nginx waits longer than the edge in front of it.
var EdgeTimeout = lint.Rule{
	ID:       "edge-timeout",
	Severity: lint.Info,
	Family:   "time",
	Summary:  "nginx waits longer for PHP than Cloudflare waits for nginx",
	Doc:      edgeTimeoutDoc,
	Options: []lint.Option{{
		Name: "max", Kind: lint.Duration, Default: "120s",
		Doc: "the longest time that is not reported: Cloudflare's Proxy Read Timeout, which only Enterprise plans can change",
	}},
	Check: checkEdgeTimeout,
}

func checkEdgeTimeout(p *lint.Pass) {
	limit := p.Duration("max")
	signs := map[*nginx.Scope]source.Span{}
	for _, h := range p.Stack.Handoffs {
		v := h.Scope.Effective("fastcgi_read_timeout")
		d, err := v.Duration()
		if err != nil || d <= limit {
			continue
		}
		sign := edgeSign(h.Scope, signs)
		if sign.IsZero() {
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("fastcgi_read_timeout %s is longer than the %s that Cloudflare waits: it answers 524 and hangs up, and the worker goes on for nobody", v.Text, seconds(limit)),
			Help:     "let such requests end within the edge's time, run long work in the background, or serve them under a name that does not pass through Cloudflare",
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
			Related:  []source.Related{{Span: sign, Message: "this server stands behind Cloudflare"}},
		}
		if origin(h, v) {
			f.Related = append(f.Related, source.Related{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()})
		}
		p.Report(f)
	}
}

// edgeSign is where the configuration shows that a level's visitors come through Cloudflare: the
// header from which their address is taken, or one of Cloudflare's ranges among those that nginx trusts. The result for each level is remembered.
func edgeSign(s *nginx.Scope, signs map[*nginx.Scope]source.Span) source.Span {
	if s == nil {
		return source.Span{}
	}
	if span, ok := signs[s]; ok {
		return span
	}
	span := source.Span{}
	header, list := s.Find("real_ip_header"), addresses(s.FindAll("set_real_ip_from"), 0)
	at := slices.IndexFunc(list, func(l listed) bool { return slices.Contains(cloudflareRanges, l.prefix) })
	switch {
	case header != nil && strings.EqualFold(header.Arg(0), "CF-Connecting-IP"):
		span = header.Span()
	case at >= 0:
		span = list[at].statement.Span()
	case header == nil && len(list) == 0:
		span = edgeSign(s.Parent, signs)
	}
	signs[s] = span
	return span
}
