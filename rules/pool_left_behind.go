package rules

import (
	"bytes"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
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
	u := newMove(p.Stack)
	if u == nil {
		return
	}
	seen := map[string]bool{}
	for _, m := range u.From {
		for _, pool := range slices.Concat(m.Pools, m.LeftOut()) {
			name := strings.ToLower(pool.Name)
			if u.counterpart(pool) != nil || seen[name] {
				continue
			}
			addr, setting, err := pool.Listen()
			if err != nil || setting.Unknown != "" {
				continue
			}
			if passes := u.reaching(pool, addr); len(passes) > 0 {
				seen[name] = true // of several older versions, the newest one's
				reportLeftBehind(p, u, pool, addr, passes)
			}
		}
	}
}

func reportLeftBehind(p *lint.Pass, u *move, pool *fpm.Pool, addr address.Address, passes []passage) {
	f := lint.Finding{
		Message: fmt.Sprintf("%s has no counterpart in PHP %s, and nginx passes to %s", poolName(pool), u.To.Version, addr),
		Help:    u.command(pool.Master) + " takes the pool along",
		Span:    pool.Get("listen").Span,
	}
	if len(passes[0].backend.Pools) > 0 {
		f.Severity = u.severity()
	}
	for i, at := range passes {
		f.Handoffs = append(f.Handoffs, at.handoff)
		if i < 3 {
			f.Related = append(f.Related, source.Related{Span: at.backend.Span, Message: "nginx passes to it here"})
		}
	}
	var why string
	if f.Fix, why = u.port(pool, addr, passes); why != "" {
		f.Help = fmt.Sprintf("write the pool for PHP %s by hand: %s", u.To.Version, why)
	}
	p.Report(f)
}

// port writes the pool's section to a new file of the new version: comments kept, versions in
// paths moved, at an address that nobody else has. why says what keeps it from doing so.
func (u *move) port(pool *fpm.Pool, addr address.Address, passes []passage) (fix *lint.Fix, why string) {
	part, ok := pool.Part()
	name, free := u.poolFile(pool)
	switch {
	case !ok:
		return nil, "its settings stand in several places"
	case pool.Master.Root != u.To.Root:
		return nil, "it is in another root"
	case name == "":
		return nil, u.To.Conf.Display + " includes no directory of pools that is there"
	case !free:
		return nil, fmt.Sprintf("%s is there, but %s does not include it, or has no pool of that name", name, u.To.Conf.Display)
	}
	listen, target, why := u.newListen(pool, addr)
	if why != "" {
		return nil, why
	}
	var text strings.Builder
	at := part.Start
	for _, e := range pool.Entries() {
		value := u.value(pool.Master, e)
		if e == pool.Get("listen").Entry {
			value = listen
		}
		text.Write(part.File.Data[at:e.ValueSpan.Start])
		text.WriteString(value)
		at = e.ValueSpan.End
	}
	text.Write(bytes.TrimRight(part.File.Data[at:part.End], "\r\n"))
	text.WriteByte('\n')
	fix = &lint.Fix{
		Description: fmt.Sprintf("take pool %s along to PHP %s as %s", pool.Name, u.To.Version, name),
		Files:       []lint.NewFile{{Root: u.To.Root, Path: name, Data: []byte(text.String()), Like: part.File}},
	}
	for _, pass := range passes {
		b := pass.backend
		if b.Address.Reaches(target) == address.Yes {
			continue
		}
		if literal(b.Span) != b.Text || !isPlain(target.String()) || !editable(b.Span.File) {
			return nil, fmt.Sprintf("nginx's address at %s cannot be changed along with it", place(b.Span))
		}
		edit := source.Edit{Span: b.Span, NewText: requote(b.Span, target.String())}
		if !slices.Contains(fix.Edits, edit) {
			fix.Edits = append(fix.Edits, edit)
		}
	}
	return fix, ""
}

// poolFile is the path for a pool's file in the new version, "" where a file there would not be
// read; free says that no file is there.
func (u *move) poolFile(pool *fpm.Pool) (name string, free bool) {
	dir := u.To.PoolDir()
	if dir == "" || !u.To.Root.Exists(dir) {
		return "", false
	}
	for _, base := range []string{path.Base(pool.Header.File.Path), pool.Name + ".conf"} {
		if name = path.Join(dir, base); path.Dir(name) != dir || !u.To.Takes(name) {
			continue
		}
		if _, err := u.To.Root.Lstat(name); err != nil {
			return name, true
		}
	}
	if !u.To.Takes(name) {
		return "", false
	}
	return name, false
}

// newListen is the pool's listen in the new version as it is written, and the address that it
// means: the old one, with the version in it moved, or where somebody has that a socket that bears
// the pool's name.
func (u *move) newListen(pool *fpm.Pool, addr address.Address) (written string, target address.Address, why string) {
	e := pool.Get("listen").Entry
	written = u.value(pool.Master, e)
	prefix := u.To.Prefix
	if own := pool.Get("prefix"); !own.IsDefault {
		prefix = own.Text
	}
	text := pool.Expand(strings.Trim(written, `"'`))
	target, err := address.ParseListen(text, prefix)
	switch {
	case err != nil:
		return "", target, err.Error()
	case !u.taken(target):
		return written, target, ""
	case !addr.IsUnix():
		return "", target, fmt.Sprintf("%s is taken", target)
	}
	target.Path = path.Join(path.Dir(addr.Path), "php"+u.To.Version+"-fpm-"+pool.Name+".sock")
	if u.taken(target) || len(target.Path) > address.MaxSocketPath {
		return "", target, fmt.Sprintf("%s is taken", addr)
	}
	return target.Path, target, ""
}
