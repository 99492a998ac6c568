package rules

import (
	_ "embed"
	"fmt"
	"path"
	"regexp"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/lazy"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed nested-location.md
var nestedLocationDoc string

// NestedLocation reports locations within a hand-off's location that serve PHP files as text.
var NestedLocation = lint.Rule{
	ID:       "nested-location",
	Severity: lint.Error,
	Family:   "requests",
	Summary:  "a location within PHP's serves the scripts' source",
	Doc:      nestedLocationDoc,
	Check:    checkNestedLocation,
}

func checkNestedLocation(p *lint.Pass) {
	patterns := &matchers{}
	for _, h := range p.Stack.Handoffs {
		if !h.PHP || h.Scope.Kind != "location" {
			continue
		}
		for _, inner := range h.Scope.Children {
			if inner.Kind != "location" || answers(inner) {
				continue
			}
			uri, known := patterns.scriptIn(h.Scope, inner)
			if !known {
				p.Skip("%s: what this location matches is not known", place(inner.Statement.Span()))
				continue
			}
			if uri == "" {
				continue
			}
			if len(inner.Unread) > 0 {
				p.Skip("%s: %s, which may hold a fastcgi_pass, was not read", place(inner.Statement.Span()), path.Base(inner.Unread[0].Arg(0)))
				continue
			}
			p.Report(lint.Finding{
				Message:  fmt.Sprintf("%s has no fastcgi_pass, which is not inherited: scripts such as %s are sent to the visitor as text", inner.Label(), uri),
				Help:     "repeat the fastcgi_pass and what belongs to it here, or refuse the requests with return 403",
				Span:     inner.Statement.Span(),
				Related:  []source.Related{{Span: h.Pass.Span(), Message: "this one counts for the outer location only"}},
				Handoffs: []*stack.Handoff{h},
			})
		}
	}
}

// onlyScripts matches the patterns of locations that take paths that end in .php and no others.
var onlyScripts = lazy.Regexp(`\\\.(php|\(php[|)]|\(\?:php[|)]).*\$$`)

// scriptIn is the path of a script that both locations match, "" where none is found.
func (m *matchers) scriptIn(outer, inner *nginx.Scope) (uri string, known bool) {
	_, pattern := readLocation(inner)
	known = true
	samples := []string{"/index.php", "/admin/index.php", "/wp-admin/index.php", "/wp-login.php", "/admin.php", "/a/b.php", "/uploads/a.php", "/wp-content/uploads/a.php", "/api/index.php"}
	if re, err := regexp.Compile(strings.TrimPrefix(pattern, "^")); err == nil {
		prefix, _ := re.LiteralPrefix()
		samples = append(samples, prefix, prefix+"index.php", prefix+"/index.php")
	}
	if !isRegex(inner) {
		samples = []string{path.Join(pattern, "index.php")}
		if isExact(inner) {
			samples = []string{pattern}
		}
	}
	if !isScripts(outer, inner) {
		return "", true
	}
	for _, uri := range samples {
		if path.Ext(uri) != ".php" {
			continue
		}
		in, inKnown := m.match(inner, uri)
		out, outKnown := m.match(outer, uri)
		if in && out {
			return uri, true
		}
		known = known && inKnown && outKnown
	}
	return "", known
}

// isScripts says whether requests that both locations match are for scripts: the outer location
// is for scripts alone, or the inner one speaks of them.
func isScripts(outer, inner *nginx.Scope) bool {
	for _, s := range []*nginx.Scope{outer, inner} {
		if _, pattern := readLocation(s); isRegex(s) && onlyScripts().MatchString(pattern) {
			return true
		}
	}
	return isExact(inner)
}
