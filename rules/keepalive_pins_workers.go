package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed keepalive-pins-workers.md
var keepalivePinsWorkersDoc string

// KeepalivePinsWorkers reports upstreams whose idle connections hold a pool's workers: an FPM
// worker serves one connection until it closes.
var KeepalivePinsWorkers = lint.Rule{
	ID:       "keepalive-pins-workers",
	Severity: lint.Warning,
	Family:   "connectivity",
	Summary:  "idle connections hold the pool's workers",
	Doc:      keepalivePinsWorkersDoc,
	Check:    checkKeepalivePinsWorkers,
}

func checkKeepalivePinsWorkers(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		keep := h.Scope.Effective("fastcgi_keep_conn")
		if !keep.On() {
			continue // without it FPM closes each connection, whatever the upstream says
		}
		seen := map[*nginx.Upstream]bool{}
		for _, b := range h.Backends {
			if u := b.Upstream; u != nil && u.Keepalive > 0 && !seen[u] {
				seen[u] = true
				checkPinning(p, h, u, keep)
			}
		}
	}
}

func checkPinning(p *lint.Pass, h *stack.Handoff, u *nginx.Upstream, keep nginx.Value) {
	pools := map[*fpm.Pool]bool{}
	children, servers := 0, 0
	var largest fpm.Setting
	for _, b := range h.Backends {
		if b.Upstream != u || b.Server.Down {
			continue
		}
		servers++
		for _, m := range b.Pools {
			if pools[m.Pool] {
				continue
			}
			pools[m.Pool] = true
			n, ok := m.Pool.Int("pm.max_children")
			if !ok {
				p.Skip("%s: pm.max_children is unknown", poolName(m.Pool))
				return
			}
			children += n
			largest = m.Pool.Get("pm.max_children")
		}
	}
	if len(pools) == 0 {
		return
	}
	workers, auto, _ := h.Config.WorkerProcesses()
	each := fmt.Sprintf("%d", workers)
	if auto {
		workers, each = 1, "auto, at least 1"
		if cpus := p.Stack.NginxHost.CPUs; cpus.Known {
			workers, each = cpus.Value, fmt.Sprintf("auto, %d", cpus.Value)
		}
	}
	held := u.Keepalive * workers
	f := lint.Finding{
		Message: fmt.Sprintf("upstream %s keeps %s idle per nginx worker (keepalive %d x worker_processes %s = %d): they hold %d of the %s that serve it",
			u.Name, plural(u.Keepalive, "connection"), u.Keepalive, each, held, min(held, children), plural(children, "PHP worker")),
		Help:     "set fastcgi_keep_conn off: on one host a new connection costs next to nothing, a held worker costs a request",
		Span:     u.KeepaliveAt,
		Handoffs: []*stack.Handoff{h},
		Related:  []source.Related{{Span: keep.Span, Message: "connections are kept because of this"}},
	}
	if !largest.Span.IsZero() {
		f.Related = append(f.Related, source.Related{Span: largest.Span, Message: "the pool's workers"})
	}
	if held >= children && servers == 1 {
		f.Severity = lint.Error
		f.Message += ", and all others wait"
	}
	if keep.Statement != nil && editable(keep.Statement.Src) {
		f.Fix = &lint.Fix{Safe: true, Description: "fastcgi_keep_conn off", Edits: []source.Edit{{Span: keep.Statement.ArgSpan(0), NewText: requote(keep.Statement.ArgSpan(0), "off")}}}
	} else {
		f.Help += generatedNote(keep.Span.File)
	}
	p.Report(f)
}
