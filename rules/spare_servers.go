package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed spare-servers.md
var spareServersDoc string

// SpareServers reports dynamic pools that start and kill workers in turns.
var SpareServers = lint.Rule{
	ID:       "spare-servers",
	Severity: lint.Warning,
	Family:   "capacity",
	Summary:  "a dynamic pool starts and kills workers in turns",
	Doc:      spareServersDoc,
	Options: []lint.Option{{
		Name: "share", Kind: lint.Count, Default: "10",
		Doc: "the least share of pm.max_children, in percent, that pm.max_spare_servers keeps unreported: the distributions' files have 60 (Debian) and 70 (RHEL)",
	}},
	Check: checkSpareServers,
}

func checkSpareServers(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		pm, high := pool.Get("pm"), pool.Get("pm.max_spare_servers")
		children, ok1 := pool.Int("pm.max_children")
		least, ok2 := pool.Int("pm.min_spare_servers")
		most, ok3 := pool.Int("pm.max_spare_servers")
		if pm.Unknown != "" || pm.Text != "dynamic" || !ok1 || !ok2 || !ok3 || least < 1 || most < least || most >= children {
			continue // unknown, or fpm-config's, or all workers are kept
		}
		f := lint.Finding{
			Help:    "let spare servers range from a tenth to a third of pm.max_children, and start in the middle",
			Span:    high.Span,
			Related: []source.Related{{Span: pool.Get("pm.max_children").Span, Message: fmt.Sprintf("%s in all", plural(children, "worker"))}},
		}
		switch share := p.Count("share"); {
		case least == most:
			f.Message = fmt.Sprintf("pm.min_spare_servers and pm.max_spare_servers are both %d in %s: it forks a worker for each request that comes and kills one for each that ends", most, poolName(pool))
		case most*100 < children*share:
			f.Message = fmt.Sprintf("pm.max_spare_servers = %d of %s in %s: after each burst all others are killed, and the next burst waits for new ones", most, plural(children, "worker"), poolName(pool))
		default:
			continue
		}
		if start := pool.Get("pm.start_servers"); editablePool(pool, high, pool.Get("pm.min_spare_servers"), start) {
			f.Fix = spareFix(pool, children, start)
		}
		p.Report(f)
	}
}

// spareFix lets the spare servers range from a tenth to a third of all workers.
func spareFix(pool *fpm.Pool, children int, start fpm.Setting) *lint.Fix {
	least := max(1, children/10)
	most := min(children, max(least+1, children/3))
	edits := append(pool.SetEdits("pm.min_spare_servers", itoa(least)), pool.SetEdits("pm.max_spare_servers", itoa(most))...)
	if !start.IsDefault {
		edits = append(edits, pool.SetEdits("pm.start_servers", itoa(least+(most-least)/2))...)
	}
	return &lint.Fix{Description: fmt.Sprintf("keep %d to %d spare workers", least, most), Edits: mergeInserts(edits)}
}
