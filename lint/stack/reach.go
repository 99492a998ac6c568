package stack

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/address"
	"fpmlint/lint/compose"
)

// question is an address seen from a container.
type question struct {
	from *compose.Service
	to   address.Address
}

// verdict is who listens at an address, seen from a container.
type verdict struct {
	pools []PoolMatch
	// served says that an image's own pool listens there.
	served bool
	// external says why nobody can tell, fault why nobody listens; one of them is set where
	// nobody is known to.
	external, fault string
	candidates      []string
}

// reach judges an address for all containers that pass to it: whoever is reached from one of them
// is meant, and a doubt about one is a doubt.
func (c *containers) reach(from []*compose.Service, a address.Address) verdict {
	var out verdict
	for i, n := range from {
		v, ok := c.verdicts[question{n, a}]
		if !ok {
			v = c.reachFrom(n, a)
			c.verdicts[question{n, a}] = v
		}
		out.pools = append(out.pools, v.pools...)
		out.served = out.served || v.served
		if v.external != "" {
			out.external = v.external
		}
		if i == 0 {
			out.fault, out.candidates = v.fault, v.candidates
		}
	}
	return out
}

func (c *containers) reachFrom(n *compose.Service, a address.Address) verdict {
	file := n.Project.File.Display
	switch {
	case n.Unknown != "":
		return verdict{external: fmt.Sprintf("service %s of %s uses %s", n.Name, file, n.Unknown)}
	case c.varies(n.Project, n.Name):
		return verdict{external: fmt.Sprintf("another compose file may change service %s of %s", n.Name, file)}
	case a.IsUnix():
		return c.reachSocket(n, a)
	case a.IsLoopback():
		return c.reachLoopback(n, a)
	case a.IsIP():
		return verdict{external: fmt.Sprintf("which container has the address %s is not known", a.Host)}
	}
	return c.reachName(n, a)
}

// reachName looks a host name up as docker's name server does: among the services that share a
// network with nginx's.
func (c *containers) reachName(n *compose.Service, a address.Address) verdict {
	p := n.Project
	where := fmt.Sprintf("%s of %s", n.Name, p.File.Display)
	home := c.namespace(n)
	switch {
	case home == nil || home.NetworkMode != "":
		return verdict{external: fmt.Sprintf("service %s has the network mode %q", where, n.NetworkMode)}
	case slices.ContainsFunc(n.Own, func(h string) bool { return strings.EqualFold(h, a.Host) }):
		return verdict{external: fmt.Sprintf("service %s knows %s by extra_hosts or external_links", where, a.Host)}
	}
	linked, ok := n.Links[strings.ToLower(a.Host)]
	if ok && p.Services[linked] == nil {
		return verdict{external: fmt.Sprintf("service %s has %s by a link to %s, which is no service of it", where, a.Host, linked)}
	}
	var named []*compose.Service
	for _, s := range p.Ordered {
		if s.Answers(a.Host) || s.Name == linked {
			named = append(named, s)
		}
	}
	if len(named) == 0 {
		return c.nobody(n, home, a)
	}
	for _, s := range named {
		switch {
		case s.NetworkMode != "":
			return verdict{external: fmt.Sprintf("service %s has the network mode %q", s.Name, s.NetworkMode)}
		case s.Unknown != "" || c.varies(p, s.Name):
			return verdict{external: c.doubt(s)}
		case !share(home, s):
			return verdict{
				fault:      fmt.Sprintf("service %s of %s shares no network with nginx's service %s", s.Name, p.File.Display, n.Name),
				candidates: c.candidates(n),
			}
		}
	}
	return c.listening(n, c.inside(named), a, func(listen address.Address) bool {
		return listen.Port == a.Port && !listen.IsLoopback()
	})
}

// nobody is the verdict on a name that no service has.
func (c *containers) nobody(n, home *compose.Service, a address.Address) verdict {
	p := n.Project
	outside := slices.ContainsFunc(home.Networks, func(name string) bool { return p.External[name] })
	switch {
	case strings.Contains(a.Host, "."), p.Unknown != "", outside, c.elsewhere(p, a.Host):
		return verdict{external: fmt.Sprintf("%s is no service of %s, but may be a host elsewhere", a.Host, p.File.Display)}
	}
	return verdict{fault: fmt.Sprintf("%s has no service %s", p.File.Display, a.Host), candidates: c.candidates(n)}
}

// reachLoopback looks among the containers that share nginx's network namespace.
func (c *containers) reachLoopback(n *compose.Service, a address.Address) verdict {
	home := c.namespace(n)
	if home == nil || home.NetworkMode != "" {
		return verdict{external: fmt.Sprintf("service %s of %s has the network mode %q", n.Name, n.Project.File.Display, n.NetworkMode)}
	}
	v := c.listening(n, c.inside([]*compose.Service{home}), a, func(listen address.Address) bool {
		return a.Reaches(listen) == address.Yes || a.Reaches(listen) == address.Partly
	})
	if v.fault != "" {
		v.fault = fmt.Sprintf("%s is nginx's own container, service %s of %s, in which no PHP-FPM runs", a.Host, n.Name, n.Project.File.Display)
	}
	return v
}

// listening looks for a listener in services that an address leads to.
func (c *containers) listening(n *compose.Service, services []*compose.Service, a address.Address, reaches func(address.Address) bool) verdict {
	v := verdict{candidates: c.candidates(n)}
	var have []string
	for _, s := range services {
		side := c.side(s)
		for _, l := range side.listens {
			if !l.addr.IsUnix() && reaches(l.addr) {
				switch {
				case l.pool == nil && side.ownDoubt != "":
					v.external = side.ownDoubt
				case l.pool == nil:
					v.served = true
				default:
					v.pools = append(v.pools, PoolMatch{l.pool, address.Yes})
				}
			}
			if a := l.addr.String(); !slices.Contains(have, a) {
				have = append(have, a)
			}
		}
		if side.unknown != "" && !c.withoutFPM(s) {
			v.external = side.unknown
		}
	}
	if len(have) == 0 {
		have = []string{"no FastCGI port"}
	}
	v.fault = fmt.Sprintf("service %s of %s listens on %s", services[0].Name, n.Project.File.Display, strings.Join(have, ", "))
	return v
}

// withoutFPM says whether a service's image surely has no PHP-FPM: it is nginx's own.
func (c *containers) withoutFPM(s *compose.Service) bool {
	image := c.images[s]
	return officialNginx().MatchString(image.Base) && image.Unknown == "" && !s.Command && len(c.masters[s]) == 0
}

// reachSocket follows a socket's path through the volume in which it lies.
func (c *containers) reachSocket(n *compose.Service, a address.Address) verdict {
	key := socketKey(n, a.Path)
	v := verdict{}
	var doubt string
	for _, s := range n.Project.Ordered {
		side := c.side(s)
		for _, l := range side.listens {
			if l.addr.IsUnix() && socketKey(s, l.addr.Path) == key {
				if l.pool != nil {
					v.pools = append(v.pools, PoolMatch{l.pool, address.Yes})
				}
			}
		}
		if side.unknown != "" && (s == n || shares(n, s)) && !c.withoutFPM(s) {
			doubt = side.unknown
		}
	}
	if len(v.pools) > 0 {
		return v
	}
	m := mounted(n, a.Path)
	switch {
	case doubt != "":
		return verdict{external: doubt}
	case m == nil || m.Volume == "":
		if !c.withoutFPM(n) {
			return verdict{external: fmt.Sprintf("the image of service %s may run PHP-FPM itself", n.Name)}
		}
		return verdict{
			fault:      fmt.Sprintf("service %s of %s shares no volume at %s", n.Name, n.Project.File.Display, path.Dir(a.Path)),
			candidates: c.candidates(n),
		}
	case m.Unknown || m.Source == "" && strings.ContainsAny(m.Volume, "/~"):
		return verdict{external: fmt.Sprintf("%s comes from outside the containers", m.Target)}
	}
	sharing := slices.ContainsFunc(n.Project.Ordered, func(s *compose.Service) bool {
		return s != n && slices.ContainsFunc(s.Mounts, func(o compose.Mount) bool { return o.Volume == m.Volume }) && officialPHP().MatchString(c.images[s].Base)
	})
	if !sharing {
		return verdict{external: fmt.Sprintf("who else mounts %s is not known", m.Volume)}
	}
	return verdict{
		fault:      fmt.Sprintf("no PHP-FPM that mounts the volume %s of %s makes this socket", m.Volume, n.Project.File.Display),
		candidates: c.candidates(n),
	}
}

// socketKey names a socket by what it lies in: a volume, or the service's own files.
func socketKey(s *compose.Service, p string) string {
	m := mounted(s, p)
	if m == nil || m.Volume == "" {
		return "service " + s.Name + "\x00" + p
	}
	return m.Volume + "\x00" + strings.TrimPrefix(p, clean(m.Target))
}

// mounted is the mount in which a socket lies. Images make /var/run a link to /run.
func mounted(s *compose.Service, p string) *compose.Mount {
	var best *compose.Mount
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if strings.HasPrefix(p, strings.TrimSuffix(clean(m.Target), "/")+"/") && (best == nil || len(clean(m.Target)) > len(clean(best.Target))) {
			best = m
		}
	}
	return best
}

func clean(p string) string {
	if p == "/var/run" {
		return "/run"
	}
	return address.CleanSocket(p)
}

// shares says whether two services mount a volume in common.
func shares(n, s *compose.Service) bool {
	for _, m := range n.Mounts {
		if m.Volume != "" && slices.ContainsFunc(s.Mounts, func(o compose.Mount) bool { return o.Volume == m.Volume || o.Unknown }) {
			return true
		}
	}
	return false
}

// share says whether two services have a network in common; without a list it is the default one.
func share(a, b *compose.Service) bool {
	networks := func(s *compose.Service) []string {
		if len(s.Networks) == 0 {
			return []string{"default"}
		}
		return s.Networks
	}
	return slices.ContainsFunc(networks(a), func(name string) bool { return slices.Contains(networks(b), name) })
}

// namespace is the service whose network namespace a service runs in (network_mode: service:X);
// nil where that is not known.
func (c *containers) namespace(s *compose.Service) *compose.Service {
	for range len(s.Project.Services) {
		name, ok := strings.CutPrefix(s.NetworkMode, "service:")
		if !ok {
			return s
		}
		if s = s.Project.Services[name]; s == nil {
			return nil
		}
	}
	return nil
}

// inside adds the services that share the network namespace of those given.
func (c *containers) inside(services []*compose.Service) []*compose.Service {
	out := slices.Clone(services)
	for _, s := range services[0].Project.Ordered {
		if s.NetworkMode != "" && !slices.Contains(out, s) && slices.Contains(services, c.namespace(s)) {
			out = append(out, s)
		}
	}
	return out
}

// candidates are the addresses at which nginx's container reaches PHP-FPM.
func (c *containers) candidates(n *compose.Service) []string {
	var out []string
	home := c.namespace(n)
	for _, s := range n.Project.Ordered {
		if home == nil || s.NetworkMode != "" || !share(home, s) {
			continue
		}
		side := c.side(s)
		for _, l := range side.listens {
			if a := l.addr; !a.IsUnix() && !a.IsLoopback() && (l.pool != nil || side.ownDoubt == "") {
				a.Host = s.Name
				out = append(out, a.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
