package rules

import (
	"fmt"
	"slices"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// checkAnswers reports a backend where a pool should listen and, on the running machine, nobody
// does.
func checkAnswers(p *lint.Pass, h *stack.Handoff, b *stack.Backend) {
	m := b.Pools[0]
	if m.Match != address.Yes {
		return
	}
	silence, unknown := p.Stack.Silence(h.Config, m.Pool, b.Address)
	if unknown != "" {
		p.Skip("%s", unknown)
	}
	if silence == "" {
		return
	}
	_, listen, _ := m.Pool.Listen()
	f := lint.Finding{
		Message:  fmt.Sprintf("%s should listen on %s, but %s", poolName(m.Pool), b.Address, silence),
		Help:     "start or restart its PHP-FPM, and look into its log for why it stopped",
		Span:     b.Span,
		Related:  []source.Related{{Span: listen.Span, Message: "the pool's address"}},
		Handoffs: []*stack.Handoff{h},
	}
	if service := p.Stack.ServiceOf(m.Pool.Master); service != nil && p.Stack.FPMHost.Evidence.Systemd {
		f.Help = fmt.Sprintf("run systemctl restart %s, and look into journalctl -u %[1]s for why it stopped", service.Name)
	}
	if b.Upstream != nil && slices.ContainsFunc(h.Backends, func(o *stack.Backend) bool { return o != b && o.Upstream == b.Upstream && takesRequests(p.Stack, h, o) }) {
		f.Severity = lint.Warning
		f.Message += "; the upstream's other servers answer"
	}
	p.Report(f)
}

// takesRequests says whether a server of an upstream is one that requests can go to.
func takesRequests(s *stack.Stack, h *stack.Handoff, b *stack.Backend) bool {
	if b.Err != nil || b.Server.Down || b.External == "" && len(b.Pools) == 0 {
		return false
	}
	if len(b.Pools) == 0 {
		return true
	}
	silence, _ := s.Silence(h.Config, b.Pools[0].Pool, b.Address)
	return silence == ""
}
