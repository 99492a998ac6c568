package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

//go:embed upstream-dns-pinned.md
var upstreamDNSPinnedDoc string

// UpstreamDNSPinned reports host names that nginx looks up once.
var UpstreamDNSPinned = lint.Rule{
	ID:       "upstream-dns-pinned",
	Severity: lint.Info,
	Family:   "connectivity",
	Summary:  "a host name is looked up once, when nginx starts",
	Doc:      upstreamDNSPinnedDoc,
	Check:    checkUpstreamDNSPinned,
}

func checkUpstreamDNSPinned(p *lint.Pass) {
	type pinned struct {
		config *nginx.Config
		name   string
	}
	var found groups[pinned]
	seen := map[source.Span]bool{}
	for h := range p.Stack.All {
		for _, b := range h.Backends {
			name := b.Address.Host
			switch {
			case b.Err != nil || b.Address.IsUnix() || !isHostName(name) || atRuntime(h) && b.Upstream == nil:
			case name == "localhost" || strings.HasSuffix(name, ".localhost") || len(p.Stack.NginxHost.Addresses(name)) > 0:
			case b.Server != nil && (b.Server.Resolve || b.Server.Down):
			case b.Upstream == nil && h.Config.Upstream(name) != nil: // upstream-unresolvable's
			default:
				f, fresh := found.at(pinned{h.Config, name})
				if fresh {
					f.Finding = passFinding(h, b, fmt.Sprintf("nginx looks %s up once, when it starts or reloads: it does not start while the name is unknown, and keeps the address when it changes", name),
						"reload nginx when the address changes, as after a container was made anew; a server's option resolve (nginx 1.27.3 and later, with zone and resolver) follows it")
				} else {
					f.Handoffs = append(f.Handoffs, h)
					if !seen[b.Span] && len(f.Related) < maxRelated {
						f.Related = append(f.Related, source.Related{Span: b.Span, Message: "and here"})
					}
				}
				seen[b.Span] = true
			}
		}
	}
	found.report(p)
}
