package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed localhost-dual-stack.md
var localhostDualStackDoc string

// LocalhostDualStack reports passes to localhost of which one of the two addresses is dead.
var LocalhostDualStack = lint.Rule{
	ID:       "localhost-dual-stack",
	Severity: lint.Warning,
	Family:   "connectivity",
	Summary:  "localhost is two addresses, and the other end listens on one",
	Doc:      localhostDualStackDoc,
	Check:    checkLocalhostDualStack,
}

// families are the IP versions of an address or a name.
type families struct{ v4, v6 bool }

func (f families) String() string {
	if f.v4 {
		return "127.0.0.1"
	}
	return "[::1]"
}

func checkLocalhostDualStack(p *lint.Pass) {
	local := localhost(p.Stack)
	if p.Stack.Split || !local.v4 || !local.v6 {
		return
	}
	for h := range p.Stack.All {
		for _, b := range h.Backends {
			if b.Err != nil || b.Address.Host != "localhost" || b.Server != nil && b.Server.Down {
				continue
			}
			heard, at, who := hearing(h, b)
			if heard.v4 == heard.v6 {
				continue // both, or nobody, which is another rule's
			}
			dead := families{v4: !heard.v4}
			f := passFinding(h, b, fmt.Sprintf("localhost is 127.0.0.1 and [::1], and %s listens on %s only: nginx also tries %s, which is refused, and after failures of both answers 502", who, heard, dead),
				fmt.Sprintf("write %s:%d, where it listens", heard, b.Address.Port))
			f.Related = append(f.Related, source.Related{Span: at, Message: who + " listens here"})
			if edits := replaceIn(b.Span, "localhost", heard.String()); edits != nil {
				f.Fix = &lint.Fix{Safe: true, Description: fmt.Sprintf("pass to %s:%d", heard, b.Address.Port), Edits: edits}
			}
			p.Report(f)
		}
	}
}

// localhost is what etc/hosts makes of the name; both where that is not known, as all
// distributions have it.
func localhost(st *stack.Stack) families {
	var f families
	for _, ip := range st.NginxHost.Addresses("localhost") {
		f.v4, f.v6 = f.v4 || ip.Is4(), f.v6 || ip.Is6()
	}
	if f == (families{}) {
		return families{true, true}
	}
	return f
}

// hearing says on which of localhost's addresses somebody listens for a pass.
func hearing(h *stack.Handoff, b *stack.Backend) (heard families, at source.Span, who string) {
	if h.Module() == "fastcgi" {
		for _, m := range b.Pools {
			if m.Match < address.Partly {
				continue
			}
			f, listen := poolFamilies(m.Pool)
			heard = families{heard.v4 || f.v4, heard.v6 || f.v6}
			at, who = listen.Span, poolName(m.Pool)
		}
		return heard, at, who
	}
	for _, m := range b.Listens {
		l := m.Listen
		if m.Match < address.Partly || l.Statement == nil {
			continue
		}
		f := familiesOf(l.Address.Host)
		heard = families{heard.v4 || f.v4, heard.v6 || f.v6}
		at, who = l.Statement.Span(), "nginx"
	}
	return heard, at, who
}

// poolFamilies are those of a pool's socket: FPM opens one, for a port alone and [::] of both
// families, for 0.0.0.0 of IPv4 (fpm_sockets_get_listening_socket). Which one it takes of a name
// is not known.
func poolFamilies(pool *fpm.Pool) (families, fpm.Setting) {
	addr, listen, _ := pool.Listen()
	if strings.HasPrefix(listen.Text, "0.0.0.0:") {
		return families{v4: true}, listen
	}
	return familiesOf(addr.Host), listen
}

func familiesOf(host string) families {
	a := address.Address{Host: host}
	switch {
	case host == "0.0.0.0":
		return families{v4: true}
	case a.IsIPv6():
		return families{v6: true}
	case a.IsIP():
		return families{v4: true}
	}
	return families{true, true}
}
