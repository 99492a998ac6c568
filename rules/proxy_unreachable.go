package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/host"
	"fpmlint/lint/stack"
)

//go:embed proxy-unreachable.md
var proxyUnreachableDoc string

// ProxyUnreachable reports proxy_pass to a place on this host where nobody listens.
var ProxyUnreachable = lint.Rule{
	ID:       "proxy-unreachable",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "nobody listens where proxy_pass leads on this host",
	Doc:      proxyUnreachableDoc,
	Check:    checkProxyUnreachable,
}

func checkProxyUnreachable(p *lint.Pass) {
	listening, known := p.Stack.NginxHost.Listening()
	running := known && nginxRuns(p.Stack, listening)
	for _, h := range p.Stack.Proxied {
		for _, b := range h.Backends {
			switch {
			case b.Err != nil || b.Server != nil && b.Server.Down || len(b.Listens) > 0 || len(b.Pools) > 0:
			case !b.Address.IsUnix() && !b.Address.IsLoopback():
			case !known:
				p.Skip("who listens on nginx's host is not known: the root has no proc/net/tcp")
			case !running:
				p.Skip("nginx does not run: what it passes to need not either")
			case b.Address.IsUnix() && socketAt(p.Stack, h, b.Address.Path) == host.KindUnknown:
				p.Skip("which unix sockets are there is not known: the root is no snapshot of a running machine")
			case nobody(p.Stack, h, b, listening):
				reportUnreachable(p, h, b, listening)
			}
		}
	}
}

// nginxRuns says whether something listens at one of nginx's own addresses.
func nginxRuns(st *stack.Stack, listening host.Listening) bool {
	for _, l := range st.Listens {
		a := l.Address
		if a.Host == "" || a.Host == "0.0.0.0" {
			a.Host = "127.0.0.1"
		}
		if !a.IsUnix() && listening.At(a) {
			return true
		}
	}
	return false
}

// nobody says that a connection is refused. A socket's file is enough to doubt it: the listener
// may be in another network namespace, whose sockets proc/net does not show.
func nobody(st *stack.Stack, h *stack.Handoff, b *stack.Backend, listening host.Listening) bool {
	if b.Address.IsUnix() {
		return socketAt(st, h, b.Address.Path) == host.KindMissing
	}
	return !listening.At(b.Address)
}

// socketAt is the kind of what stands where a socket should be, on this machine or on the one that
// a snapshot was taken of.
func socketAt(st *stack.Stack, h *stack.Handoff, path string) string {
	switch e := st.NginxHost.Evidence; {
	case st.Live && !h.Config.Root.Exists(path):
		return host.KindMissing
	case st.Live:
		return host.KindSocket
	case e != nil && e.Paths[path].Kind != "":
		return e.Paths[path].Kind
	}
	return host.KindUnknown
}

func reportUnreachable(p *lint.Pass, h *stack.Handoff, b *stack.Backend, listening host.Listening) {
	f := passFinding(h, b, fmt.Sprintf("nobody listens on %s: each request that is passed there ends in a 502", b.Address),
		"start the server that should listen there, or pass to where it does")
	if b.Upstream != nil {
		for _, other := range h.Backends {
			if other.Upstream == b.Upstream && !other.Server.Down && other.Err == nil && !unreachable(p.Stack, h, other, listening) {
				f.Severity = lint.Warning
				f.Message = fmt.Sprintf("nobody listens on %s, a server of upstream %s; its other servers answer", b.Address, b.Upstream.Name)
				break
			}
		}
	}
	p.Report(f)
}

// unreachable is nobody for any address: one of another host may answer.
func unreachable(st *stack.Stack, h *stack.Handoff, b *stack.Backend, listening host.Listening) bool {
	return len(b.Listens) == 0 && (b.Address.IsUnix() || b.Address.IsLoopback()) && nobody(st, h, b, listening)
}
