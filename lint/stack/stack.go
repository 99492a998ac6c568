// Package stack joins the two sides of the hand-off: every fastcgi_pass of nginx with the pools
// that listen at its address, and the host under both. It judges nothing.
package stack

import (
	"sync"

	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// Stack is one nginx side and one PHP-FPM side that belong together.
type Stack struct {
	// Name is what reports call the stack: the path that was given, or the host.
	Name string
	// RootName is the root's directory or snapshot, both roots with a comma where they differ.
	RootName string

	Nginx   []*nginx.Config
	Masters []*fpm.Master

	// NginxHost and FPMHost are the facts about the two sides' hosts; one and the same unless Split.
	NginxHost, FPMHost *host.Facts
	// Split says that nginx and PHP-FPM have roots of their own: containers, or two machines.
	Split bool
	// Loose says that the files were told by content, in a repository or by name: in which
	// containers and on how many hosts they end up is not known.
	Loose bool
	// Live says that the root is this machine.
	Live bool

	// Handoffs are all places where nginx passes requests to FastCGI, in textual order.
	Handoffs []*Handoff
	// Proxied are all places where nginx passes requests to HTTP servers (proxy_pass), in textual
	// order.
	Proxied []*Handoff
	// Listens are the addresses at which nginx itself listens, each once for each nginx.
	Listens []*Listen
	// Clashes are what nginx's servers cannot share.
	Clashes []Clash
	// ignored are the servers to which nginx passes no request.
	ignored map[*nginx.Scope]bool
	// MissingDirs are the directories of pools' sockets that are not there. Only this machine's
	// are known: a snapshot lacks what is made at boot.
	MissingDirs map[*fpm.Pool]string
	// MissingLogs are settings that name a file in a directory that is not there, known alike.
	MissingLogs []MissingLog
	// LogDirs are the directories of pools' slow logs, or of their masters' error logs where they
	// have none, as far as they are there.
	LogDirs map[*fpm.Pool]string
	// paramsFiles name the include with the standard parameters for each nginx.
	paramsFiles map[*nginx.Config]string
	// wpConfigs are the wp-config.php of server blocks that serve WordPress.
	wpConfigs map[*nginx.Scope]*source.File
	wpOnce    sync.Once
	// Upgrade is the change of PHP's version that the stack shows or that was asked for; nil where
	// there is one version.
	Upgrade *Upgrade
	// Problems are faults of the input that belong to neither side: its bounds.
	Problems []source.Problem
	// NginxTemplates and FPMTemplates are files that become a daemon's once they are rendered. None
	// of them is read: what a stack lacks may stand in one.
	NginxTemplates, FPMTemplates []source.Problem
	// containers are those of the repository's compose files; nil without one.
	containers *containers
	// Guessed says that nginx's files lie nowhere in the root where an nginx reads them: they may be
	// another server's.
	Guessed bool
	// Image says that images are made of what was read: a Dockerfile stands in the root, or
	// somewhere in the repository.
	Image bool
	// builds are a repository's; nil where there are none.
	builds *builds
	// Notes say what was left aside and why: a directory that could not be read.
	Notes []string

	listeners *Listeners
	// hosts are the masters behind the host names of Options.Hosts, in lower case; nil without them.
	hosts map[string][]*fpm.Master

	handoffsOnce sync.Once
	byScope      map[*nginx.Scope]*Handoff
	byPool       map[*fpm.Pool][]*Handoff

	readersOnce sync.Once
	readers     map[*source.File]func() string
}

// HandoffAt is the hand-off to FastCGI on a level of its own; nil where there is none.
func (s *Stack) HandoffAt(scope *nginx.Scope) *Handoff {
	s.handoffsOnce.Do(s.indexHandoffs)
	return s.byScope[scope]
}

// HandoffsTo are the hand-offs that reach a pool, in textual order; those of its status and ping pages
// alone do not count.
func (s *Stack) HandoffsTo(pool *fpm.Pool) []*Handoff {
	s.handoffsOnce.Do(s.indexHandoffs)
	return s.byPool[pool]
}

func (s *Stack) indexHandoffs() {
	s.byScope, s.byPool = make(map[*nginx.Scope]*Handoff, len(s.Handoffs)), map[*fpm.Pool][]*Handoff{}
	for _, h := range s.Handoffs {
		s.byScope[h.Scope] = h
		if h.Probe {
			continue
		}
		for _, pool := range h.Pools {
			s.byPool[pool] = append(s.byPool[pool], h)
		}
	}
}

// Pools are the pools of all masters.
func (s *Stack) Pools() []*fpm.Pool {
	var out []*fpm.Pool
	for _, m := range s.Masters {
		out = append(out, m.Pools...)
	}
	return out
}

// Differs says how a second and independent reader (gonginx, ini.v1) reads a file of the stack
// differently; "" where both agree. Such a file is not edited.
func (s *Stack) Differs(f *source.File) string {
	s.readersOnce.Do(func() {
		s.readers = map[*source.File]func() string{}
		for _, m := range s.Masters {
			for _, f := range m.Files {
				s.readers[f] = sync.OnceValue(func() string { return m.Differs(f) })
			}
		}
		for _, c := range s.Nginx {
			for _, f := range c.Files {
				s.readers[f.Source] = f.Differs
			}
		}
	})
	if second := s.readers[f]; second != nil {
		return second()
	}
	return ""
}

// PoolsAt are the pools that a connection from nginx to an address reaches, the surest first.
func (s *Stack) PoolsAt(a address.Address) []PoolMatch {
	if s.listeners == nil {
		return nil
	}
	return s.listeners.At(a)
}

// ParamsFile is the include that brings the standard FastCGI parameters, relative to nginx's
// prefix; "" where there is none.
func (s *Stack) ParamsFile(c *nginx.Config) string { return s.paramsFiles[c] }

// Handoff is one place where nginx passes requests to PHP-FPM or, in Proxied, to an HTTP server.
type Handoff struct {
	// Scope is the location, or the if or limit_except in it, in which the pass stands.
	Scope  *nginx.Scope
	Config *nginx.Config
	// Pass is the fastcgi_pass or proxy_pass directive.
	Pass *nginx.Statement
	// Backends are the addresses that the pass can lead to.
	Backends []*Backend
	// Pools are those that listen at the addresses, each once.
	Pools []*fpm.Pool
	// Unknown says why not all addresses are known; "" when they are.
	Unknown string
	// PHP says that the configuration shows the requests to be PHP's: the location's pattern, the
	// script's name, the address. Other FastCGI programs (fcgiwrap, Munin, ...) are served alike.
	PHP bool
	// Probe says that only a pool's status or ping page is served, which needs no script.
	Probe bool
}

// Backend is one address that a hand-off can lead to.
type Backend struct {
	Address address.Address
	// Text is the address as it is written.
	Text string
	// Span is where the address is written: the pass, a server of an upstream, the value of a
	// set or a map.
	Span source.Span
	// Err says why the address is none; its words are nginx's.
	Err error
	// Upstream and Server are set where the address stands in an upstream block.
	Upstream *nginx.Upstream
	Server   *nginx.UpstreamServer
	// DefaultPort says that no port is written and the address has the default one: 80 for a
	// server of an upstream, that of the scheme for a proxy_pass.
	DefaultPort bool
	// Pools are those that listen there.
	Pools []PoolMatch
	// Listens are nginx's own listeners there.
	Listens []ListenMatch
	// External says why this stack cannot tell who listens there; "" when it can.
	External string
	// Served says that a pool listens there that comes with a container's image. External is set
	// too, as nothing more is known of it.
	Served bool
	// Fault says why nobody listens there, where a compose file shows it.
	Fault string
	// Candidates are the addresses at which nginx's container reaches PHP-FPM, with Fault.
	Candidates []string
}

// PoolMatch is a pool that listens at a backend's address.
type PoolMatch struct {
	Pool *fpm.Pool
	// Match is Yes, Partly (one of localhost's two addresses) or Unknown.
	Match address.Match
}
