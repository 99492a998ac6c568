package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed fpm-exposed.md
var fpmExposedDoc string

// FPMExposed reports pools that anyone who reaches their port can run code in: FastCGI has no
// authentication, and a request may set PHP's settings.
var FPMExposed = lint.Rule{
	ID:       "fpm-exposed",
	Severity: lint.Error,
	Family:   "exposure",
	Summary:  "whoever reaches the port can run code",
	Doc:      fpmExposedDoc,
	Check:    checkFPMExposed,
}

func checkFPMExposed(p *lint.Pass) {
	ways := waysTo(p.Stack)
	for _, pool := range servingPools(p.Stack) {
		addr, listen, err := pool.Listen()
		if listen.Unknown != "" {
			p.Skip("%s: %s", poolName(pool), listen.Unknown)
			continue
		}
		if err != nil || addr.IsZero() || addr.IsUnix() || addr.IsLoopback() || private(addr) {
			continue
		}
		clients := pool.Get("listen.allowed_clients")
		if clients.Unknown != "" || clients.Text != "" || listen.Span.IsZero() {
			continue
		}
		image := pool.Master.Family == "docker" || p.Stack.Image
		f := lint.Finding{
			Message: fmt.Sprintf("%s listens on %s and takes requests from anyone (listen.allowed_clients is not set): whoever reaches the port can run code as %s",
				poolName(pool), everyAddress(addr), runsAs(pool)),
			Help: "listen on 127.0.0.1, or on a unix socket; where nginx is on another host set listen.allowed_clients to its address",
			Span: listen.Span,
		}
		switch {
		case p.Stack.Split, image && len(p.Stack.Nginx) == 0: // nginx has another image
			f.Severity = lint.Info
			f.Help = "between containers this is usual: publish the port to no one but nginx"
		case p.Stack.Loose && !onlyLoopback(ways[pool]):
			f.Severity = lint.Info
			f.Help = "between containers this is usual: publish the port to no one but nginx; on a server listen on 127.0.0.1 or on a unix socket"
		case image:
			f.Severity = lint.Warning
			f.Help = "nginx is in the same image: listen on 127.0.0.1 or on a unix socket; at least do not publish the port"
		}
		usedBy := loopbackUsers(ways[pool])
		for _, b := range usedBy {
			f.Related = append(f.Related, source.Related{Span: b.Span, Message: "nginx connects over loopback"})
		}
		if len(usedBy) > 0 && onlyLoopback(ways[pool]) && editable(listen.Span.File) && addr.Host == "" {
			f.Fix = &lint.Fix{
				Safe:        true,
				Description: "listen on loopback, where nginx connects",
				Edits:       []source.Edit{{Span: listen.Span, NewText: requote(listen.Span, usedBy[0].Address.String())}},
			}
		}
		p.Report(f)
	}
}

func everyAddress(a address.Address) string {
	if a.Host == "" {
		return fmt.Sprintf("port %d of every address", a.Port)
	}
	return a.String()
}

// private says whether an address is one that the internet does not route to: an internal
// network, or a name, which may stand for anything.
func private(a address.Address) bool { return a.Host != "" && !a.IsPublic() }

// way is an address of a hand-off by which nginx reaches a pool.
type way struct {
	handoff *stack.Handoff
	backend *stack.Backend
}

// waysTo are the ways to each pool, found in one go over the hand-offs.
func waysTo(st *stack.Stack) map[*fpm.Pool][]way {
	out := map[*fpm.Pool][]way{}
	for _, h := range st.Handoffs {
		for _, b := range h.Backends {
			for _, m := range b.Pools {
				out[m.Pool] = append(out[m.Pool], way{h, b})
			}
		}
	}
	return out
}

// loopbackUsers are some of the addresses that reach a pool over loopback.
func loopbackUsers(ways []way) []*stack.Backend {
	var out []*stack.Backend
	for _, w := range ways {
		if w.backend.Address.IsLoopbackIP() && len(out) < 3 {
			out = append(out, w.backend)
		}
	}
	return out
}

// onlyLoopback says whether every hand-off that reaches the pool does so over one loopback address.
func onlyLoopback(ways []way) bool {
	for _, w := range ways {
		if a := w.backend.Address; !a.IsLoopbackIP() || a.Host != ways[0].backend.Address.Host {
			return false
		}
	}
	return len(ways) > 0
}
