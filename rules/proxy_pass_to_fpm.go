package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed proxy-pass-to-fpm.md
var proxyPassToFPMDoc string

// ProxyPassToFPM reports HTTP sent to PHP-FPM, and FastCGI sent to nginx's own HTTP server.
var ProxyPassToFPM = lint.Rule{
	ID:       "proxy-pass-to-fpm",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "proxy_pass leads to PHP-FPM, or fastcgi_pass to an HTTP server",
	Doc:      proxyPassToFPMDoc,
	Check:    checkProxyPassToFPM,
}

func checkProxyPassToFPM(p *lint.Pass) {
	for _, h := range p.Stack.Proxied {
		for _, b := range h.Backends {
			if b.Err != nil || b.Server != nil && b.Server.Down || len(b.Pools) == 0 || b.Pools[0].Match < address.Partly {
				continue
			}
			pool := b.Pools[0].Pool
			_, listen, _ := pool.Listen()
			f := passFinding(h, b, fmt.Sprintf("proxy_pass sends HTTP to %s, where %s listens: it speaks FastCGI only, each request ends in a 502", b.Address, poolName(pool)),
				"use fastcgi_pass, with the parameters that PHP needs")
			f.Related = append(f.Related, source.Related{Span: listen.Span, Message: poolName(pool) + " listens here"})
			if p.Stack.Split && !b.Address.IsUnix() {
				if !strings.Contains(b.Address.Host, "php") && !strings.Contains(b.Address.Host, "fpm") {
					p.Skip("%s: whether %s is the host of %s is not known", place(b.Span), b.Address.Host, poolName(pool))
					continue
				}
				f.Severity = lint.Warning // told by the port and the name
			}
			p.Report(f)
		}
	}
	for _, h := range p.Stack.Handoffs {
		for _, b := range h.Backends {
			if b.Err == nil && !b.DefaultPort && (b.Server == nil || !b.Server.Down) && speaksHTTP(b) {
				reportHTTP(p, h, b)
			}
		}
	}
}

func reportHTTP(p *lint.Pass, h *stack.Handoff, b *stack.Backend) {
	l := b.Listens[0].Listen
	f := passFinding(h, b, fmt.Sprintf("fastcgi_pass sends FastCGI to %s, where nginx's own HTTP server listens: each request ends in a 502", b.Address),
		"pass to the address of a pool, or use proxy_pass where the HTTP server is meant")
	at := l.Server.Statement
	if l.Statement != nil {
		at = l.Statement
	}
	if at != nil {
		f.Related = append(f.Related, source.Related{Span: at.Span(), Message: "nginx listens here"})
	}
	p.Report(f)
}
