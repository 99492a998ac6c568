package rules

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed socket-mismatch.md
var socketMismatchDoc string

// SocketMismatch reports hand-offs to an address where no pool listens.
var SocketMismatch = lint.Rule{
	ID:       "socket-mismatch",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "no pool listens at the address that nginx passes to",
	Doc:      socketMismatchDoc,
	Check:    checkSocketMismatch,
}

func checkSocketMismatch(p *lint.Pass) {
	pools := newCandidates(servingPools(p.Stack), claimedPools(p.Stack))
	uninstalled := uninstalledListeners(p.Stack)
	u := newMove(p.Stack)
	gone := goneListeners(u)
	for _, h := range p.Stack.Handoffs {
		if h.Unknown != "" {
			p.Skip("%s: fastcgi_pass %s: %s", place(h.Pass.Span()), h.Pass.Arg(0), h.Unknown)
		}
		for _, b := range h.Backends {
			if b.Err != nil || b.Server != nil && b.Server.Down || b.DefaultPort || speaksHTTP(b) {
				continue // another rule's
			}
			if b.Served {
				continue
			}
			if b.External != "" {
				p.Skip("%s: %s: %s", place(b.Span), b.Text, b.External)
				continue
			}
			if len(b.Pools) > 0 {
				checkAnswers(p, h, b)
				continue
			}
			if !h.PHP {
				p.Skip("%s: %s: nothing shows that this is PHP's: another FastCGI program may listen there", place(b.Span), b.Text)
				continue
			}
			f := lint.Finding{
				Message:  mismatchMessage(b, uninstalled),
				Span:     b.Span,
				Handoffs: []*stack.Handoff{h},
			}
			if othersLive(h, b) {
				f.Severity = lint.Warning
				f.Message += "; the upstream's other servers answer"
			}
			version := otherPackage(p.Stack, b.Address)
			if version != "" {
				f.Severity = lint.Warning
				f.Message += fmt.Sprintf("; PHP %s, of which nothing is here, may have one if it is installed too", version)
			}
			old := gone[b.Address]
			var heir *fpm.Pool
			if old != nil {
				heir = u.counterpart(old)
			}
			switch {
			case b.Fault != "":
				f.Message += ": " + b.Fault
				f.Help = composeHelp(b)
				f.Fix = composeFix(b)
			case old != nil && heir == nil:
				f.Help = fmt.Sprintf("%s listened here and was not taken along: fpmlint fix --upgrade takes it along to PHP %s", poolName(old), u.To.Version)
				f.Related = append(f.Related, source.Related{Span: old.Get("listen").Span, Message: poolName(old) + " listened here"})
			default:
				suggest(p.Stack, &f, b, pools, heir)
			}
			if version != "" && f.Fix != nil {
				f.Fix.Safe = false // the site works where that version is there
			}
			// A PHP-FPM that outlived its package or has not read its files again, one with a configuration
			// elsewhere, a container's port: requests arrive, and a fix would send them to other code.
			if p.Stack.Heard(h.Config, b.Address) {
				f.Severity = lint.Warning
				f.Message += "; yet something takes connections there, and no configuration that was read starts it again"
				f.Help += "; where what runs there is to stay, name its configuration with --fpm-conf"
				if f.Fix != nil {
					f.Fix.Safe = false
				}
			}
			if b.Span.File != h.Pass.Src || b.Span.Start != h.Pass.ArgSpan(0).Start {
				f.Related = append(f.Related, source.Related{Span: h.Pass.Span(), Message: "passed on here"})
			}
			p.Report(f)
		}
	}
}

// composeHelp names the addresses at which nginx's container reaches PHP-FPM.
func composeHelp(b *stack.Backend) string {
	switch {
	case len(b.Candidates) > 0:
	case b.Address.IsUnix():
		return "mount one volume at the socket's directory in both services"
	default:
		return fmt.Sprintf("let the pool listen on every address of its container (listen = %d), as 127.0.0.1 is seen from inside alone, and pass to the name of its service", b.Address.Port)
	}
	return "pass to " + strings.Join(b.Candidates, " or ")
}

// composeFix leads to the only PHP-FPM that nginx's container reaches. It can only mend where the same
// service listens on another port; another service's image may be PHP-FPM's too.
func composeFix(b *stack.Backend) *lint.Fix {
	if len(b.Candidates) != 1 || literal(b.Span) != b.Text || lint.Generated(b.Span.File) != "" {
		return nil
	}
	target := b.Candidates[0]
	host, _, _ := strings.Cut(target, ":")
	return &lint.Fix{
		Safe:        strings.EqualFold(host, b.Address.Host),
		Description: "pass to " + target,
		Edits:       []source.Edit{{Span: b.Span, NewText: requote(b.Span, target)}},
	}
}

func mismatchMessage(b *stack.Backend, uninstalled map[address.Address]*fpm.Pool) string {
	what := "no pool listens on " + b.Address.String()
	if b.Upstream != nil {
		what += fmt.Sprintf(" (a server of upstream %s)", b.Upstream.Name)
	}
	if strings.HasPrefix(b.Text, "unix:") && b.Address.String() != strings.TrimSuffix(b.Text, ":") {
		what += fmt.Sprintf(", written %s", b.Text)
	}
	if pool := uninstalled[b.Address]; pool != nil {
		what += fmt.Sprintf(": pool %s of PHP %s would, but that PHP-FPM is not installed", pool.Name, pool.Master.Version)
	}
	return what
}

// uninstalledListeners are the pools of versions that are not installed, by their addresses.
func uninstalledListeners(s *stack.Stack) map[address.Address]*fpm.Pool {
	out := map[address.Address]*fpm.Pool{}
	for _, pool := range s.Pools() {
		if stack.Serves(pool) {
			continue
		}
		if addr, setting, err := pool.Listen(); err == nil && setting.Unknown == "" && out[addr] == nil {
			out[addr] = pool
		}
	}
	return out
}

// goneListeners are the pools of older versions by the address at which they listened, where they no
// longer do: the version is not installed, or its main file does not include them.
func goneListeners(u *move) map[address.Address]*fpm.Pool {
	out := map[address.Address]*fpm.Pool{}
	if u == nil {
		return out
	}
	for _, m := range u.From {
		pools := m.LeftOut()
		if !m.Serves() {
			pools = slices.Concat(m.Pools, pools)
		}
		for _, pool := range pools {
			addr, setting, err := pool.Listen()
			if err == nil && setting.Unknown == "" && out[addr] == nil {
				out[addr] = pool
			}
		}
	}
	return out
}

// otherPackage is the version in the name of a socket as a package makes it, where only pools of other
// versions are here, without their main files or beside an nginx that may be another server's: what else is
// installed cannot be seen.
func otherPackage(s *stack.Stack, a address.Address) string {
	m := pathVersion().FindStringSubmatch(path.Base(a.Path))
	if m == nil || path.Dir(a.Path) != "/run/php" {
		return ""
	}
	for _, master := range s.Masters {
		if !master.PoolsOnly && !s.Guessed || master.Version == "" || master.Version == m[1] {
			return ""
		}
	}
	return m[1]
}

// othersLive says whether the upstream of a dead server has one that answers or may answer.
func othersLive(h *stack.Handoff, dead *stack.Backend) bool {
	if dead.Upstream == nil {
		return false
	}
	for _, b := range h.Backends {
		if b.Upstream == dead.Upstream && !b.Server.Down && b.Err == nil && (len(b.Pools) > 0 || b.External != "") {
			return true
		}
	}
	return false
}

// suggest names the candidates, nearest first, and makes the fix where only one pool can be meant:
// the heir of the one that listened there in an older PHP, where that is known.
func suggest(s *stack.Stack, f *lint.Finding, b *stack.Backend, pools *candidates, heir *fpm.Pool) {
	near := pools.near(b.Address)
	if len(near) == 0 {
		f.Help = "no pool with a known address was found: install or enable the PHP-FPM that should listen there"
		return
	}
	for _, c := range near {
		f.Related = append(f.Related, source.Related{Span: c.listen.Span, Message: poolName(c.pool) + " listens on " + c.addr.String()})
	}
	best, why := pools.meant(s, b)
	if one := pools.of(heir); one != nil {
		best, why = one, "as the pool that listened here is called in the older PHP"
	}
	if best == nil {
		names := make([]string, 0, maxNamed)
		for _, c := range near {
			names = append(names, c.addr.String())
		}
		f.Help = "pass to the pool that serves this site: " + strings.Join(names, ", ")
		if more := len(pools.all) - len(near); more > 0 {
			f.Help += fmt.Sprintf(", or one of %d more", more)
		}
		return
	}
	target := best.connect(b.Address)
	f.Help = fmt.Sprintf("pass to %s: %s, %s", target, poolName(best.pool), why)
	if who := lint.Generated(b.Span.File); who != "" {
		f.Help += "; the file is generated by " + who + ": change it there"
		return
	}
	if literal(b.Span) != b.Text || !isPlain(target) {
		return // the address is put together from parts: which part to change is the owner's choice
	}
	f.Fix = &lint.Fix{
		Safe:        !older(best.pool.Master.Version, b.Address.Path),
		Description: "pass to " + target,
		Edits:       []source.Edit{{Span: b.Span, NewText: requote(b.Span, target)}},
	}
}

// older says whether a PHP version is lower than the one that a socket's path names: code written
// for the newer one may not run.
func older(version, socket string) bool {
	m := pathVersion().FindStringSubmatch(path.Base(socket))
	if m == nil || version == "" {
		return false
	}
	return semver.Compare("v"+version, "v"+m[1]) < 0
}

var pathVersion = lazy.Regexp(`php-?([5-9]\.[0-9]+)`)

var versionInPath = lazy.Regexp(`php-?\d+([.\-]?\d+)*|\d+\.\d+`)

// unversioned replaces PHP versions in a path: php8.1-fpm.sock and php8.3-fpm.sock become equal.
func unversioned(p string) string { return versionInPath().ReplaceAllString(p, "php") }

// servingPools are the pools whose PHP-FPM is installed, as far as the root shows.
func servingPools(s *stack.Stack) []*fpm.Pool {
	return slices.DeleteFunc(s.Pools(), func(p *fpm.Pool) bool { return !stack.Serves(p) })
}

// claimedPools are the pools that some hand-off reaches.
func claimedPools(s *stack.Stack) map[*fpm.Pool]bool {
	claimed := map[*fpm.Pool]bool{}
	for _, h := range s.Handoffs {
		for _, b := range h.Backends {
			for _, m := range b.Pools {
				claimed[m.Pool] = true
			}
		}
	}
	return claimed
}
