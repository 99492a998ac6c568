package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

//go:embed upstream-default-port.md
var upstreamDefaultPortDoc string

// UpstreamDefaultPort reports servers without a port in an upstream that FastCGI uses.
var UpstreamDefaultPort = lint.Rule{
	ID:       "upstream-default-port",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "a server without a port in an upstream for PHP: nginx connects to port 80",
	Doc:      upstreamDefaultPortDoc,
	Check:    checkUpstreamDefaultPort,
}

func checkUpstreamDefaultPort(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		for _, b := range h.Backends {
			if !b.DefaultPort || len(b.Pools) > 0 || b.Server.Down {
				continue
			}
			f := passFinding(h, b, fmt.Sprintf("server %s of upstream %s has no port: nginx connects to port 80, where no PHP-FPM listens", b.Text, b.Upstream.Name),
				"add the port of the pool that is meant")
			if b.External != "" && !speaksHTTP(b) {
				f.Severity = lint.Warning
				f.Message = fmt.Sprintf("server %s of upstream %s has no port: nginx connects to port 80, where PHP-FPM hardly listens", b.Text, b.Upstream.Name)
			}
			if port, ok := onlyPort(p.Stack, b.Address.Host); ok {
				target := fmt.Sprintf("%s:%d", b.Text, port)
				f.Help = "write " + target + ", where a pool listens"
				if isPlain(target) && editable(b.Span.File) {
					f.Fix = &lint.Fix{Safe: true, Description: "connect to " + target, Edits: []source.Edit{{Span: b.Span, NewText: requote(b.Span, target)}}}
				}
			}
			p.Report(f)
		}
	}
}
