package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed fastcgi-param-shadowed.md
var fastcgiParamShadowedDoc string

// FastcgiParamShadowed reports hand-offs that lose parameters of an outer level.
var FastcgiParamShadowed = lint.Rule{
	ID:       "fastcgi-param-shadowed",
	Severity: lint.Warning,
	Family:   "requests",
	Summary:  "a fastcgi_param drops all those of the outer level",
	Doc:      fastcgiParamShadowedDoc,
	Check:    checkFastcgiParamShadowed,
}

func checkFastcgiParamShadowed(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		list, at := h.Scope.EffectiveList("fastcgi_param")
		outer := outerParams(at)
		if !h.PHP || len(outer) == 0 || h.Probe {
			continue
		}
		if !hasParam(list, "REQUEST_METHOD") || !hasParam(list, "SCRIPT_FILENAME") && !hasParam(list, "PATH_TRANSLATED") {
			continue // requests fail, as script-filename and fastcgi-params say
		}
		lost := lostParams(list, outer)
		if len(lost) == 0 {
			continue
		}
		if missing := unreadAround(p, h); missing != "" {
			p.Skip("%s: %s, which may set parameters, was not read", place(h.Pass.Span()), missing)
			continue
		}
		names := make([]string, len(lost))
		for i, d := range lost {
			names[i] = d.Arg(0)
		}
		p.Report(lint.Finding{
			Message:  fmt.Sprintf("the fastcgi_param that count here replace those of the outer level: %s not passed", areList(names)),
			Help:     "repeat the outer level's fastcgi_param here, or put them all into one file and include it on the innermost level",
			Span:     own(h, list).Span(),
			Related:  []source.Related{{Span: lost[0].Span(), Message: lost[0].Arg(0) + " is not in effect"}},
			Handoffs: []*stack.Handoff{h},
		})
	}
}

// own is the first parameter that stands in the hand-off's own file, else the hand-off: a line in a
// file that comes with nginx is not the place to look at.
func own(h *stack.Handoff, list []*nginx.Statement) *nginx.Statement {
	for _, d := range list {
		if d.Src == h.Pass.Src {
			return d
		}
	}
	return h.Pass
}

// lostParams are the outer parameters that the inner list does not name.
func lostParams(list, outer []*nginx.Statement) []*nginx.Statement {
	have := map[string]bool{}
	for _, d := range list {
		have[d.Arg(0)] = true
	}
	for _, name := range []string{"REDIRECT_STATUS", "REQUEST_SCHEME", "GATEWAY_INTERFACE", "SERVER_SOFTWARE"} {
		have[name] = true // lists by hand leave these out, and nothing depends on them
	}
	var lost []*nginx.Statement
	for _, d := range outer {
		if name := d.Arg(0); !have[name] {
			have[name] = true
			lost = append(lost, d)
		}
	}
	return lost
}

// areList writes some of the names with their verb: "A is", "A and B are", "A, B and 7 more are".
func areList(names []string) string {
	const shown = 4
	switch n := len(names); {
	case n == 1:
		return names[0] + " is"
	case n <= shown:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " are"
	}
	return fmt.Sprintf("%s and %d more are", strings.Join(names[:shown-1], ", "), len(names)-shown+1)
}
