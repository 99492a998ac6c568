package stack

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/nginx"
)

// TempPaths are the places where nginx's builds keep buffered responses unless told otherwise
// (--http-fastcgi-temp-path): Debian and Ubuntu, RHEL and Fedora, nginx.org, Alpine, the default.
var TempPaths = []string{
	"/var/lib/nginx/fastcgi", "/var/lib/nginx/tmp/fastcgi", "/var/cache/nginx/fastcgi_temp", "/usr/local/nginx/fastcgi_temp",
}

// look adds what this machine has at the places that the configuration names.
func (s *Stack) look() {
	if !s.Live || s.FPMHost.Evidence == nil {
		return
	}
	places := map[string]bool{}
	var temps []string
	add := func(p string) {
		for p = path.Clean(p); path.IsAbs(p) && !places[p] && !strings.Contains(p, "$"); p = path.Dir(p) {
			places[p] = true
		}
	}
	for _, p := range TempPaths {
		add(p)
	}
	add("/tmp") // PHP's uploads and sessions, unless told otherwise
	for _, c := range s.Nginx {
		for scope := range c.Having("fastcgi_temp_path", "client_body_temp_path", "fastcgi_cache_path", "access_log", "error_log") {
			for _, name := range []string{"fastcgi_temp_path", "client_body_temp_path", "fastcgi_cache_path"} {
				if d := scope.Find(name); d != nil {
					temps = append(temps, path.Clean(d.Arg(0)))
					add(d.Arg(0)) // a relative one lies below the prefix of the build, which is not known
				}
			}
			for _, name := range []string{"access_log", "error_log"} {
				if d := scope.Find(name); d != nil && path.IsAbs(d.Arg(0)) {
					add(path.Dir(d.Arg(0)))
				}
			}
		}
	}
	for _, m := range s.Masters {
		if log := m.Global("error_log"); path.IsAbs(log.Text) && log.Unknown == "" {
			add(path.Dir(log.Text))
		}
		for _, p := range m.Pools {
			for _, key := range []string{"access.log", "slowlog"} {
				if log := p.Get(key); path.IsAbs(log.Text) && log.Unknown == "" {
					add(path.Dir(log.Text))
				}
			}
			if addr, setting, err := p.Listen(); err == nil && setting.Unknown == "" && addr.IsUnix() {
				add(addr.Path)
			}
		}
	}
	e := s.FPMHost.Evidence
	e.Look(slices.Sorted(maps.Keys(places)))
	// The first of the directories that nginx makes in there; it never changes their owner.
	for _, p := range slices.Concat(TempPaths, temps) {
		for digit := range 10 {
			if e.Paths[p].Kind == host.KindDir {
				e.Look([]string{fmt.Sprintf("%s/%d", p, digit)})
			}
		}
	}
}

// lookAtOthers adds the sockets that nginx passes to and that no pool is known to listen on.
func (s *Stack) lookAtOthers() {
	if !s.Live || s.FPMHost.Evidence == nil {
		return
	}
	for _, h := range slices.Concat(s.Proxied, s.Handoffs) {
		for _, b := range h.Backends {
			if b.Address.IsUnix() {
				s.FPMHost.Evidence.Look([]string{b.Address.Path})
			}
		}
	}
}

// Heard says whether somebody listens at an address of a hand-off, by the evidence of a running machine.
func (s *Stack) Heard(c *nginx.Config, a address.Address) bool {
	e := s.FPMHost.Evidence
	if e == nil || s.Split || !e.SocketsKnown {
		return false
	}
	if m, ok := e.Master("nginx", c.Conf.Path, ""); ok && m.Net == "other" {
		return false
	}
	if !a.IsUnix() {
		return e.Listening(a)
	}
	return e.Paths[a.Path].Kind == host.KindSocket && e.Listening(followed(c.Root, a)) // a path that was removed is listened at until that ends
}

// Silence says why nobody answers at an address where a pool should listen, by the evidence of a
// running machine; "" where somebody does, or where unknown says why nobody can tell.
func (s *Stack) Silence(c *nginx.Config, pool *fpm.Pool, a address.Address) (silence, unknown string) {
	e := s.FPMHost.Evidence
	if e == nil || s.Split {
		return "", ""
	}
	if why := notServed(e, c); why != "" {
		return "", why
	}
	master, runs := e.Master("php-fpm", pool.Master.Conf.Path)
	if runs && master.Net == "other" {
		return "", "PHP-FPM runs in a network of its own"
	}
	stopped := ""
	if !runs {
		stopped = ", and its PHP-FPM does not run"
	}
	if !a.IsUnix() {
		switch {
		case !e.SocketsKnown:
			return "", "the listening sockets could not be read"
		case !e.Listening(a):
			return "nothing listens there" + stopped, ""
		}
		return "", ""
	}
	if privateTmp(s.FPMHost, a.Path) {
		return "", "" // the file is out of this process's sight; rule private-tmp has its say
	}
	at, looked := e.Paths[a.Path]
	switch {
	case !looked || at.Kind == host.KindUnknown:
		return "", "whether the socket is there could not be seen"
	case at.Kind == host.KindMissing:
		return "the socket is not there" + stopped, ""
	case at.Kind != host.KindSocket:
		return "what stands there is not a socket", ""
	case e.SocketsKnown && !hears(e, c, pool, a):
		return "the socket refuses connections" + stopped, ""
	}
	return "", ""
}

// hears says whether a pool's socket is listened at. The kernel knows it by the path that PHP-FPM gave,
// to which links may lead from nginx's path, or both from one to the other's directory.
func hears(e *host.Evidence, c *nginx.Config, pool *fpm.Pool, a address.Address) bool {
	if e.Listening(a) || e.Listening(followed(c.Root, a)) {
		return true
	}
	listen, setting, err := pool.Listen()
	return err == nil && setting.Unknown == "" && e.Listening(listen)
}

// notServed says why requests may not arrive at all: no nginx runs with this configuration.
func notServed(e *host.Evidence, c *nginx.Config) string {
	if m, ok := e.Master("nginx", c.Conf.Path, ""); ok && m.Net != "other" {
		return ""
	}
	return "nginx does not run: whether pools answer was not judged"
}

// ServiceOf is the systemd service that runs a pool's PHP-FPM: the running master's, else the one
// that names its main file, else the only one.
func (s *Stack) ServiceOf(m *fpm.Master) *host.Service {
	var all, named []*host.Service
	unit := ""
	if e := s.FPMHost.Evidence; e != nil {
		running, _ := e.Master("php-fpm", m.Conf.Path)
		unit = running.Unit
	}
	for i := range s.FPMHost.Services {
		service := &s.FPMHost.Services[i]
		if service.Program != "php-fpm" {
			continue
		}
		if service.Name == unit {
			return service
		}
		all = append(all, service)
		if strings.Contains(service.Start, m.Conf.Path) {
			named = append(named, service)
		}
	}
	switch {
	case unit != "":
		return nil // the running master belongs to another unit
	case len(named) == 1:
		return named[0]
	case len(named) == 0 && len(all) == 1 && len(s.Masters) == 1:
		return all[0]
	}
	return nil
}

// NginxService is the systemd service that runs nginx: the only one.
func (s *Stack) NginxService() *host.Service {
	var found *host.Service
	for i := range s.NginxHost.Services {
		if s.NginxHost.Services[i].Program == "nginx" {
			if found != nil {
				return nil
			}
			found = &s.NginxHost.Services[i]
		}
	}
	return found
}

// InTmp says whether a path lies where PrivateTmp hides it.
func InTmp(p string) bool { return strings.HasPrefix(p, "/tmp/") || strings.HasPrefix(p, "/var/tmp/") }

func privateTmp(h *host.Facts, p string) bool {
	return InTmp(p) && slices.ContainsFunc(h.Services, func(s host.Service) bool { return s.PrivateTmp })
}
