package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed max-children-memory.md
var maxChildrenMemoryDoc string

// MaxChildrenMemory reports pools that may together start more workers than fit into memory.
var MaxChildrenMemory = lint.Rule{
	ID:       "max-children-memory",
	Severity: lint.Warning,
	Family:   "capacity",
	Summary:  "the pools' workers do not fit into memory",
	Doc:      maxChildrenMemoryDoc,
	Check:    checkMaxChildrenMemory,
}

// assumedWorker is the least that a PHP worker with an application takes, in bytes. It serves
// only where nothing was measured, and never makes an error.
const assumedWorker = 30 << 20

// headroom is what the sum is multiplied with: workers grow, and not all of them are at their
// mean at the same time.
const headroomPercent = 125

// share is one pool's part of the sum.
type share struct {
	pool     *fpm.Pool
	children int
	each     int64 // bytes
	setting  fpm.Setting
}

func (s share) bytes() int64 { return int64(s.children) * s.each }

func checkMaxChildrenMemory(p *lint.Pass) {
	h := p.Stack.FPMHost
	if !h.RAM.Known {
		p.Skip("RAM unknown: give --ram")
		return
	}
	each, from, measured := workerMemory(p)
	var shares []share
	bounded := 0
	for _, m := range p.Stack.Masters {
		if !installed(m) {
			continue
		}
		mine, total := masterShares(p, m, each)
		shares = append(shares, mine...)
		bounded += total
	}
	if len(shares) == 0 {
		return
	}
	largest := shares[0]
	for _, s := range shares {
		if s.bytes() > largest.bytes() {
			largest = s
		}
	}
	sum := int64(bounded) * each
	budget := h.RAM.Value - h.Reserve.Value
	wanted := sum / 100 * headroomPercent
	arithmetic := fmt.Sprintf("%s x %s = %s", workers(shares, bounded), from, size(sum))
	switch {
	case sum > h.RAM.Value && measured:
		report(p, lint.Error, largest, shares, fmt.Sprintf("%s, more than the RAM of %s (%s)", arithmetic, size(h.RAM.Value), h.RAM.From))
	case sum > h.RAM.Value:
		report(p, lint.Warning, largest, shares, fmt.Sprintf("%s, more than the RAM of %s (%s)", arithmetic, size(h.RAM.Value), h.RAM.From))
	case measured && wanted > budget:
		report(p, lint.Warning, largest, shares, fmt.Sprintf("%s, with 25 %% headroom %s, more than the %s that are left of %s RAM (%s) after a reserve of %s",
			arithmetic, size(wanted), size(budget), size(h.RAM.Value), h.RAM.From, size(h.Reserve.Value)))
	default:
		checkMemoryLimits(p, shares, bounded)
	}
}

// workerMemory is the memory of one worker: given, or the least that is plausible. Pools whose
// workers run are measured one by one in masterShares.
func workerMemory(p *lint.Pass) (each int64, from string, measured bool) {
	if rss := p.Stack.FPMHost.WorkerRSS; rss.Known {
		return rss.Value, fmt.Sprintf("%s a worker (%s)", size(rss.Value), rss.From), true
	}
	return assumedWorker, size(assumedWorker) + " a worker (assumed: the least of an application; give --worker-rss)", false
}

// masterShares are the pools of a master and the number of their workers, which process.max bounds.
func masterShares(p *lint.Pass, m *fpm.Master, each int64) (shares []share, total int) {
	for _, pool := range m.Pools {
		setting := pool.Get("pm.max_children")
		n, ok := pool.Int("pm.max_children")
		if !ok || n <= 0 || setting.Span.IsZero() {
			p.Skip("%s: pm.max_children is unknown", poolName(pool))
			continue
		}
		total += n
		shares = append(shares, share{pool, n, each, setting})
	}
	if limit, ok := m.GlobalInt("process.max"); ok && limit > 0 && limit < total {
		return shares, limit
	}
	return shares, total
}

// workers writes how many workers there can be.
func workers(shares []share, bounded int) string {
	n := 0
	for _, s := range shares {
		n += s.children
	}
	if bounded < n {
		return fmt.Sprintf("%s (%d by pm.max_children, bounded by process.max)", plural(bounded, "worker"), n)
	}
	return plural(n, "worker")
}

func report(p *lint.Pass, severity lint.Severity, at share, shares []share, message string) {
	f := lint.Finding{
		Severity: severity,
		Message:  message,
		Help:     "lower pm.max_children until the sum fits: requests then wait in the backlog instead of dying with the OOM killer",
		Span:     at.setting.Span,
	}
	for _, s := range shares {
		if s.pool != at.pool || len(shares) > 1 {
			f.Related = append(f.Related, source.Related{
				Span:    s.setting.Span,
				Message: fmt.Sprintf("%s: %d x %s = %s", poolName(s.pool), s.children, size(s.each), size(s.bytes())),
			})
		}
	}
	p.Report(f)
}

// checkMemoryLimits gives advice where every worker at its memory_limit would not fit. That does
// not happen at once as a rule, so it is no more than advice.
func checkMemoryLimits(p *lint.Pass, shares []share, bounded int) {
	var sum int64
	all := 0
	for _, s := range shares {
		limit := s.pool.Ini("memory_limit")
		n, err := iniBytes(limit.Text)
		if limit.Unknown != "" || err != nil || n <= 0 {
			return
		}
		sum += n * int64(s.children)
		all += s.children
	}
	if all > bounded {
		sum = sum / int64(all) * int64(bounded)
	}
	ram := p.Stack.FPMHost.RAM
	if sum <= ram.Value {
		return
	}
	first := shares[0]
	limit := first.pool.Ini("memory_limit")
	f := lint.Finding{
		Severity: lint.Info,
		Message:  fmt.Sprintf("%s at memory_limit %s would take %s, more than the RAM of %s (%s)", workers(shares, bounded), limit.Text, size(sum), size(ram.Value), ram.From),
		Help:     "measure what a worker takes (--worker-rss) and size pm.max_children by that",
		Span:     first.setting.Span,
	}
	if !limit.Span.IsZero() {
		f.Related = []source.Related{{Span: limit.Span, Message: "memory_limit is set here"}}
	}
	p.Report(f)
}
