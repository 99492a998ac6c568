package rules

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed error-page-loop.md
var errorPageLoopDoc string

// ErrorPageLoop reports error pages for a dead backend that the same backend makes.
var ErrorPageLoop = lint.Rule{
	ID:       "error-page-loop",
	Severity: lint.Warning,
	Family:   "requests",
	Summary:  "the page for a failed backend comes from that backend",
	Doc:      errorPageLoopDoc,
	Check:    checkErrorPageLoop,
}

// maxErrorPages bounds the pages that are looked up among one server's locations.
const maxErrorPages = 1000

func checkErrorPageLoop(p *lint.Pass) {
	type served struct {
		by    *stack.Handoff
		known bool
	}
	patterns := &matchers{}
	var server, level *nginx.Scope // those of the hand-off before: a server's stand together
	pages := map[string]served{}   // of that server
	var list []gatewayPage         // of that level
	for _, h := range p.Stack.Handoffs {
		if s := h.Scope.Server(); s == nil {
			continue
		} else if s != server {
			server = s
			clear(pages)
		}
		if all, at := h.Scope.EffectiveList("error_page"); at != level {
			level, list = at, gatewayPages(all)
		}
		for _, g := range list {
			d, code, uri := g.at, g.code, g.uri
			target, have := pages[uri]
			if !have {
				if len(pages) >= maxErrorPages {
					p.Skip("%s has more than %d error pages", server.Label(), maxErrorPages)
					break
				}
				location, known := patterns.pageLocation(server, uri)
				target = served{p.Stack.HandoffAt(location), known}
				pages[uri] = target
			}
			if !target.known {
				p.Skip("%s: which location serves %s is not known", place(d.Span()), uri)
				continue
			}
			if target.by == nil || target.by == h && isExact(h.Scope) || !sameBackend(h, target.by) || isCached(target.by) {
				continue
			}
			p.Report(lint.Finding{
				Message:  fmt.Sprintf("the page %s for status %s is made by %s, the backend that has just failed: the visitor gets nginx's bare page after a second attempt", uri, code, h.Pass.Arg(0)),
				Help:     "use a file that nginx serves itself, such as error_page 502 504 /50x.html with a location = /50x.html",
				Span:     d.Span(),
				Related:  []source.Related{{Span: target.by.Pass.Span(), Message: "the page is passed on here"}},
				Handoffs: []*stack.Handoff{h},
			})
		}
	}
}

// gatewayPage is an error_page for a status that nginx itself gives for a backend: its constant path or
// named location.
type gatewayPage struct {
	at        *nginx.Statement
	code, uri string
}

// gatewayPages are those that count: of the pages for a status the first
// (ngx_http_special_response_handler).
func gatewayPages(list []*nginx.Statement) (out []gatewayPage) {
	var seen []string
	for _, d := range list {
		uri, _, _ := strings.Cut(d.Arg(len(d.Args)-1), "?")
		code := ""
		for _, a := range d.Args[:max(0, len(d.Args)-1)] {
			if (a.Value == "502" || a.Value == "504") && !slices.Contains(seen, a.Value) {
				seen = append(seen, a.Value)
				code = cmp.Or(code, a.Value)
			}
		}
		if code != "" && !strings.Contains(uri, "$") && (strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "@")) {
			out = append(out, gatewayPage{d, code, uri})
		}
	}
	return out
}

func (m *matchers) pageLocation(server *nginx.Scope, uri string) (location *nginx.Scope, known bool) {
	name, named := strings.CutPrefix(uri, "@")
	if !named {
		return m.locationFor(server, uri)
	}
	for _, c := range server.Children {
		if modifier, pattern := readLocation(c); c.Kind == "location" && modifier == "@" && pattern == name {
			return c, true
		}
	}
	return nil, true
}

// sameBackend says whether two hand-offs stand or fall together: one address, or one pool.
func sameBackend(a, b *stack.Handoff) bool {
	if a.Pass.Arg(0) == b.Pass.Arg(0) {
		return true
	}
	pools := b.Pools
	return len(pools) == 1 && len(a.Pools) == 1 && a.Pools[0] == pools[0]
}

// isCached says whether nginx may answer for the backend from its cache.
func isCached(h *stack.Handoff) bool {
	v := h.Scope.Effective("fastcgi_cache")
	return !v.IsDefault && v.Text != "off"
}
