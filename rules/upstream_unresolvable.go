package rules

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/nginx"
	"fpmlint/lint/stack"
)

//go:embed upstream-unresolvable.md
var upstreamUnresolvableDoc string

// UpstreamUnresolvable reports passes to an upstream that is not there, or to one with a port.
var UpstreamUnresolvable = lint.Rule{
	ID:       "upstream-unresolvable",
	Severity: lint.Error,
	Family:   "start",
	Summary:  "a pass names an upstream that is not there",
	Doc:      upstreamUnresolvableDoc,
	Check:    checkUpstreamUnresolvable,
}

func checkUpstreamUnresolvable(p *lint.Pass) {
	for h := range p.Stack.All {
		for _, b := range h.Backends {
			switch {
			case b.Upstream != nil:
			case errors.Is(b.Err, address.ErrNoPort) && isHostName(b.Address.Host):
				reportNoUpstream(p, h, b)
			case b.Err == nil && !b.DefaultPort && !atRuntime(h) && h.Config.Upstream(b.Address.Host) != nil:
				reportUpstreamPort(p, h, b, h.Config.Upstream(b.Address.Host))
			}
		}
	}
}

// isHostName says whether a host can be the name of an upstream or of a machine.
func isHostName(host string) bool {
	return host != "" && !isNumber(host) && !address.Address{Host: host}.IsIP()
}

func reportNoUpstream(p *lint.Pass, h *stack.Handoff, b *stack.Backend) {
	switch {
	case h.Config.Fragment:
		p.Skip("%s: upstream %s may be defined in nginx.conf, which was not given", place(b.Span), b.Text)
		return
	case atRuntime(h) && guarded(h):
		skipGuarded(p, h, b)
		return
	case !h.Config.Complete():
		p.Skip("%s: upstream %s may be defined in what was not read", place(b.Span), b.Text)
		return
	}
	help := fmt.Sprintf("define upstream %s, or pass to an address with a port or to a socket", b.Text)
	if names := upstreamNames(h.Config); len(names) > 0 {
		help = "pass to an upstream that is there: " + strings.Join(names[:min(3, len(names))], ", ")
		if len(names) > 3 {
			help += fmt.Sprintf(", or one of %d more", len(names)-3)
		}
	}
	end := "nginx does not start or reload"
	if atRuntime(h) {
		end = "requests with this value end in a 500"
	}
	f := passFinding(h, b, fmt.Sprintf("no port in upstream %q: there is no upstream of this name, %s", b.Text, end), help)
	f.Refused = !atRuntime(h)
	p.Report(f)
}

func upstreamNames(c *nginx.Config) []string {
	names := make([]string, 0, len(c.Upstreams))
	for _, u := range c.Upstreams {
		names = append(names, u.Name)
	}
	slices.Sort(names)
	return names
}

func reportUpstreamPort(p *lint.Pass, h *stack.Handoff, b *stack.Backend, u *nginx.Upstream) {
	f := passFinding(h, b, fmt.Sprintf("upstream %q may not have port %d: its servers have ports of their own, nginx does not start or reload", u.Name, b.Address.Port),
		fmt.Sprintf("pass to %s without the port", u.Name))
	f.Refused = true
	if edits := replaceIn(b.Span, fmt.Sprintf(":%d", b.Address.Port), ""); edits != nil {
		f.Fix = &lint.Fix{Safe: true, Description: "pass to upstream " + u.Name, Edits: edits}
	}
	p.Report(f)
}
