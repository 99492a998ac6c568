package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed admin-ajax-shared.md
var adminAjaxSharedDoc string

// AdminAjaxShared reports WordPress sites whose background requests take the visitors' workers.
var AdminAjaxShared = lint.Rule{
	ID:       "admin-ajax-shared",
	Severity: lint.Info,
	Family:   "edge",
	Summary:  "WordPress's background requests take the visitors' workers",
	Doc:      adminAjaxSharedDoc,
	Check:    checkAdminAjaxShared,
}

func checkAdminAjaxShared(p *lint.Pass) {
	const ajax, public = "/wp-admin/admin-ajax.php", "/index.php"
	patterns := &matchers{}
	apps := applications{stack: p.Stack, patterns: &matchers{}}
	judged := map[*nginx.Scope]bool{}
	first := map[string]source.Span{} // by pool: all its sites make one finding
	for _, h := range p.Stack.Handoffs {
		server := h.Scope.Server()
		if server == nil || judged[server] || apps.name(server) != "WordPress" {
			continue
		}
		judged[server] = true
		own, ownKnown := patterns.locationFor(server, ajax)
		shared, sharedKnown := patterns.locationFor(server, public)
		if !ownKnown || !sharedKnown {
			p.Skip("%s: which location serves %s is not known", server.Label(), ajax)
			continue
		}
		a, b := p.Stack.HandoffAt(own), p.Stack.HandoffAt(shared)
		if a == nil || b == nil || !sameBackend(a, b) {
			continue
		}
		name := a.Pass.Arg(0)
		if pools := a.Pools; len(pools) == 1 {
			name = poolName(pools[0])
		}
		if first[name].IsZero() {
			first[name] = a.Pass.Span()
		}
		p.Report(lint.Finding{
			Message:  fmt.Sprintf("%s has the same workers as the public pages, those of %s: themes and plugins that ask it every few seconds, for each visitor, leave none for pages", ajax, name),
			Help:     "give location = " + ajax + " a pool of its own with few workers, so that it can fill that one only",
			Span:     first[name],
			Handoffs: []*stack.Handoff{a},
		})
	}
}
