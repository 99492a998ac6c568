package rules

import (
	_ "embed"
	"errors"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
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
	span   source.Span
	master *fpm.Master // nil for nginx
}

func checkListenConflict(p *lint.Pass) {
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
		all = append(all, listener{poolName(pool), addr, s.Span, pool.Master})
	}
	pools := len(all)
	if !p.Stack.Split {
		all = append(all, nginxListeners(p.Stack.Nginx)...)
	}
	// Listeners meet on a socket's path or on a port: compare within those only.
	groups := map[address.Address][]int{}
	for i, l := range all {
		key := address.Address{Path: l.addr.Path, Port: l.addr.Port}
		for _, j := range groups[key] {
			if i >= pools && j >= pools || !collide(all[j].addr, l.addr) {
				continue // nginx shares its own addresses among servers
			}
			reportConflict(p, all[j], l)
		}
		groups[key] = append(groups[key], i)
	}
}

// collide says whether two listeners exclude each other. An address and "every address" do: the
// second bind fails with EADDRINUSE.
func collide(a, b address.Address) bool {
	return a.IsUnix() || a.Host == b.Host || a.Host == "" || b.Host == ""
}

func reportConflict(p *lint.Pass, first, second listener) {
	f := lint.Finding{
		Message: fmt.Sprintf("%s and %s both listen on %s", first.name, second.name, second.addr),
		Help:    "give each listener an address of its own: the second one to start fails, and a pool that fails takes its whole PHP-FPM down",
		Span:    second.span,
		Related: []source.Related{{Span: first.span, Message: first.name + " listens on " + first.addr.String()}},
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

func nginxListeners(configs []*nginx.Config) []listener {
	var out []listener
	for _, c := range configs {
		seen := map[address.Address]bool{}
		for scope := range c.Scopes {
			if scope.Kind != "server" {
				continue
			}
			for _, l := range scope.FindAll("listen") {
				addr, ok := nginxListen(l.Arg(0))
				if ok && !seen[addr] {
					seen[addr] = true
					out = append(out, listener{"nginx", addr, l.Span(), nil})
				}
			}
		}
	}
	return out
}

// nginxListen reads a listen directive's address: a bare port is every address, a bare host is
// port 80 (ngx_http_core_listen).
func nginxListen(text string) (address.Address, bool) {
	if isNumber(text) {
		text = "*:" + text
	}
	a, err := address.ParseConnect(text)
	if errors.Is(err, address.ErrNoPort) {
		a.Port, err = 80, nil
	}
	if a.Host == "0.0.0.0" || a.Host == "::" {
		a.Host = ""
	}
	return a, err == nil
}
