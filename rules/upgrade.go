package rules

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/stack"
)

// move is a stack's upgrade with what its rules look up.
type move struct {
	*stack.Upgrade
	stack *stack.Stack
	// next are the pools of the version that the upgrade leads to, by their names in lower case:
	// FPM compares them so.
	next map[string]*fpm.Pool
	// used are the pools that some hand-off reaches.
	used map[*fpm.Pool]bool
	// passes are nginx's backends by socket or port, and by the pool that they reach.
	passes map[address.Address][]passage
	byPool map[*fpm.Pool][]passage
	// listens are the addresses that somebody has, by socket or port.
	listens map[address.Address][]address.Address
	// forms are the regular expressions that find a version, by the version.
	forms map[string][2]*regexp.Regexp
	// sideBySide says that sites use the new version already while others use an older one: then
	// versions may differ on purpose.
	sideBySide bool
}

// passage is one backend of a hand-off.
type passage struct {
	handoff *stack.Handoff
	backend *stack.Backend
}

// newMove is nil where the stack has no upgrade.
func newMove(s *stack.Stack) *move {
	if s.Upgrade == nil {
		return nil
	}
	u := &move{
		Upgrade: s.Upgrade, stack: s, next: map[string]*fpm.Pool{}, used: claimedPools(s), passes: map[address.Address][]passage{},
		byPool: map[*fpm.Pool][]passage{}, listens: map[address.Address][]address.Address{}, forms: map[string][2]*regexp.Regexp{},
	}
	for _, p := range u.To.Pools {
		u.next[strings.ToLower(p.Name)] = p
		u.sideBySide = u.sideBySide || u.used[p]
	}
	for _, h := range s.Handoffs {
		for _, b := range h.Backends {
			if b.Err == nil {
				u.passes[end(b.Address)] = append(u.passes[end(b.Address)], passage{h, b})
			}
			for _, m := range b.Pools {
				u.byPool[m.Pool] = append(u.byPool[m.Pool], passage{h, b})
			}
		}
	}
	for _, p := range servingPools(s) {
		if addr, setting, err := p.Listen(); err == nil && setting.Unknown == "" {
			u.listens[end(addr)] = append(u.listens[end(addr)], addr)
		}
	}
	for _, l := range s.Listens {
		if !s.Split {
			u.listens[end(l.Address)] = append(u.listens[end(l.Address)], l.Address)
		}
	}
	return u
}

// end is what two listeners of one host can meet on: a socket's path, or a port.
func end(a address.Address) address.Address { return address.Address{Path: a.Path, Port: a.Port} }

// counterpart is the pool of the same name in the version that the upgrade leads to.
func (u *move) counterpart(pool *fpm.Pool) *fpm.Pool { return u.next[strings.ToLower(pool.Name)] }

// reaching are the backends that lead to a pool's address.
func (u *move) reaching(pool *fpm.Pool, a address.Address) []passage {
	out := slices.DeleteFunc(slices.Clone(u.passes[end(a)]), func(p passage) bool {
		return p.backend.External != "" || p.backend.Address.Reaches(a) != address.Yes
	})
	if len(out) == 0 {
		return u.byPool[pool] // by a link
	}
	return out
}

// taken says whether somebody has an address.
func (u *move) taken(a address.Address) bool {
	return slices.ContainsFunc(u.listens[end(a)], func(have address.Address) bool { return collide(have, a) })
}

// severity is how much what an older version still serves matters: sites that use different
// versions may do so on purpose, unless the move was asked for.
func (u *move) severity() lint.Severity {
	if u.sideBySide && !u.Moving {
		return lint.Info
	}
	return lint.Warning
}

// lostSeverity is how much it matters that the new version lacks what an older one has: little
// while sites use the older one on purpose, since it is theirs.
func (u *move) lostSeverity(still bool) lint.Severity {
	if still && !u.Moving {
		return lint.Info
	}
	return lint.Warning
}

// uses says whether a site uses a version.
func (u *move) uses(m *fpm.Master) bool {
	return slices.ContainsFunc(m.Pools, func(p *fpm.Pool) bool { return u.used[p] })
}

// command is what moves all that uses a version.
func (u *move) command(from *fpm.Master) string {
	return fmt.Sprintf("fpmlint fix --upgrade --from %s --to %s", from.Version, u.To.Version)
}

// text moves a version's number in a text to the new one: php8.2, php/8.2, php-8.2 and php82 become
// those of the new version. Other numbers stay.
func (u *move) text(from *fpm.Master, text string) string {
	if from.Version == "" {
		return text
	}
	forms, ok := u.forms[from.Version]
	if !ok {
		for i, v := range [2]string{from.Version, strings.ReplaceAll(from.Version, ".", "")} {
			forms[i] = regexp.MustCompile(`(?i)(php[-/_]?)` + regexp.QuoteMeta(v) + `([^0-9]|$)`)
		}
		u.forms[from.Version] = forms
	}
	text = forms[0].ReplaceAllString(text, "${1}"+u.To.Version+"${2}")
	return forms[1].ReplaceAllString(text, "${1}"+strings.ReplaceAll(u.To.Version, ".", "")+"${2}")
}

// value is what a line's value becomes in the new version, as it is written, with quotes. It stays
// where it names a place that is there for the old version only.
func (u *move) value(from *fpm.Master, e *fpm.Entry) string {
	was := strings.Split(e.Value, ":")
	for i, now := range strings.Split(u.text(from, e.Value), ":") {
		if now != was[i] && path.IsAbs(now) && !u.movable(e, was[i], now) {
			return e.ValueSpan.Text()
		}
	}
	return u.text(from, e.ValueSpan.Text())
}

// movable says whether the place that a moved path names can stand for the old one: what PHP-FPM
// makes needs its directory only.
func (u *move) movable(e *fpm.Entry, was, now string) bool {
	root := u.To.Root
	if root.Exists(path.Dir(was)) && !root.Exists(path.Dir(now)) {
		return false
	}
	return isLog(e) || strings.HasSuffix(e.Key, "listen") || e.Key == "pid" || !root.Exists(was) || root.Exists(now)
}

// isLog says whether a line names a log.
func isLog(e *fpm.Entry) bool {
	return e.Key == "slowlog" || e.Key == "access.log" || e.Key == "error_log" || e.Index == "error_log"
}

// withIndex is a line's key as it is written.
func withIndex(e *fpm.Entry) string {
	if e.Index == "" {
		return e.Key
	}
	return e.Key + "[" + e.Index + "]"
}
