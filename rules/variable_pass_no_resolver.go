package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/nginx"
)

//go:embed variable-pass-no-resolver.md
var variablePassNoResolverDoc string

// VariablePassNoResolver reports host names that nginx must look up at each request and cannot.
var VariablePassNoResolver = lint.Rule{
	ID:       "variable-pass-no-resolver",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "a pass with a variable leads to a host name, and no resolver is set",
	Doc:      variablePassNoResolverDoc,
	Check:    checkVariablePassNoResolver,
}

func checkVariablePassNoResolver(p *lint.Pass) {
	known := literalTargets(p)
	for h := range p.Stack.All {
		if !atRuntime(h) {
			continue
		}
		for _, b := range h.Backends {
			if b.Err != nil || b.Upstream != nil || b.Address.IsUnix() || b.Address.IsIP() || known[target{h.Config, b.Address}] ||
				!h.Scope.Effective("resolver").IsDefault {
				continue
			}
			if guarded(h) {
				skipGuarded(p, h, b)
				continue
			}
			if h.Config.Fragment || !h.Config.Complete() {
				p.Skip("%s: a resolver for %s may be set in what was not read", place(b.Span), b.Address.Host)
				continue
			}
			p.Report(passFinding(h, b, fmt.Sprintf("no resolver defined to resolve %s: the variable in %s makes nginx look the name up at each request, and those end in a 502", b.Address.Host, h.Pass.Name),
				"set resolver to a name server's address (127.0.0.11 in Docker), or define an upstream with this address and pass to its name; nginx does not ask /etc/hosts here"))
		}
	}
}

// target is an address that nginx looked up when it started.
type target struct {
	config *nginx.Config
	addr   address.Address
}

// literalTargets are the addresses of passes without variables: each is an upstream, which a
// variable with the same host and port uses (ngx_http_upstream_init_request).
func literalTargets(p *lint.Pass) map[target]bool {
	out := map[target]bool{}
	for h := range p.Stack.All {
		if strings.Contains(h.Pass.Arg(0), "$") {
			continue
		}
		for _, b := range h.Backends {
			if b.Err == nil && b.Upstream == nil {
				out[target{h.Config, b.Address}] = true
			}
		}
	}
	return out
}
