package stack

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// Join finds the hand-offs of the stack's nginx side and the pools at their addresses.
func (s *Stack) Join() {
	s.Handoffs, s.Proxied, s.Problems = nil, nil, nil
	if s.containers != nil {
		s.containers.assign(s.Masters)
	}
	var places sync.WaitGroup
	places.Go(func() {
		s.look()
		s.findMissingDirs()
		s.findLogDirs()
		s.findParamsFiles()
	})
	s.Listens = nginxListens(s.Nginx)
	s.listeners = listeners(s)
	j := &joiner{stack: s, listeners: s.listeners, servers: indexListens(s), upstreams: map[*nginx.Upstream][]*Backend{}, pools: map[**Backend][]*fpm.Pool{}}
	for _, c := range s.Nginx {
		for scope := range c.Having("fastcgi_pass", "proxy_pass") {
			if j.full() {
				break
			}
			if pass := scope.Find("fastcgi_pass"); pass != nil && len(pass.Args) == 1 {
				h := &Handoff{Scope: scope, Config: c, Pass: pass}
				j.backends(h)
				h.Pools = j.poolsOf(h)
				h.PHP, h.Probe = isPHP(h), isProbe(h)
				s.Handoffs = j.take(s.Handoffs, h)
			}
			if pass := scope.Find("proxy_pass"); pass != nil && len(pass.Args) == 1 && inHTTP(scope) {
				h := &Handoff{Scope: scope, Config: c, Pass: pass}
				j.proxied(h)
				h.Probe = isProbe(h)
				s.Proxied = j.take(s.Proxied, h)
			}
		}
	}
	places.Wait() // lookAtProxied adds to what look has seen
	s.lookAtProxied()
	s.wpOnce, s.handoffsOnce = sync.Once{}, sync.Once{}
}

// poolsOf are the pools that a hand-off reaches, each once. Hand-offs to one upstream share their
// backends, and so these.
func (j *joiner) poolsOf(h *Handoff) []*fpm.Pool {
	if len(h.Backends) == 0 {
		return nil
	}
	list := &h.Backends[0]
	if have, ok := j.pools[list]; ok {
		return have
	}
	var out []*fpm.Pool
	seen := map[*fpm.Pool]bool{}
	for _, b := range h.Backends {
		for _, m := range b.Pools {
			if !seen[m.Pool] {
				seen[m.Pool] = true
				out = append(out, m.Pool)
			}
		}
	}
	j.pools[list] = out
	return out
}

type joiner struct {
	stack     *Stack
	listeners *Listeners
	servers   listenIndex
	upstreams map[*nginx.Upstream][]*Backend // those that were met
	pools     map[**Backend][]*fpm.Pool      // by the first place of a list of backends
	pairs     int
}

// maxPairs bounds the pairs of hand-offs and what is at their addresses: thousands of hand-offs may
// each lead to thousands of servers, and each of these to thousands of pools. Lines that thousands of
// hand-offs inherit count too, listed of them as one.
const (
	maxPairs = 1_000_000
	listed   = 16
)

// count counts what is at an address. Pools that share one, which is a fault, have many findings each.
func (j *joiner) count(b *Backend) {
	j.pairs += 1 + len(b.Pools) + len(b.Listens)
	if len(b.Pools) > 4 {
		j.pairs += 8 * len(b.Pools)
	}
}

// full says whether no more hand-offs are taken.
func (j *joiner) full() bool { return j.pairs > maxPairs }

// take adds a hand-off, unless it is one too many.
func (j *joiner) take(list []*Handoff, h *Handoff) []*Handoff {
	for _, name := range []string{"fastcgi_param", "access_log", "error_page"} {
		lines, _ := h.Scope.EffectiveList(name)
		j.pairs += len(lines) / listed
	}
	if !j.full() {
		return append(list, h)
	}
	if len(j.stack.Problems) == 0 {
		j.stack.Problems = append(j.stack.Problems, source.Problem{
			Kind: source.Limit, Span: h.Pass.Span(),
			Message: fmt.Sprintf("this hand-off and those after it are left out: before it are %d pairs of hand-offs with addresses, pools and inherited lines", maxPairs),
		})
	}
	return list
}

func (j *joiner) backends(h *Handoff) {
	text, span := h.Pass.Arg(0), h.Pass.ArgSpan(0)
	values := []nginx.Constant{{Text: text, Span: span}}
	if strings.Contains(text, "$") {
		values, h.Unknown = h.Scope.Values(text, span)
	}
	for _, v := range values {
		// The servers of an upstream are the same for all of its hand-offs, which may be thousands.
		u := h.Config.Upstream(v.Text)
		shared := u != nil && j.stack.containers == nil
		list, have := j.upstreams[u]
		if !shared || !have {
			list = j.resolve(h.Config, v.Text, v.Span)
			for _, b := range list {
				if j.full() {
					return
				}
				if b.Err == nil && !j.matchContainers(h, b) {
					j.match(h.Config, b)
				}
			}
			if shared {
				j.upstreams[u] = list
			}
		}
		if len(h.Backends) == 0 {
			h.Backends = slices.Clip(list)
		} else {
			h.Backends = append(h.Backends, list...)
		}
		for _, b := range list {
			j.count(b)
		}
		if j.full() {
			return
		}
	}
}

// resolve turns one value of a pass into addresses, through the upstream of that name if there is one.
func (j *joiner) resolve(c *nginx.Config, text string, span source.Span) []*Backend {
	u := c.Upstream(text)
	if u == nil {
		return []*Backend{newBackend(text, span)}
	}
	out := make([]*Backend, 0, len(u.Servers))
	for _, server := range u.Servers {
		b := newBackend(server.Text, server.Span)
		b.Upstream, b.Server = u, server
		b.takePort(80) // ngx_http_upstream_server, for FastCGI too
		out = append(out, b)
	}
	return out
}

func newBackend(text string, span source.Span) *Backend {
	b := &Backend{Text: text, Span: span}
	b.Address, b.Err = address.ParseConnect(text)
	return b
}

// takePort gives an address without a port the default one.
func (b *Backend) takePort(port int) {
	if errors.Is(b.Err, address.ErrNoPort) {
		b.Err, b.DefaultPort = nil, true
		b.Address.Port = port
	}
}

// matchContainers is match for a hand-off that a compose file puts into a container.
func (j *joiner) matchContainers(h *Handoff, b *Backend) bool {
	c := j.stack.containers
	if c == nil {
		return false
	}
	from := c.running(h.Pass.Src)
	if len(from) == 0 {
		return false
	}
	v := c.reach(from, b.Address)
	b.Pools, b.Listens = v.pools, j.servers.at(b.Address)
	switch {
	case len(v.pools) > 0:
	case v.served:
		b.Served, b.External = true, "the pool is the image's own"
	case len(j.stack.FPMTemplates) > 0:
		b.External = j.external(h.Config, b)
	case v.external != "":
		b.External = v.external
	default:
		b.Fault, b.Candidates = v.fault, v.candidates
	}
	return true
}

// find looks up who listens at an address.
func (j *joiner) find(b *Backend) {
	b.Pools, b.Listens = j.listeners.At(b.Address), j.servers.at(b.Address)
	if !b.Address.IsUnix() { // all of the port were looked at
		j.pairs += (len(j.listeners.byPort[b.Address.Port]) + len(j.servers.byPort[b.Address.Port])) / 16
	}
}

func (j *joiner) match(c *nginx.Config, b *Backend) {
	j.find(b)
	if len(b.Pools) == 0 && b.Address.IsUnix() {
		b.Pools = j.listeners.At(followed(c.Root, b.Address))
	}
	if len(b.Pools) == 0 || b.Pools[0].Match == address.Unknown {
		b.External = j.external(c, b)
	}
}

// newestSocket is a link that Debian's packages keep to the socket of the newest PHP's pool www
// (php-fpm-socket-helper); it leads through newestLink, which unlike the former outlives a reboot.
const (
	newestSocket = "/run/php/php-fpm.sock"
	newestLink   = "/etc/alternatives/php-fpm.sock"
)

// followed is the socket that a path leads to by links, as connect(2) follows them.
func followed(root *source.Root, a address.Address) address.Address {
	p := a.Path
	if p == newestSocket && !root.Exists(path.Dir(p)) {
		p = newestLink
	}
	real, err := root.Resolve(p)
	if err != nil {
		return a
	}
	return address.Address{Path: address.CleanSocket(real)}
}

// external says why nobody can tell from this stack who listens at an address.
func (j *joiner) external(c *nginx.Config, b *Backend) string {
	s, a := j.stack, b.Address
	if len(s.FPMTemplates) > 0 {
		return fmt.Sprintf("%s, which may say who listens there, is a template", s.FPMTemplates[0].Span.File.Display)
	}
	if len(s.Masters) == 0 {
		return "no PHP-FPM configuration was found"
	}
	if !a.IsUnix() && !s.describes(a.Host) && !a.IsLoopback() {
		if a.IsIP() {
			return fmt.Sprintf("%s may be another host's address", a.Host)
		}
		return fmt.Sprintf("%s is the name of a host that this configuration does not describe", a.Host)
	}
	if name := other(a); name != "" {
		return name + " is not PHP-FPM"
	}
	if a.Path == newestSocket && !c.Root.Exists(path.Dir(a.Path)) && slices.ContainsFunc(s.Masters, func(m *fpm.Master) bool { return m.Family == "debian" }) {
		return "Debian's packages make it a link to the newest PHP's socket, which is not known here"
	}
	if len(b.Pools) == 0 && len(b.Listens) > 0 && b.Listens[0].Match == address.Yes {
		return "nginx itself listens there"
	}
	for _, m := range s.Masters {
		if !m.Complete() {
			return fmt.Sprintf("%s was not read completely", m.Conf.Display)
		}
	}
	if s.builds != nil {
		if name := s.builds.makes(a); name != "" {
			return fmt.Sprintf("%s may make somebody listen there", name)
		}
	}
	if p := j.listeners.byPrefix[a.Path]; p != nil {
		return fmt.Sprintf("pool %s is to listen there, but its listen is no address", p.Name)
	}
	if p := j.listeners.unknown; p != nil {
		_, setting, _ := p.Listen()
		return fmt.Sprintf("pool %s may listen there: %s", p.Name, setting.Unknown)
	}
	return ""
}

// other names a FastCGI server that is not PHP-FPM, by the socket's usual name.
func other(a address.Address) string {
	for _, name := range []string{"fcgiwrap", "hhvm", "munin", "spawn-fcgi", "cgit", "mailman", "zabbix-web-service"} {
		if a.IsUnix() && strings.Contains(strings.ToLower(path.Base(a.Path)), name) {
			return name
		}
	}
	return ""
}

// isPHP looks for a sign that a hand-off's requests are for PHP.
func isPHP(h *Handoff) bool {
	if len(h.Pools) > 0 {
		return true
	}
	texts := []string{h.Pass.Arg(0), h.Scope.Effective("fastcgi_index").Text}
	for scope := h.Scope; scope != nil && scope.Kind != "server"; scope = scope.Parent {
		if scope.Statement != nil {
			texts = append(texts, scope.Statement.Values()...)
		}
	}
	for _, b := range h.Backends {
		texts = append(texts, b.Text)
		if b.Upstream != nil {
			texts = append(texts, b.Upstream.Name)
		}
	}
	params, _ := h.Scope.EffectiveList("fastcgi_param")
	for _, p := range params {
		texts = append(texts, p.Arg(1))
	}
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), "php") {
			return true
		}
	}
	return false
}

// Listeners finds pools by the address at which they listen.
type Listeners struct {
	split bool
	// hosts are the masters behind host names, mapped all of them, where the policy names them.
	hosts   map[string][]*fpm.Master
	mapped  map[*fpm.Master]bool
	byPath  map[string][]*fpm.Pool
	byPort  map[int][]tcpListener
	unknown *fpm.Pool // one whose address is not constant
	// byPrefix are pools that write "unix:" before their path, which FPM takes for a host.
	byPrefix map[string]*fpm.Pool
}

type tcpListener struct {
	pool *fpm.Pool
	addr address.Address
}

func listeners(s *Stack) *Listeners {
	l := &Listeners{split: s.Split && s.containers == nil, hosts: s.hosts, mapped: map[*fpm.Master]bool{}, byPath: map[string][]*fpm.Pool{}, byPort: map[int][]tcpListener{}, byPrefix: map[string]*fpm.Pool{}}
	for _, masters := range s.hosts {
		for _, m := range masters {
			l.mapped[m] = true
		}
	}
	for _, p := range s.Pools() {
		if !Serves(p) {
			continue
		}
		addr, setting, err := p.Listen()
		switch {
		case setting.Unknown != "":
			if l.unknown == nil {
				l.unknown = p
			}
		case err != nil && strings.HasPrefix(setting.Text, "unix:/"):
			l.byPrefix[address.CleanSocket(strings.TrimPrefix(setting.Text, "unix:"))] = p
		case err != nil || addr.IsZero():
		case addr.IsUnix():
			key := realSocket(p.Master.Root, addr.Path)
			l.byPath[key] = append(l.byPath[key], p)
			if key != addr.Path {
				l.byPath[addr.Path] = append(l.byPath[addr.Path], p)
			}
		default:
			l.byPort[addr.Port] = append(l.byPort[addr.Port], tcpListener{p, addr})
		}
	}
	return l
}

// Serves says whether a pool can be running: its PHP version's FPM is installed, as far as the
// root shows.
func Serves(p *fpm.Pool) bool { return p.Master.Serves() }

// At returns the pools that a connection to an address reaches, the surest first.
func (l *Listeners) At(a address.Address) []PoolMatch {
	var out []PoolMatch
	if a.IsUnix() {
		for _, p := range l.byPath[a.Path] {
			out = append(out, PoolMatch{p, address.Yes})
		}
		return out
	}
	for _, want := range []address.Match{address.Yes, address.Partly, address.Unknown} {
		for _, t := range l.byPort[a.Port] {
			if m := l.reaches(a, t); m == want {
				out = append(out, PoolMatch{t.pool, m})
			}
		}
	}
	return out
}

func (l *Listeners) reaches(a address.Address, t tcpListener) address.Match {
	switch {
	case l.hosts != nil:
		return l.reachesHost(a, t)
	case l.split:
		return l.reachesSide(a, t.addr)
	}
	return a.Reaches(t.addr)
}

// reachesSide judges two hosts by the port: a name stands for the other side, and a pool on
// loopback is out of reach.
func (l *Listeners) reachesSide(a, listen address.Address) address.Match {
	if a.Port != listen.Port {
		return address.No
	}
	switch {
	case a.IsLoopback():
		// Two containers share loopback only where they share a network namespace.
		return address.Unknown
	case (address.Address{Host: listen.Host, Port: listen.Port}).IsLoopback():
		return address.No
	}
	return address.Yes
}

// realSocket follows links in a socket's directory, so that two names of one directory agree.
func realSocket(root *source.Root, p string) string {
	dir, err := root.Resolve(path.Dir(p))
	if err != nil {
		return p
	}
	return address.CleanSocket(path.Join(dir, path.Base(p)))
}

// findMissingDirs looks for the directories of sockets on this machine, or on the one that a
// snapshot was taken from.
func (s *Stack) findMissingDirs() {
	s.MissingDirs = map[*fpm.Pool]string{}
	missing := func(root *source.Root, dir string) bool { return !root.Exists(dir) }
	if e := s.FPMHost.Evidence; e != nil && !s.Live {
		missing = func(_ *source.Root, dir string) bool { return e.Paths[dir].Kind == host.KindMissing }
	} else if !s.Live {
		return
	}
	s.findMissingLogs(missing)
	for _, p := range s.Pools() {
		addr, setting, err := p.Listen()
		if err != nil || setting.Unknown != "" || !addr.IsUnix() || setting.Span.IsZero() {
			continue
		}
		if dir := path.Dir(addr.Path); missing(p.Master.Root, dir) && !madeAtStart(dir) {
			s.MissingDirs[p] = dir
		}
	}
}

// madeAtStart says whether a directory may be made by tmpfiles.d or by the service when it starts.
func madeAtStart(dir string) bool {
	for _, v := range []string{"/run", "/tmp", "/dev/shm"} {
		if dir == v || strings.HasPrefix(dir, v+"/") {
			return true
		}
	}
	return false
}

func (s *Stack) findParamsFiles() {
	s.paramsFiles = map[*nginx.Config]string{}
	for _, c := range s.Nginx {
		for _, name := range []string{"fastcgi_params", "fastcgi.conf"} {
			f, err := c.Root.Read(path.Join(c.Prefix, name))
			if err == nil && bytes.Contains(f.Data, []byte("REQUEST_METHOD")) {
				s.paramsFiles[c] = name
				break
			}
		}
	}
}
