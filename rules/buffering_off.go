package rules

import (
	_ "embed"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed buffering-off.md
var bufferingOffDoc string

// BufferingOff reports hand-offs for all of a site's pages that go without nginx's buffers.
var BufferingOff = lint.Rule{
	ID:       "buffering-off",
	Severity: lint.Warning,
	Family:   "buffers",
	Summary:  "a slow visitor holds a worker for as long as the download takes",
	Doc:      bufferingOffDoc,
	Check:    checkBufferingOff,
}

func checkBufferingOff(p *lint.Pass) {
	patterns := &matchers{}
	for _, h := range p.Stack.Handoffs {
		v := h.Scope.Effective("fastcgi_buffering")
		if v.IsDefault || !strings.EqualFold(v.Text, "off") || !h.PHP || h.Probe || !origin(h, v) && !servesPages(patterns, h) {
			continue
		}
		f := lint.Finding{
			Message:  "fastcgi_buffering off: each worker waits until its visitor has received the page, and a few slow visitors hold them all",
			Help:     "turn it on, and let scripts that stream ask for it with the header X-Accel-Buffering: no, or give them a location of their own",
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
		}
		if origin(h, v) {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}}
		}
		if edits := v.Scope.SetEdits("fastcgi_buffering", "on"); allEditable(edits) {
			f.Fix = &lint.Fix{Description: "fastcgi_buffering on", Edits: edits}
		}
		p.Report(f)
	}
}

// servesPages says whether a hand-off's location takes a site's pages at large: a location for a
// few paths of their own may well stream.
func servesPages(patterns *matchers, h *stack.Handoff) bool {
	location := locationOf(h)
	if location == nil || location.Statement == nil {
		return false
	}
	if modifier, _ := readLocation(location); modifier == "@" {
		return true
	}
	match := patterns.of(location)
	for _, uri := range []string{"/index.php", "/a/b.php"} {
		if yes, _ := match(uri); !yes {
			return false
		}
	}
	return true
}
