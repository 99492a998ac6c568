package rules

import (
	_ "embed"
	"fmt"
	"slices"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed stale-php-version.md
var stalePHPVersionDoc string

// StalePHPVersion reports hand-offs to an older PHP although a newer one has the same pool.
var StalePHPVersion = lint.Rule{
	ID:       "stale-php-version",
	Severity: lint.Warning,
	Family:   "upgrade",
	Summary:  "nginx passes to an older PHP than the newest that is installed",
	Doc:      stalePHPVersionDoc,
	Check:    checkStalePHPVersion,
}

func checkStalePHPVersion(p *lint.Pass) {
	u := newMove(p.Stack)
	if u == nil {
		return
	}
	for _, h := range p.Stack.Handoffs {
		for _, b := range h.Backends {
			if slices.ContainsFunc(b.Pools, func(m stack.PoolMatch) bool { return m.Pool.Master == u.To }) {
				continue // whichever of the two has the address
			}
			for _, m := range b.Pools {
				if m.Match == address.Yes && slices.Contains(u.From, m.Pool.Master) {
					reportStale(p, u, passage{h, b}, m.Pool)
				}
			}
		}
	}
}

func reportStale(p *lint.Pass, u *move, at passage, old *fpm.Pool) {
	next := u.counterpart(old)
	if next == nil {
		return // pool-left-behind
	}
	addr, setting, err := next.Listen()
	if err != nil || setting.Unknown != "" {
		return
	}
	b := at.backend
	f := lint.Finding{
		Severity: u.severity(),
		Message:  fmt.Sprintf("nginx passes to %s, while PHP %s is installed and has a pool of that name", poolName(old), u.To.Version),
		Help:     u.command(old.Master) + " moves this and what belongs to it",
		Span:     b.Span,
		Handoffs: []*stack.Handoff{at.handoff},
		Related:  []source.Related{{Span: setting.Span, Message: poolName(next) + " listens on " + addr.String()}},
	}
	target := candidate{pool: next, addr: addr}.connect(b.Address)
	if target != b.Address.String() && literal(b.Span) == b.Text && isPlain(target) && editable(b.Span.File) {
		f.Fix = &lint.Fix{
			Description: "pass to " + target,
			Edits:       []source.Edit{{Span: b.Span, NewText: requote(b.Span, target)}},
		}
	}
	p.Report(f)
}
