package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed process-max.md
var processMaxDoc string

// ProcessMax reports masters whose pools cannot have the workers that they are given.
var ProcessMax = lint.Rule{
	ID:       "process-max",
	Severity: lint.Warning,
	Family:   "capacity",
	Summary:  "process.max gives the pools fewer workers than they have",
	Doc:      processMaxDoc,
	Check:    checkProcessMax,
}

func checkProcessMax(p *lint.Pass) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		s := m.Global("process.max")
		if s.Unknown != "" {
			p.Skip("%s: %s", m.Conf.Display, s.Unknown)
		}
		limit, ok := m.GlobalInt("process.max")
		if !ok || limit <= 0 {
			continue
		}
		if sum, related := maxChildren(p, m); limit < sum {
			p.Report(processMaxFinding(p, m, s, limit, sum, related))
		}
	}
}

// maxChildren is what the pools of a master may have together, with each one's part.
func maxChildren(p *lint.Pass, m *fpm.Master) (sum int, parts []source.Related) {
	for _, pool := range m.Pools {
		s := pool.Get("pm.max_children")
		n, ok := pool.Int("pm.max_children")
		if !ok {
			p.Skip("%s: pm.max_children is unknown", poolName(pool))
			continue
		}
		sum += n
		parts = append(parts, source.Related{Span: settingSpan(pool, s), Message: fmt.Sprintf("pool %s: %s", pool.Name, plural(n, "worker"))})
	}
	return sum, parts
}

func processMaxFinding(p *lint.Pass, m *fpm.Master, s fpm.Setting, limit, sum int, parts []source.Related) lint.Finding {
	effect := "one busy pool takes the others' workers, and requests wait"
	if len(parts) == 1 {
		effect = fmt.Sprintf("request number %d waits, while the pool's own limit is not reached", limit+1)
	}
	f := lint.Finding{
		Message: fmt.Sprintf("process.max = %d is less than the %d that pm.max_children gives: %s", limit, sum, effect),
		Help:    fmt.Sprintf("raise process.max to %d, or lower pm.max_children until the sum fits", sum),
		Span:    s.Span,
		Related: parts,
	}
	ram := p.Stack.FPMHost.RAM
	if editable(s.Span.File) && (!ram.Known || int64(sum)*assumedWorker < ram.Value) {
		f.Fix = &lint.Fix{Description: fmt.Sprintf("process.max = %d", sum), Edits: m.SetEdits("process.max", itoa(sum))}
	}
	return f
}
