package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed listen-backlog.md
var listenBacklogDoc string

// ListenBacklog reports queues that are too short for a burst, or shorter than they are written.
var ListenBacklog = lint.Rule{
	ID:       "listen-backlog",
	Severity: lint.Warning,
	Family:   "connectivity",
	Summary:  "the queue of waiting connections is short",
	Doc:      listenBacklogDoc,
	Options: []lint.Option{{
		Name: "min", Kind: lint.Count, Default: "128",
		Doc: "the least backlog that is not reported: the limit that Linux had until 5.4, which a burst of one browser's requests to a few sites does not fill",
	}},
	Check: checkListenBacklog,
}

// usualSomaxconn is SOMAXCONN of Linux since 5.4 (include/linux/socket.h).
const usualSomaxconn = 4096

func checkListenBacklog(p *lint.Pass) {
	limit := p.Stack.FPMHost.Somaxconn
	for _, pool := range servingPools(p.Stack) {
		s := pool.Get("listen.backlog")
		n, ok := pool.Int("listen.backlog")
		if s.IsDefault || !ok || n < 0 { // -1 is the kernel's limit
			continue
		}
		f := lint.Finding{Span: s.Span, Help: "remove the line, so that FPM's own default holds; this needs a restart of PHP-FPM, a reload keeps the old queue"}
		switch {
		case n < p.Count("min"):
			f.Message = fmt.Sprintf("listen.backlog %d of %s: when all workers are busy and %s wait, nginx answers 502 or 504 at once", n, poolName(pool), plural(n, "connection"))
		case limit.Known && n > limit.Value:
			f.Message = fmt.Sprintf("listen.backlog %d of %s is more than the kernel allows (net.core.somaxconn %d): the queue holds %d", n, poolName(pool), limit.Value, limit.Value)
			f.Help = fmt.Sprintf("raise net.core.somaxconn to %d as well, or r%s", n, f.Help[1:])
		case !limit.Known && n > usualSomaxconn && pool.Master.Family != "freebsd":
			f.Severity = lint.Info
			f.Message = fmt.Sprintf("listen.backlog %d of %s is more than the %d that Linux allows (its default of net.core.somaxconn since 5.4; this host's is unknown): the queue holds no more", n, poolName(pool), usualSomaxconn)
			f.Help = fmt.Sprintf("see that net.core.somaxconn is %d too, or remove the line; a change needs a restart of PHP-FPM, a reload keeps the old queue", n)
			p.Report(f)
			continue
		default:
			continue
		}
		f.Fix = removeLine(s, "remove listen.backlog")
		p.Report(f)
	}
}

// removeLine takes a setting out, where no earlier line comes into effect by that.
func removeLine(s fpm.Setting, description string) *lint.Fix {
	if len(s.Overrides) > 0 || s.Entry == nil || !editable(s.Span.File) {
		return nil
	}
	n := s.Entry.Span.Position().Line
	_, start := s.Span.File.Line(n)
	_, next := s.Span.File.Line(n + 1)
	return &lint.Fix{Safe: true, Description: description, Edits: []source.Edit{{Span: s.Span.File.Span(start, next)}}}
}
