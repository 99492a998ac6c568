package stack

import (
	"fmt"
	"iter"
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
	// First and Second are the listens or the names, or the server itself where it has no name. They are
	// one place where its file is included twice.
	First, Second source.Span
	// Server is the second server.
	Server *nginx.Scope
	// Name is the name that is ignored, which may be "", and Address where, as nginx writes it.
	Name, Address string
	// Default says that the second server gets all requests for other names there.
	Default bool

	// wanted is the number of names of the server on all its addresses, 0 where it gets requests for sure.
	wanted int
}

// findClashes finds what servers of each nginx cannot share, and the servers that nginx ignores.
func (s *Stack) findClashes() {
	s.Clashes, s.ignored = nil, map[*nginx.Scope]bool{}
	for _, c := range s.Nginx {
		s.Clashes = append(s.Clashes, clashes(c)...)
	}
	names := map[*nginx.Scope]int{}
	for _, c := range s.Clashes {
		if c.Refused != "" || !s.OneServers(c.Server, c.First, c.Second) {
			continue
		}
		if names[c.Server]++; names[c.Server] == c.wanted {
			s.ignored[c.Server] = true
		}
	}
}

// OneServers says whether one nginx reads a block in the http block and another place. Two files of a
// repository may be two machines', of which each gets one, and files that no main file includes may be
// nobody's.
func (s *Stack) OneServers(block *nginx.Scope, first, second source.Span) bool {
	included := block.Parent.Statement != nil
	return first.File == second.File || included && (!s.Loose || block.Config.Root.Rendered())
}

// table is what servers of one nginx listen on.
type table struct {
	endpoints map[endpointKey]*endpoint
	order     []*endpoint
	// bound are addresses by how they are written: thousands of servers write one alike.
	bound map[string]string
}

// endpointKey is an address. file parts what no main file includes: each such file may be another
// server's. QUIC is UDP, which has sockets of its own.
type endpointKey struct {
	at   string
	quic bool
	file *source.File
}

// endpoint is one address on which servers listen.
type endpoint struct {
	at   string
	last *nginx.Scope // the last server that listens there
	// byDefault is the listen that names the default server, options the one that sets up the socket.
	byDefault, options *nginx.Statement
	preferred          *nginx.Scope // the default server, which is the first where none is named
	servers            []*nginx.Scope
}

// clashes finds them in one nginx, in the order of the file. Servers with parts that were not read are
// left out where those parts matter.
func clashes(c *nginx.Config) (out []Clash) {
	t := table{endpoints: map[endpointKey]*endpoint{}, bound: map[string]string{}}
	for server := range c.Servers {
		if server.Parent.Kind != "http" || server.Statement == nil {
			continue
		}
		for _, d := range listensOf(server) {
			if e, ok := t.at(server, d); ok {
				out = append(out, e.add(server, d)...)
			}
		}
	}
	for _, e := range t.order {
		if len(e.servers) > 1 {
			for _, clash := range e.sameNames() {
				clash.wanted = t.wanted(clash.Server)
				out = append(out, clash)
			}
		}
	}
	return out
}

// listensOf are a server's listens; nil stands for port 80, which a server without any takes
// (ngx_http_core_server).
func listensOf(server *nginx.Scope) []*nginx.Statement {
	all := server.FindAll("listen")
	if len(all) == 0 && len(server.Unread) == 0 {
		return []*nginx.Statement{nil}
	}
	return all
}

// at is the endpoint of a listen; ok is false where a name has to be looked up.
func (t *table) at(server *nginx.Scope, d *nginx.Statement) (e *endpoint, ok bool) {
	k := endpointKey{at: "0.0.0.0:80"}
	if d != nil {
		if k.at, ok = t.bound[d.Arg(0)]; !ok {
			k.at = boundTo(d)
			t.bound[d.Arg(0)] = k.at
		}
		if k.at == "" {
			return nil, false
		}
		k.quic = hasOption(d, "quic", "http3")
	}
	if server.Parent.Statement == nil {
		k.file = server.Statement.Src
	}
	if e = t.endpoints[k]; e == nil {
		e = &endpoint{at: k.at, preferred: server}
		t.endpoints[k] = e
		t.order = append(t.order, e)
	}
	return e, true
}

// wanted is the number of a server's names on all its addresses, 0 where it gets requests whatever its
// names are.
func (t *table) wanted(server *nginx.Scope) (n int) {
	names := 0
	for range namesOf(server) {
		names++
	}
	patterns := slices.ContainsFunc(server.ServerNames(), func(name string) bool { return strings.HasPrefix(name, "~") })
	for _, d := range listensOf(server) {
		e, ok := t.at(server, d)
		if !ok || e.preferred == server || patterns || len(server.Unread) > 0 {
			return 0
		}
		n += names
	}
	return n
}

// boundTo is the address of a listen as nginx compares and writes it; "" where a name has to be looked
// up.
func boundTo(d *nginx.Statement) string {
	if path, ok := strings.CutPrefix(d.Arg(0), "unix:"); ok {
		return "unix:" + path
	}
	a, ok := parseListen(d)
	if a.Host == "" {
		a.Host = "::" // ipv6only=off makes no other address of it
	}
	if !ok || !a.IsIP() {
		return ""
	}
	return a.String()
}

// add lets a server listen at the endpoint; d is nil where it does so by default.
func (e *endpoint) add(server *nginx.Scope, d *nginx.Statement) (out []Clash) {
	twice := e.last == server
	e.last = server
	if !twice {
		e.servers = append(e.servers, server)
	}
	if d == nil {
		return nil
	}
	refuse := func(first *nginx.Statement, words string) {
		out = append(out, Clash{Refused: words + " " + e.at, First: first.Span(), Second: d.Span(), Server: server, Address: e.at})
	}
	if twice {
		first := d
		for _, other := range server.FindAll("listen") {
			if boundTo(other) == e.at && hasOption(other, "quic", "http3") == hasOption(d, "quic", "http3") {
				first = other
				break
			}
		}
		refuse(first, "a duplicate listen")
		return out
	}
	if hasOption(d, socketOptions...) {
		if e.options != nil {
			refuse(e.options, "duplicate listen options for")
			return out
		}
		e.options = d
	}
	if hasOption(d, "default_server", "default") {
		if e.byDefault != nil {
			refuse(e.byDefault, "a duplicate default server for")
			return out
		}
		e.byDefault, e.preferred = d, server
	}
	return out
}

// socketOptions belong to the socket, which is set up once (ngx_http_core_listen).
var socketOptions = []string{"bind", "deferred", "reuseport", "setfib=", "fastopen=", "backlog=", "rcvbuf=", "sndbuf=", "accept_filter=", "ipv6only=", "so_keepalive="}

// hasOption says whether a listen has one of the options; a name that ends in = has a value.
func hasOption(d *nginx.Statement, names ...string) bool {
	return slices.ContainsFunc(d.Args[1:], func(a nginx.Arg) bool {
		name, _, valued := strings.Cut(a.Value, "=")
		if valued {
			name += "="
		}
		return slices.Contains(names, name)
	})
}

// sameNames finds names that several servers of the endpoint have.
func (e *endpoint) sameNames() (out []Clash) {
	type claim struct {
		server *nginx.Scope
		at     *nginx.Statement // nil where the server has no name
		arg    int
	}
	span := func(c claim) source.Span {
		if c.at == nil {
			return c.server.Statement.NameSpan()
		}
		return c.at.ArgSpan(c.arg)
	}
	first := make(map[string]claim, 2*len(e.servers))
	for _, server := range e.servers {
		for n := range namesOf(server) {
			c := claim{server, n.at, n.arg}
			name, below := n.keys()
			owner, taken := first[name]
			if !taken {
				first[name] = c
			}
			if below != "" && (!taken || owner.server == server) {
				if owner, taken = first[below]; !taken {
					first[below] = c
				}
			}
			if taken && owner.server != server { // its own names may come twice
				out = append(out, Clash{First: span(owner), Second: span(c), Server: server, Name: n.text, Address: e.at, Default: e.preferred == server})
			}
		}
	}
	return out
}

// serverName is a name of a server, in lower case, and where it stands; text is "" and at nil where it
// has none.
type serverName struct {
	text string
	at   *nginx.Statement
	arg  int
}

// namesOf are the names that nginx puts into its tables; patterns are tried one after the other.
func namesOf(server *nginx.Scope) iter.Seq[serverName] {
	return func(yield func(serverName) bool) {
		all := server.FindAll("server_name")
		if len(all) == 0 && len(server.Unread) == 0 {
			yield(serverName{})
		}
		for _, d := range all {
			for i, t := range d.Args {
				if !strings.HasPrefix(t.Value, "~") && !yield(serverName{strings.ToLower(t.Value), d, i}) {
					return
				}
			}
		}
	}
}

// keys are what a name stands for: .example.com is the name and all below it. The second is "" where
// there is none.
func (n serverName) keys() (first, second string) {
	if rest, ok := strings.CutPrefix(n.text, "."); ok {
		return rest, "*" + n.text
	}
	return n.text, ""
}

// String is the clash in nginx's words.
func (c Clash) String() string {
	if c.Refused != "" {
		return c.Refused
	}
	return fmt.Sprintf("conflicting server name %q on %s, ignored", c.Name, c.Address)
}
