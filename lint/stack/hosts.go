package stack

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/host"
	"fpmlint/lint/source"
)

// addHosts reads the FPM sides that nginx reaches by host names: containers. Masters of a side
// that were found beside nginx already are not counted twice.
func (s *Stack) addHosts(o Options) error {
	s.hosts = map[string][]*fpm.Master{}
	s.Split = true
	sides := map[string]*Stack{}
	for _, name := range slices.Sorted(maps.Keys(o.Hosts)) {
		dir := o.Hosts[name]
		if sides[dir] == nil {
			side, err := loadSide(dir, o)
			if err != nil {
				return fmt.Errorf("host %s: %w", name, err)
			}
			sides[dir] = side
		}
		s.hosts[strings.ToLower(name)] = sides[dir].Masters
	}
	named := map[string]bool{}
	for _, side := range sides {
		for _, m := range side.Masters {
			named[m.Conf.Disk] = true
		}
	}
	s.Masters = slices.DeleteFunc(s.Masters, func(m *fpm.Master) bool { return named[m.Conf.Disk] })
	for _, dir := range slices.Sorted(maps.Keys(sides)) {
		s.Masters = append(s.Masters, sides[dir].Masters...)
		s.FPMHost = sides[dir].FPMHost
	}
	if len(sides) > 1 { // one set of facts cannot describe several images
		s.FPMHost = host.Read(source.Memory(s.Name, nil), o.host())
	}
	return nil
}

// loadSide reads the FPM files of a directory or the FPM file that a path names.
func loadSide(p string, o Options) (*Stack, error) {
	o = Options{Paths: []string{p}, RAM: o.RAM, Reserve: o.Reserve, WorkerRSS: o.WorkerRSS, Overlay: o.Overlay}
	if _, err := os.Stat(p); err != nil {
		return nil, err
	}
	found, err := loadPaths(o)
	if err != nil {
		return nil, err
	}
	if len(found[0].Masters) == 0 {
		return nil, fmt.Errorf("%s: no PHP-FPM configuration found", p)
	}
	return found[0], nil
}

// reachesHost judges an address where host names are mapped to FPM sides: a mapped name leads to
// its side alone, and to no other side does another name.
func (l *Listeners) reachesHost(a address.Address, t tcpListener) address.Match {
	masters, named := l.hosts[strings.ToLower(a.Host)]
	switch {
	case named && slices.Contains(masters, t.pool.Master), a.IsLoopback():
		return l.reachesSide(a, t.addr)
	case named, l.mapped[t.pool.Master]:
		return address.No
	}
	return a.Reaches(t.addr)
}

// describes says whether the stack has the side that a host name leads to.
func (s *Stack) describes(name string) bool {
	if s.hosts == nil {
		return s.Split && s.containers == nil
	}
	_, ok := s.hosts[strings.ToLower(name)]
	return ok
}
