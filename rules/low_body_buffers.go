package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed low-body-buffers.md
var lowBodyBuffersDoc string

// LowBodyBuffers reports buffers that most pages do not fit into.
var LowBodyBuffers = lint.Rule{
	ID:       "low-body-buffers",
	Severity: lint.Info,
	Family:   "buffers",
	Summary:  "most pages do not fit into nginx's buffers",
	Doc:      lowBodyBuffersDoc,
	Options: []lint.Option{{
		Name: "min", Kind: lint.Size, Default: "64K",
		Doc: "the least size of all buffers together that is not reported: a common page before compression",
	}},
	Check: checkLowBodyBuffers,
}

func checkLowBodyBuffers(p *lint.Pass) {
	least := p.Size("min")
	for _, h := range p.Stack.Handoffs {
		v := h.Scope.Effective("fastcgi_buffers")
		if v.IsDefault || len(v.Args()) != 2 || h.Probe {
			continue
		}
		b, ok := readBuffers(v.Args()[0], v.Args()[1])
		all := b.number * b.each
		if !ok || all >= least {
			continue
		}
		number := (least + b.each - 1) / b.each
		f := lint.Finding{
			Message:  fmt.Sprintf("fastcgi_buffers %s hold %s: what a page has beyond that goes through a file on disk, or waits for the visitor", v.Text, size(all)),
			Help:     fmt.Sprintf("set fastcgi_buffers %d %s", number, v.Args()[1]),
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
		}
		if origin(h, v) {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}}
		}
		// More buffers of the same size never break nginx's arithmetic.
		if edits := v.Scope.SetEdits("fastcgi_buffers", fmt.Sprintf("%d %s", number, v.Args()[1])); allEditable(edits) {
			f.Fix = &lint.Fix{Safe: true, Description: "buffers for " + size(number*b.each), Edits: edits}
		}
		p.Report(f)
	}
}
