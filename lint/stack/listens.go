package stack

import (
	"errors"
	"strings"

	"fpmlint/lint/address"
	"fpmlint/lint/nginx"
)

// Listen is an address at which nginx itself listens.
type Listen struct {
	// Address has the host 0.0.0.0 for every IPv4 address, :: for every IPv6 address, and none
	// for both.
	Address address.Address
	// Server is the server block, the first of those that listen there.
	Server *nginx.Scope
	// Statement is the listen directive; nil where the server has none and takes port 80.
	Statement *nginx.Statement
	// HTTP says that the server speaks HTTP; one in stream or mail does not.
	HTTP bool
}

// ListenMatch is a listener of nginx at a backend's address.
type ListenMatch struct {
	Listen *Listen
	// Match is Yes, Partly (one of localhost's two addresses) or Unknown.
	Match address.Match
}

// nginxListens collects what nginx listens on. Ranges of ports are left out.
func nginxListens(configs []*nginx.Config) []*Listen {
	var out []*Listen
	for _, c := range configs {
		seen := map[address.Address]bool{}
		add := func(l *Listen) {
			if !seen[l.Address] {
				seen[l.Address] = true
				out = append(out, l)
			}
		}
		for scope := range c.Servers {
			http := scope.Parent.Kind == "http"
			all := scope.FindAll("listen")
			if len(all) == 0 && http && scope.Statement != nil && len(scope.Unread) == 0 {
				// ngx_http_core_server; 8000 where the master is not root.
				add(&Listen{Address: address.Address{Host: "0.0.0.0", Port: 80}, Server: scope, HTTP: true})
			}
			for _, d := range all {
				if a, ok := parseListen(d); ok {
					add(&Listen{Address: a, Server: scope, Statement: d, HTTP: http})
				}
			}
		}
	}
	return out
}

// parseListen reads a listen directive's address (ngx_http_core_listen): a number alone is a port
// of every IPv4 address, a host alone has port 80, and [::] is IPv6 only unless ipv6only=off.
func parseListen(d *nginx.Statement) (address.Address, bool) {
	text := d.Arg(0)
	if strings.Trim(text, "0123456789-") == "" {
		text = "*:" + text
	}
	a, err := address.ParseConnect(text)
	if errors.Is(err, address.ErrNoPort) {
		a.Port, err = 80, nil
	}
	if a.Host == "*" {
		a.Host = "0.0.0.0"
	}
	if a.Host == "::" {
		for _, option := range d.Args[1:] {
			if strings.EqualFold(option.Value, "ipv6only=off") {
				a.Host = ""
			}
		}
	}
	return a, err == nil
}

// listenIndex finds nginx's listeners by path and by port.
type listenIndex struct {
	byPath map[string][]*Listen
	byPort map[int][]*Listen
}

func indexListens(s *Stack) listenIndex {
	x := listenIndex{map[string][]*Listen{}, map[int][]*Listen{}}
	for _, l := range s.Listens {
		if a := l.Address; a.IsUnix() {
			x.byPath[a.Path] = append(x.byPath[a.Path], l)
		} else {
			x.byPort[a.Port] = append(x.byPort[a.Port], l)
		}
	}
	return x
}

// at returns nginx's listeners that a connection from nginx's own host reaches, the surest first.
func (x listenIndex) at(a address.Address) []ListenMatch {
	var out []ListenMatch
	if a.IsUnix() {
		for _, l := range x.byPath[a.Path] {
			out = append(out, ListenMatch{l, address.Yes})
		}
		return out
	}
	for _, want := range []address.Match{address.Yes, address.Partly, address.Unknown} {
		for _, l := range x.byPort[a.Port] {
			if a.ReachesFamily(l.Address) == want {
				out = append(out, ListenMatch{l, want})
			}
		}
	}
	return out
}
