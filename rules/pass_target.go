package rules

import (
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// passFinding is a finding at a backend's address, with the pass that leads there.
func passFinding(h *stack.Handoff, b *stack.Backend, message, help string) lint.Finding {
	f := lint.Finding{Message: message, Help: help, Span: b.Span, Handoffs: []*stack.Handoff{h}}
	if at := h.Pass.ArgSpan(0); at != b.Span {
		f.Related = []source.Related{{Span: at, Message: "passed on here"}}
	}
	return f
}

// atRuntime says whether nginx reads the address of a pass at each request: then a bad one ends
// in a 500, and nginx starts.
func atRuntime(h *stack.Handoff) bool { return strings.Contains(h.Pass.Arg(0), "$") }

var variableName = lazy.Regexp(`\$\{?(\w+)`)

// guarded says whether an if in the place looks at a variable of the pass: it may keep a value away
// that the pass could not use.
func guarded(h *stack.Handoff) bool {
	for _, name := range variableName().FindAllString(h.Pass.Arg(0), -1) {
		for at := h.Scope; at != nil && at.Kind != "http"; at = at.Parent {
			for _, child := range at.Children {
				if child.Kind == "if" && child.Statement != nil && strings.HasPrefix(strings.TrimLeft(child.Statement.Arg(0), "("), strings.Replace(name, "{", "", 1)) {
					return true
				}
			}
		}
	}
	return false
}

// skipGuarded records that an if decides.
func skipGuarded(p *lint.Pass, h *stack.Handoff, b *stack.Backend) {
	p.Skip("%s: an if may keep the value %q from %s", place(b.Span), b.Text, h.Pass.Name)
}

// replaceIn is the edit that puts one text for another within a literal; nil where the span's file
// is generated or the text is put together from parts.
func replaceIn(at source.Span, old, text string) []source.Edit {
	value := literal(at)
	if !editable(at.File) || strings.Count(value, old) != 1 {
		return nil
	}
	return []source.Edit{{Span: at, NewText: requote(at, strings.Replace(value, old, text, 1))}}
}

var fastcgiScheme = lazy.Regexp(`^(?i:fastcgi|fcgi|tcp|unix)://`)

// likelyMeant is the address that a malformed one stands for: the path without "unix:", the
// address after a scheme, the port of this host; "" where that is not plain.
func likelyMeant(st *stack.Stack, text string) string {
	plain := strings.TrimSuffix(fastcgiScheme().ReplaceAllString(text, ""), "/")
	switch {
	case strings.HasPrefix(plain, "/"):
		plain = "unix:" + plain
	case isNumber(plain):
		plain = "127.0.0.1:" + plain
	}
	a, err := address.ParseConnect(plain)
	if err != nil || plain == text || !a.IsUnix() && !a.IsLoopback() {
		return ""
	}
	if pools := st.PoolsAt(a); len(pools) > 0 && pools[0].Match == address.Yes || len(st.Masters) == 0 && a.IsUnix() {
		return plain
	}
	return ""
}

// onlyPort is the port of the one pool that a host name or address without a port can mean.
func onlyPort(st *stack.Stack, host string) (port int, ok bool) {
	a := address.Address{Host: host}
	if !a.IsLoopback() || st.Split {
		return 0, false
	}
	for _, pool := range servingPools(st) {
		addr, listen, err := pool.Listen()
		if listen.Unknown != "" || err != nil {
			return 0, false
		}
		a.Port = addr.Port
		if addr.IsUnix() || a.Reaches(addr) < address.Partly {
			continue
		}
		if port != 0 && port != addr.Port {
			return 0, false
		}
		port = addr.Port
	}
	return port, port != 0
}

// speaksHTTP says whether nginx's own HTTP server, and no pool, answers at an address.
func speaksHTTP(b *stack.Backend) bool {
	return len(b.Pools) == 0 && len(b.Listens) > 0 && b.Listens[0].Listen.HTTP && b.Listens[0].Match == address.Yes
}
