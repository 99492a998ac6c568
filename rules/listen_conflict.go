package rules

import (
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed listen-conflict.md
var listenConflictDoc string

// ListenConflict reports two listeners on one address.
var ListenConflict = lint.Rule{
	ID:       "listen-conflict",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "two listeners on one address",
	Doc:      listenConflictDoc,
	Check:    checkListenConflict,
}

// listener is one end that wants an address for itself.
type listener struct {
	name   string
	addr   address.Address
	text   string // the address as it is written
	span   source.Span
	master *fpm.Master // nil for nginx
}

func checkListenConflict(p *lint.Pass) {
	reportSameNames(p)
	var all []listener
	for _, pool := range servingPools(p.Stack) {
		addr, s, err := pool.Listen()
		if s.Unknown != "" {
			p.Skip("%s: %s", poolName(pool), s.Unknown)
			continue
		}
		if err != nil || addr.IsZero() || s.Span.IsZero() {
			continue
		}
		all = append(all, listener{poolName(pool), addr, s.Text, s.Span, pool.Master})
	}
	pools := len(all)
	if !p.Stack.Split && !p.Stack.Loose {
		for _, l := range p.Stack.Listens {
			if l.Statement != nil {
				all = append(all, listener{"nginx", l.Address, "", l.Statement.Span(), nil})
			}
		}
	}
	// Listeners meet on a socket's path or on a port: compare within those only.
	groups := map[address.Address][]int{}
	apart := map[string]map[int]bool{} // in a repository, listeners of several masters by their address
	for i, l := range all {
		key := address.Address{Path: l.addr.Path, Port: l.addr.Port}
		taken := false
		for _, j := range groups[key] {
			if !collide(all[j].addr, l.addr) {
				continue
			}
			if p.Stack.Loose && all[j].master != l.master {
				name := l.addr.String()
				if apart[name] == nil {
					apart[name] = map[int]bool{}
				}
				apart[name][i], apart[name][j] = true, true
				continue
			}
			reportConflict(p, all[j], l)
			if taken = !oneSocket(all[j], l); taken {
				break // it does not listen: one reason is enough
			}
		}
		if i < pools && !taken { // nginx shares its own addresses among servers
			groups[key] = append(groups[key], i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(apart)) {
		which := slices.Sorted(maps.Keys(apart[name]))
		p.Skip("%d pools listen on %s, such as those of %s and %s: whether they do so on one host is not known", len(which), name, all[which[0]].span.File.Display, all[which[1]].span.File.Display)
	}
}

// collide says whether two listeners exclude each other. An address and "every address" of its
// family do: the second bind fails with EADDRINUSE.
func collide(a, b address.Address) bool {
	return a.IsUnix() || a.Host == b.Host || a.Host == "" || b.Host == "" || every(a, b) || every(b, a)
}

// every says whether a stands for every address of b's family.
func every(a, b address.Address) bool {
	return b.IsIP() && (a.Host == "0.0.0.0" && !b.IsIPv6() || a.Host == "::" && b.IsIPv6())
}

// oneSocket says whether a master opens a single socket for both, as its table of sockets is by
// address, while what it refuses to read twice is the same words.
func oneSocket(a, b listener) bool {
	host := func(l listener) string {
		if l.addr.Host != "" {
			return l.addr.Host
		}
		if host, _, ok := strings.Cut(l.text, ":"); ok && !strings.HasPrefix(host, "[") {
			return host // 0.0.0.0, which is no port alone
		}
		return "::"
	}
	return a.master != nil && a.master == b.master && !a.addr.IsUnix() && host(a) == host(b) && a.text != b.text
}

func reportConflict(p *lint.Pass, first, second listener) {
	f := lint.Finding{
		Message: fmt.Sprintf("%s and %s both listen on %s", first.name, second.name, second.addr),
		Help:    "give each listener an address of its own: the second one to start fails, and a pool that fails takes its whole PHP-FPM down",
		Span:    second.span,
		Related: []source.Related{{Span: first.span, Message: first.name + " listens on " + first.addr.String()}},
	}
	if oneSocket(first, second) {
		f.Message += " in other words: PHP-FPM starts, and either pool answers the other's requests, as its own user"
		f.Help = "give each pool an address of its own"
	}
	if second.master == nil { // point at the pool, which can move
		f.Span, f.Related[0] = first.span, source.Related{Span: second.span, Message: "nginx listens on " + second.addr.String()}
	} else if first.master != second.master {
		// Both masters are configured; whether both are started, the configuration does not say.
		f.Severity = lint.Warning
		f.Help = "give each listener an address of its own, or remove the PHP version that is not used: the second one to start fails"
	}
	p.Report(f)
}

// reportSameNames reports servers with hand-offs that nginx leaves out for a name, as another one has it
// at the same address.
func reportSameNames(p *lint.Pass) {
	served := map[*nginx.Scope]bool{}
	for _, list := range [][]*stack.Handoff{p.Stack.Handoffs, p.Stack.Proxied} {
		for _, h := range list {
			served[h.Scope.Server()] = true
		}
	}
	type where struct {
		first, second source.Span
		name          string
		harmless      bool
	}
	var order []where
	addresses := map[where][]string{}
	for _, c := range p.Stack.Clashes {
		if c.Refused != "" || !served[c.Server] || c.First == c.Second || !p.Stack.OneServers(c.Server, c.First, c.Second) {
			continue
		}
		// What backup-config-included finds explains this too.
		if isBackup(strings.ToLower(path.Base(c.First.File.Path))) || isBackup(strings.ToLower(path.Base(c.Second.File.Path))) {
			continue
		}
		// Nobody asks for a name like _, and who asks for another one gets the default server.
		at := where{c.First, c.Second, c.Name, c.Default && (c.Name == "" || c.Name == "_")}
		if addresses[at] == nil {
			order = append(order, at)
		}
		addresses[at] = append(addresses[at], c.Address)
	}
	for _, at := range order {
		name := at.name
		if name == "" {
			name = `""`
		}
		f := lint.Finding{
			Severity: lint.Warning,
			Message:  fmt.Sprintf("nginx ignores the name %s of this server on %s: another server has it there, and the hand-offs of this one get none of its requests", name, strings.Join(addresses[at], " and ")),
			Help:     "remove one of the two servers, such as a default site that was left, or give them different names",
			Span:     at.second,
			Related:  []source.Related{{Span: at.first, Message: "the server that gets them"}},
		}
		if at.harmless {
			f.Severity = lint.Info
			f.Message = fmt.Sprintf("nginx ignores the name %s of this server on %s, and warns of it at each start: another server has it there, and this one gets its requests as the default server", name, strings.Join(addresses[at], " and "))
			f.Related[0].Message = "the other server"
		}
		p.Report(f)
	}
}
