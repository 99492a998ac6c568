package stack

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

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
		s.findClashes()
	})
	s.Listens = nginxListens(s.Nginx)
	s.listeners = listeners(s)
	s.joinAll()
	places.Wait() // lookAtOthers adds to what look has seen
	s.lookAtOthers()
	s.wpOnce, s.handoffsOnce = sync.Once{}, sync.Once{}
}

// joinAll finds the hand-offs of all passes, on servers in parallel. In a repository what is read for one
// may tell of the next.
func (s *Stack) joinAll() {
	var passes []pass
	for _, c := range s.Nginx {
		for scope := range c.Having("fastcgi_pass", "proxy_pass") {
			passes = append(passes, pass{config: c, scope: scope})
		}
	}
	workers := runtime.GOMAXPROCS(0)
	if s.containers != nil || s.builds != nil {
		workers = 1
	}
	servers := indexListens(s)
	for {
		j := &joiner{stack: s, listeners: s.listeners, servers: servers, upstreams: map[*nginx.Upstream]*shared{}}
		j.join(passes, workers)
		if workers == 1 || !j.full() {
			s.Problems = j.problems
			break
		}
		workers = 1 // in order, as which ones are too many is not to be chance
	}
	for _, p := range passes {
		if p.handoff != nil {
			s.Handoffs = append(s.Handoffs, p.handoff)
		}
		if p.proxied != nil {
			s.Proxied = append(s.Proxied, p.proxied)
		}
	}
}

// pass is a level that passes requests on, with its hand-offs.
type pass struct {
	config           *nginx.Config
	scope            *nginx.Scope
	handoff, proxied *Handoff
}

func (j *joiner) join(passes []pass, workers int) {
	var group errgroup.Group
	group.SetLimit(workers)
	for run := range slices.Chunk(passes, max(1, len(passes)/(8*workers))) {
		group.Go(func() error {
			for i := range run {
				p := &run[i]
				p.handoff, p.proxied = j.handoffs(p.config, p.scope)
			}
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// handoffs are those of a level, nil where it has none of a kind.
func (j *joiner) handoffs(c *nginx.Config, scope *nginx.Scope) (fastcgi, proxied *Handoff) {
	if j.full() {
		return nil, nil
	}
	if pass := scope.Find("fastcgi_pass"); pass != nil && len(pass.Args) == 1 {
		h := &Handoff{Scope: scope, Config: c, Pass: pass}
		j.backends(h)
		h.PHP, h.Probe = isPHP(h), isProbe(h)
		fastcgi = j.weigh(h)
	}
	if pass := scope.Find("proxy_pass"); pass != nil && len(pass.Args) == 1 && inHTTP(scope) {
		h := &Handoff{Scope: scope, Config: c, Pass: pass}
		j.proxied(h)
		h.Probe = isProbe(h)
		proxied = j.weigh(h)
	}
	return fastcgi, proxied
}

// poolsOf are the pools behind backends, each once.
func poolsOf(backends []*Backend) []*fpm.Pool {
	if len(backends) == 1 && len(backends[0].Pools) == 1 {
		return []*fpm.Pool{backends[0].Pools[0].Pool}
	}
	var out []*fpm.Pool
	seen := map[*fpm.Pool]bool{}
	for _, b := range backends {
		for _, m := range b.Pools {
			if !seen[m.Pool] {
				seen[m.Pool] = true
				out = append(out, m.Pool)
			}
		}
	}
	return out
}

type joiner struct {
	stack     *Stack
	listeners *Listeners
	servers   listenIndex
	pairs     atomic.Int64

	mu        sync.Mutex
	upstreams map[*nginx.Upstream]*shared // those that were met
	problems  []source.Problem
}

// shared are the servers of an upstream with their pools, the same for all of its hand-offs, which may be
// thousands.
type shared struct {
	once     sync.Once
	backends []*Backend
	pools    []*fpm.Pool
}

func (j *joiner) upstream(u *nginx.Upstream) *shared {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.upstreams[u] == nil {
		j.upstreams[u] = &shared{}
	}
	return j.upstreams[u]
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
	n := 1 + len(b.Pools) + len(b.Listens)
	if len(b.Pools) > 4 {
		n += 8 * len(b.Pools)
	}
	j.pairs.Add(int64(n))
}

// full says whether no more hand-offs are taken.
func (j *joiner) full() bool { return j.pairs.Load() > maxPairs }

// weigh gives a hand-off back, unless it is one too many.
func (j *joiner) weigh(h *Handoff) *Handoff {
	for _, name := range []string{"fastcgi_param", "access_log", "error_page"} {
		lines, _ := h.Scope.EffectiveList(name)
		j.pairs.Add(int64(len(lines) / listed))
	}
	if !j.full() {
		return h
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.problems) == 0 {
		j.problems = append(j.problems, source.Problem{
			Kind: source.Limit, Span: h.Pass.Span(),
			Message: fmt.Sprintf("this hand-off and those after it are left out: before it are %d pairs of hand-offs with addresses, pools and inherited lines", maxPairs),
		})
	}
	return nil
}

// backends finds the addresses of a hand-off and the pools there.
func (j *joiner) backends(h *Handoff) {
	text, span := h.Pass.Arg(0), h.Pass.ArgSpan(0)
	values := []nginx.Constant{{Text: text, Span: span}}
	if strings.Contains(text, "$") {
		values, h.Unknown = h.Scope.Values(text, span)
	}
	for i, v := range values {
		list, pools := j.at(h, v)
		if i == 0 {
			h.Backends, h.Pools = slices.Clip(list), pools
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
	if len(values) > 1 {
		h.Pools = poolsOf(h.Backends)
	}
}

// at finds the backends of one value of a pass, and their pools.
func (j *joiner) at(h *Handoff, v nginx.Constant) ([]*Backend, []*fpm.Pool) {
	u := h.Config.Upstream(v.Text)
	if u == nil || j.stack.containers != nil { // a container's hand-offs reach what others do not
		return j.matched(h, v)
	}
	same := j.upstream(u)
	same.once.Do(func() { same.backends, same.pools = j.matched(h, v) })
	return same.backends, same.pools
}

func (j *joiner) matched(h *Handoff, v nginx.Constant) ([]*Backend, []*fpm.Pool) {
	list := j.resolve(h.Config, v.Text, v.Span)
	for _, b := range list {
		if j.full() {
			return nil, nil
		}
		if b.Err == nil && !j.matchContainers(h, b) {
			j.match(h.Config, b)
		}
	}
	return list, poolsOf(list)
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
		j.pairs.Add(int64(len(j.listeners.byPort[b.Address.Port])+len(j.servers.byPort[b.Address.Port])) / 16)
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
		if m.MayLeaveOut(a) {
			return "the pool of the package, whose file is not here, may listen there"
		}
	}
	if why := s.apart(b.Span.File); why != "" {
		return why
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
	php := func(text string) bool { return strings.Contains(strings.ToLower(text), "php") }
	if php(h.Pass.Arg(0)) || php(h.Scope.Effective("fastcgi_index").Text) {
		return true
	}
	for scope := h.Scope; scope != nil && scope.Kind != "server"; scope = scope.Parent {
		if scope.Statement != nil && slices.ContainsFunc(scope.Statement.Values(), php) {
			return true
		}
	}
	if slices.ContainsFunc(h.Backends, func(b *Backend) bool { return php(b.Text) || b.Upstream != nil && php(b.Upstream.Name) }) {
		return true
	}
	params, _ := h.Scope.EffectiveList("fastcgi_param")
	return slices.ContainsFunc(params, func(p *nginx.Statement) bool { return php(p.Arg(1)) })
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
