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
	// from says where each comes from, measured that it was not assumed.
	from     string
	measured bool
	setting  fpm.Setting
}

func (s share) bytes() int64 { return int64(s.children) * s.each }

// demand is what the pools of all masters may take together.
type demand struct {
	shares []share
	// bounded is the number of workers and sum their memory in bytes, as process.max bounds them.
	bounded  int
	sum      int64
	measured bool
}

func checkMaxChildrenMemory(p *lint.Pass) {
	h := p.Stack.FPMHost
	if !h.RAM.Known {
		p.Skip("RAM unknown: give --ram")
		return
	}
	d := demand{measured: true}
	for _, m := range p.Stack.Masters {
		if m.Serves() {
			d.add(p, m)
		}
	}
	if len(d.shares) == 0 {
		return
	}
	budget := h.RAM.Value - h.Reserve.Value
	wanted := d.sum / 100 * headroomPercent
	switch {
	case d.sum > h.RAM.Value:
		severity := lint.Warning
		if d.measured {
			severity = lint.Error
		}
		d.report(p, severity, fmt.Sprintf("%s, more than the RAM of %s (%s)", d.arithmetic(), size(h.RAM.Value), h.RAM.From))
	case d.measured && wanted > budget:
		d.report(p, lint.Warning, fmt.Sprintf("%s, with 25 %% headroom %s, more than the %s that are left of %s RAM (%s) after a reserve of %s",
			d.arithmetic(), size(wanted), size(budget), size(h.RAM.Value), h.RAM.From, size(h.Reserve.Value)))
	default:
		checkMemoryLimits(p, d.shares, d.bounded)
	}
}

// add counts a master's pools.
func (d *demand) add(p *lint.Pass, m *fpm.Master) {
	total, sum := 0, int64(0)
	for _, pool := range m.Pools {
		setting := pool.Get("pm.max_children")
		n, ok := pool.Int("pm.max_children")
		if !ok || n <= 0 || setting.Span.IsZero() {
			p.Skip("%s: pm.max_children is unknown", poolName(pool))
			continue
		}
		s := share{pool: pool, children: n, setting: setting}
		s.each, s.from, s.measured = workerMemory(p, pool)
		d.shares = append(d.shares, s)
		d.measured = d.measured && s.measured
		total += n
		sum += s.bytes()
	}
	if limit, ok := m.GlobalInt("process.max"); ok && limit > 0 && limit < total {
		sum = sum / int64(total) * int64(limit)
		total = limit
	}
	d.bounded += total
	d.sum += sum
}

// workerMemory is the memory of one worker: the mean of the pool's own that run, else what was
// given, else the least that is plausible. Resident sizes count shared memory again for each
// worker, so they prove nothing.
func workerMemory(p *lint.Pass, pool *fpm.Pool) (each int64, from string, measured bool) {
	h := p.Stack.FPMHost
	if m, ok := h.PoolMemory(pool.Master.Conf.Path, pool.Name); ok {
		if m.Proportional {
			return m.Mean, fmt.Sprintf("%s a worker (the mean of %d that run)", size(m.Mean), m.Count), true
		}
		if !h.WorkerRSS.Known {
			return m.Mean, fmt.Sprintf("%s a worker (the mean of %d that run, shared memory counted with each)", size(m.Mean), m.Count), false
		}
	}
	if rss := h.WorkerRSS; rss.Known {
		return rss.Value, fmt.Sprintf("%s a worker (%s)", size(rss.Value), rss.From), true
	}
	return assumedWorker, size(assumedWorker) + " a worker (assumed: the least of an application; give --worker-rss)", false
}

// arithmetic shows how the sum comes about.
func (d *demand) arithmetic() string {
	count := workers(d.shares, d.bounded)
	for _, s := range d.shares {
		if s.from != d.shares[0].from {
			return fmt.Sprintf("%s of %s take %s, each pool's at its own measure", count, plural(len(d.shares), "pool"), size(d.sum))
		}
	}
	return fmt.Sprintf("%s x %s = %s", count, d.shares[0].from, size(d.sum))
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

func (d *demand) report(p *lint.Pass, severity lint.Severity, message string) {
	at := d.shares[0]
	for _, s := range d.shares {
		if s.bytes() > at.bytes() {
			at = s
		}
	}
	f := lint.Finding{
		Severity: severity,
		Message:  message,
		Help:     "lower pm.max_children until the sum fits: requests then wait in the backlog instead of dying with the OOM killer",
		Span:     at.setting.Span,
		Fix:      d.fix(p),
	}
	for _, s := range d.shares {
		if s.pool != at.pool || len(d.shares) > 1 {
			f.Related = append(f.Related, source.Related{
				Span:    s.setting.Span,
				Message: fmt.Sprintf("%s: %d x %s = %s", poolName(s.pool), s.children, size(s.each), size(s.bytes())),
			})
		}
	}
	p.Report(f)
}

// fix lowers every pool's workers in proportion, and the spare servers with them; nil where
// process.max bounds the sum already, a file is generated, or one worker a pool is too many.
func (d *demand) fix(p *lint.Pass) *lint.Fix {
	h := p.Stack.FPMHost
	target := h.RAM.Value
	if d.measured {
		target = (h.RAM.Value - h.Reserve.Value) / headroomPercent * 100
	}
	scale, ok := d.scale(target)
	if !ok {
		return nil
	}
	fix := &lint.Fix{Description: "lower pm.max_children of all pools in proportion, until they fit into " + size(target)}
	for _, s := range d.shares {
		if !editablePool(s.pool, s.setting, s.pool.Get("pm.min_spare_servers"), s.pool.Get("pm.max_spare_servers"), s.pool.Get("pm.start_servers")) {
			return nil
		}
		n := lowered(s.children, scale)
		fix.Edits = append(fix.Edits, s.pool.SetEdits("pm.max_children", itoa(n))...)
		fix.Edits = append(fix.Edits, scaleSpare(s.pool, n, scale)...)
	}
	return fix
}

// scale is what to multiply every pool's workers with, so that they fit into a number of bytes;
// false where process.max bounds them or one worker for each pool is too many. Pools of one worker
// keep it, so the others may have to give a little more than their part.
func (d *demand) scale(target int64) (scale float64, ok bool) {
	scale = float64(target) / float64(d.sum)
	for range 10 {
		var sum int64
		count := 0
		for _, s := range d.shares {
			sum += int64(lowered(s.children, scale)) * s.each
			count += s.children
		}
		if sum <= target || d.bounded < count {
			return scale, d.bounded == count
		}
		scale *= min(0.99, float64(target)/float64(sum))
	}
	return 0, false
}

func lowered(children int, scale float64) int { return max(1, int(float64(children)*scale)) }

// scaleSpare lowers a dynamic pool's spare servers, within what FPM and the rule spare-servers ask.
func scaleSpare(pool *fpm.Pool, children int, scale float64) []source.Edit {
	least, ok1 := pool.Int("pm.min_spare_servers")
	most, ok2 := pool.Int("pm.max_spare_servers")
	if pool.Get("pm").Text != "dynamic" || !ok1 || !ok2 || least < 1 || most < least {
		return nil
	}
	low := max(1, min(children, int(float64(least)*scale)))
	high := min(children, max(low+1, int(float64(most)*scale), (children+9)/10))
	edits := append(pool.SetEdits("pm.min_spare_servers", itoa(low)), pool.SetEdits("pm.max_spare_servers", itoa(high))...)
	if start, ok := pool.Int("pm.start_servers"); ok && start > 0 {
		start = min(high, max(low, int(float64(start)*scale)))
		edits = append(edits, pool.SetEdits("pm.start_servers", itoa(start))...)
	}
	return edits
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
