package rules

import (
	_ "embed"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed fastcgi-params.md
var fastcgiParamsDoc string

// FastcgiParams reports hand-offs that do not tell PHP the request's method.
var FastcgiParams = lint.Rule{
	ID:       "fastcgi-params",
	Severity: lint.Error,
	Family:   "requests",
	Summary:  "PHP is not told the request's method",
	Doc:      fastcgiParamsDoc,
	Check:    checkFastcgiParams,
}

func checkFastcgiParams(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		list, at := h.Scope.EffectiveList("fastcgi_param")
		if !h.PHP || hasParam(list, "REQUEST_METHOD") || !hasParam(list, "SCRIPT_FILENAME") && !hasParam(list, "PATH_TRANSLATED") {
			continue // without a script it is script-filename's to say
		}
		if imageParamsAt(p, h) != nil {
			continue // it sets REQUEST_METHOD
		}
		if missing := unreadAround(p, h); missing != "" {
			p.Skip("%s: %s, which may set REQUEST_METHOD, was not read", place(h.Pass.Span()), missing)
			continue
		}
		f := lint.Finding{
			Message:  "no REQUEST_METHOD reaches PHP: every request gets an empty 200 and no line in any log",
			Help:     "include fastcgi_params, which sets the parameters that PHP needs, on the level of the other fastcgi_param",
			Span:     h.Pass.Span(),
			Handoffs: []*stack.Handoff{h},
			Related:  []source.Related{{Span: list[0].Span(), Message: "these fastcgi_param are in effect"}},
		}
		if outer := outerParams(at); hasParam(outer, "REQUEST_METHOD") {
			f.Message += "; the fastcgi_param here replace all those of the outer level"
			f.Related = append(f.Related, source.Related{Span: outer[0].Span(), Message: "these are not in effect"})
		}
		// fastcgi.conf would set SCRIPT_FILENAME once more.
		if params := p.Stack.ParamsFile(h.Config); params == "fastcgi_params" {
			if edits := addParams(h, at, "include "+params+";"); allEditable(edits) {
				f.Fix = &lint.Fix{Safe: true, Description: "include " + params, Edits: edits}
			}
		}
		p.Report(f)
	}
}
