package stack

import (
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// Clash is what two servers of one nginx cannot both have, or one server twice.
type Clash struct {
	// Refused is nginx's message where it does not start or reload (ngx_http_add_addresses). It is ""
	// where nginx warns that it ignores a name of the second server (ngx_http_server_names).
	Refused string
	// First and Second are the statements: of a name the server_name, or the listen or the server itself
	// where the server has none.
	First, Second source.Span
	// Server is the second server.
	Server *nginx.Scope
	// Name is the name that is ignored, which may be "", and Address where, as nginx writes it.
	Name, Address string
	// Default says that the second server gets all requests for other names there.
	Default bool
}

// endpoint is one address on which servers listen.
type endpoint struct {
	last *nginx.Scope // the last server that listens there
	// byDefault is the listen that names the default server, options the one that sets up the socket.
	byDefault, options *nginx.Statement
	preferred          *nginx.Scope // the default server
	servers            []*nginx.Scope
}

// clashes finds them in one nginx, in the order of the file. Servers with parts that were not read are
// left out where those parts matter.
func clashes(c *nginx.Config) (out []Clash) {
	type key struct {
		at string
		// file parts what no main file includes: each such file may be another server's.
		file *source.File
	}
	places := map[key]*endpoint{}
	var order []key
	for server := range c.Servers {
		if server.Parent.Kind != "http" || server.Statement == nil {
			continue
		}
		listens := server.FindAll("listen")
		if len(listens) == 0 && len(server.Unread) == 0 {
			listens = []*nginx.Statement{nil} // ngx_http_core_server: port 80
		}
		for _, d := range listens {
			at := "0.0.0.0:80"
			if d != nil {
				var ok bool
				if at, ok = boundTo(d); !ok {
					continue
				}
			}
			k := key{at: at}
			if server.Parent.Statement == nil {
				k.file = server.Statement.Src
			}
			p := places[k]
			if p == nil {
				p = &endpoint{preferred: server}
				places[k] = p
				order = append(order, k)
			}
			out = append(out, p.add(server, d, at)...)
		}
	}
	for _, k := range order {
		if p := places[k]; len(p.servers) > 1 {
			out = append(out, p.sameNames(k.at)...)
		}
	}
	return out
}

// boundTo is the address of a listen as nginx compares and writes it; ok is false where a name has to
// be looked up.
func boundTo(d *nginx.Statement) (at string, ok bool) {
	if path, ok := strings.CutPrefix(d.Arg(0), "unix:"); ok {
		return "unix:" + path, true
	}
	a, ok := parseListen(d)
	if a.Host == "" {
		a.Host = "::" // ipv6only=off makes no other address of it
	}
	return a.String(), ok && a.IsIP()
}

// add lets a server listen at the endpoint; d is nil where it does so by default.
func (p *endpoint) add(server *nginx.Scope, d *nginx.Statement, at string) (out []Clash) {
	twice := p.last == server
	p.last = server
	if !twice {
		p.servers = append(p.servers, server)
	}
	if d == nil {
		return nil
	}
	refuse := func(first *nginx.Statement, words string) {
		out = append(out, Clash{Refused: words + " " + at, First: first.Span(), Second: d.Span(), Server: server, Address: at})
	}
	if twice {
		first := d
		for _, other := range server.FindAll("listen") {
			if where, ok := boundTo(other); ok && where == at {
				first = other
				break
			}
		}
		refuse(first, "a duplicate listen")
		return out
	}
	if slices.ContainsFunc(d.Args[1:], func(t nginx.Arg) bool { return setsSocket(t.Value) }) {
		if p.options != nil {
			refuse(p.options, "duplicate listen options for")
			return out
		}
		p.options = d
	}
	if slices.ContainsFunc(d.Args[1:], func(t nginx.Arg) bool { return t.Value == "default_server" || t.Value == "default" }) {
		if p.byDefault != nil {
			refuse(p.byDefault, "a duplicate default server for")
			return out
		}
		p.byDefault, p.preferred = d, server
	}
	return out
}

// setsSocket says whether an option of listen belongs to the socket, which is set up once
// (ngx_http_core_listen).
func setsSocket(option string) bool {
	if option == "bind" || option == "deferred" || option == "reuseport" {
		return true
	}
	name, _, _ := strings.Cut(option, "=")
	return slices.Contains([]string{"setfib", "fastopen", "backlog", "rcvbuf", "sndbuf", "accept_filter", "ipv6only", "so_keepalive"}, name)
}

// sameNames finds names that several servers of the endpoint have.
func (p *endpoint) sameNames(at string) (out []Clash) {
	first := map[string]source.Span{}
	mine := map[string]bool{} // names of the server itself, which may come twice
	for _, server := range p.servers {
		clear(mine)
		for _, n := range namesOf(server) {
			for _, key := range n.keys() {
				if span, taken := first[key]; taken && !mine[key] {
					out = append(out, Clash{First: span, Second: n.span, Server: server, Name: n.text, Address: at, Default: p.preferred == server})
					break
				} else if !taken {
					first[key] = n.span
					mine[key] = true
				}
			}
		}
	}
	return out
}

// serverName is a name of a server; text is "" where it has none.
type serverName struct {
	text string
	span source.Span
}

// namesOf are the names that nginx puts into its tables; patterns are tried one after the other.
func namesOf(server *nginx.Scope) (out []serverName) {
	all := server.FindAll("server_name")
	for _, d := range all {
		for _, t := range d.Args {
			if !strings.HasPrefix(t.Value, "~") {
				out = append(out, serverName{strings.ToLower(t.Value), d.Span()})
			}
		}
	}
	if len(all) == 0 && len(server.Unread) == 0 {
		out = append(out, serverName{"", server.Statement.NameSpan()})
	}
	return out
}

// keys are what a name stands for: .example.com is the name and all below it.
func (n serverName) keys() []string {
	if rest, ok := strings.CutPrefix(n.text, "."); ok {
		return []string{rest, "*" + n.text}
	}
	return []string{n.text}
}

// String is the clash in nginx's words.
func (c Clash) String() string {
	if c.Refused != "" {
		return c.Refused
	}
	return fmt.Sprintf("conflicting server name %q on %s, ignored", c.Name, c.Address)
}
