package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

//go:embed memory-limit-unbounded.md
var memoryLimitUnboundedDoc string

// MemoryLimitUnbounded reports scripts that may take all of the machine's memory.
var MemoryLimitUnbounded = lint.Rule{
	ID:       "memory-limit-unbounded",
	Severity: lint.Warning,
	Family:   "crashes",
	Summary:  "one script may take all memory",
	Doc:      memoryLimitUnboundedDoc,
	Check:    checkMemoryLimitUnbounded,
}

func checkMemoryLimitUnbounded(p *lint.Pass) {
	h := p.Stack.FPMHost
	for _, pool := range servingPools(p.Stack) {
		s := pool.Ini("memory_limit")
		if s.IsDefault {
			continue // 128M
		}
		if s.Unknown != "" {
			p.Skip("memory_limit: %s", s.Unknown)
			continue
		}
		n, err := iniBytes(s.Text)
		budget := h.RAM.Value - h.Reserve.Value
		var message string
		switch {
		case err != nil:
			continue
		case n < 0:
			message = fmt.Sprintf("memory_limit = %s: one script may take all memory, until the kernel kills it or the database", s.Text)
		case h.RAM.Known && n > budget:
			message = fmt.Sprintf("memory_limit = %s is more than the %s that PHP may take (%s of %s, less the reserve): one script may take all of it", s.Text, size(budget), size(h.RAM.Value), h.RAM.From)
		default:
			continue
		}
		f := lint.Finding{
			Message: message,
			Help:    "set what the largest page needs, 256M for most applications, and more on the command line only",
			Span:    s.Span,
		}
		if editable(s.Span.File) {
			f.Fix = &lint.Fix{Description: "memory_limit = 256M", Edits: []source.Edit{{Span: s.Span, NewText: requote(s.Span, "256M")}}}
		}
		p.Report(f)
	}
}
