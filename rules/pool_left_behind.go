package rules

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed pool-left-behind.md
var poolLeftBehindDoc string

// PoolLeftBehind reports pools of an older PHP that nginx needs and the newer one lacks.
var PoolLeftBehind = lint.Rule{
	ID:       "pool-left-behind",
	Severity: lint.Warning,
	Family:   "upgrade",
	Summary:  "a pool that nginx needs was not taken along to the newer PHP",
	Doc:      poolLeftBehindDoc,
	Check:    checkPoolLeftBehind,
}

func checkPoolLeftBehind(p *lint.Pass) {
	u := p.Stack.Upgrade
	if u == nil {
		return
	}
	seen := map[string]bool{}
	for _, m := range u.From {
		for _, list := range [][]*fpm.Pool{m.Pools, m.LeftOut()} {
			for _, pool := range list {
				if counterpart(u, pool.Name) != nil || seen[pool.Name] {
					continue
				}
				addr, setting, err := pool.Listen()
				if err != nil || setting.Unknown != "" {
					continue
				}
				handoffs, backends := reaching(p.Stack, addr)
				if len(handoffs) == 0 {
					continue
				}
				seen[pool.Name] = true // of several older versions, the newest one's
				reportLeftBehind(p, pool, addr, setting, handoffs, backends)
			}
		}
	}
}

func reportLeftBehind(p *lint.Pass, pool *fpm.Pool, addr address.Address, setting fpm.Setting, handoffs []*stack.Handoff, backends []*stack.Backend) {
	u := p.Stack.Upgrade
	served := len(backends[0].Pools) > 0
	f := lint.Finding{
		Message:  fmt.Sprintf("%s has no counterpart in PHP %s, and nginx passes to %s", poolName(pool), u.To.Version, addr),
		Help:     fmt.Sprintf("fpmlint fix --upgrade --to %s takes the pool along", u.To.Version),
		Span:     setting.Span,
		Handoffs: handoffs,
	}
	if served {
		f.Severity = upgradeSeverity(p.Stack)
	}
	for _, b := range backends[:min(3, len(backends))] {
		f.Related = append(f.Related, source.Related{Span: b.Span, Message: "nginx passes to it here"})
	}
	f.Fix = portPool(p.Stack, pool, addr, backends)
	if f.Fix == nil {
		f.Help = fmt.Sprintf("write the pool for PHP %s by hand: it cannot be taken along as it is", u.To.Version)
	}
	p.Report(f)
}

// portPool writes the pool's section to a new file of the new version: comments kept, versions in
// paths moved, at an address that nobody else has. nil where that takes a decision.
func portPool(s *stack.Stack, pool *fpm.Pool, addr address.Address, backends []*stack.Backend) *lint.Fix {
	u := s.Upgrade
	text, ok := pool.Text()
	dir := u.To.PoolDir()
	if !ok || dir == "" || pool.Master.Root != u.To.Root || !u.To.Root.Exists(dir) {
		return nil
	}
	name := path.Join(dir, path.Base(pool.Header.File.Path))
	if u.To.Root.Exists(name) {
		name = path.Join(dir, pool.Name+".conf")
	}
	if u.To.Root.Exists(name) {
		return nil
	}
	listen := pool.Get("listen")
	target := addr
	if addr.IsUnix() {
		target.Path = movedText(addr.Path, pool.Master.Version, u.To.Version)
	}
	moved := moveSettings(text, pool.Master.Version, u.To.Version)
	if taken(s, target) {
		if !addr.IsUnix() || target != addr {
			return nil
		}
		target.Path = newSocket(addr.Path, pool.Name, u.To.Version)
		if taken(s, target) || len(target.Path) > address.MaxSocketPath {
			return nil
		}
		written := moveSettings("listen = "+listen.Entry.ValueSpan.Text(), pool.Master.Version, u.To.Version)
		written = strings.TrimPrefix(written, "listen = ")
		if strings.Count(moved, written) == 0 {
			return nil
		}
		moved = strings.Replace(moved, written, target.Path, 1)
	}
	fix := &lint.Fix{
		Description: fmt.Sprintf("take pool %s along to PHP %s as %s", pool.Name, u.To.Version, name),
		Files:       []lint.NewFile{{Root: u.To.Root, Path: name, Data: []byte(moved)}},
	}
	for _, b := range backends {
		if b.Address == target {
			continue
		}
		if literal(b.Span) != b.Text || !editable(b.Span.File) {
			return nil
		}
		edit := source.Edit{Span: b.Span, NewText: requote(b.Span, target.String())}
		if len(fix.Edits) == 0 || fix.Edits[len(fix.Edits)-1] != edit {
			fix.Edits = append(fix.Edits, edit)
		}
	}
	return fix
}

// moveSettings moves the version in what is no comment.
func moveSettings(text, from, to string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), ";") {
			line = movedText(line, from, to)
		}
		b.WriteString(line)
	}
	return b.String()
}
