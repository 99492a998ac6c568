package rules

import (
	"path"
	"slices"

	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/stack"
)

// maxNamed is how many candidates a finding names.
const maxNamed = 3

// candidate is a pool that may have been meant.
type candidate struct {
	pool   *fpm.Pool
	addr   address.Address
	listen fpm.Setting
}

// connect is the candidate's address as nginx must write it. A pool on every address is reached
// by the host that nginx names already, else over loopback.
func (c candidate) connect(from address.Address) string {
	a := c.addr
	if !a.IsUnix() && a.Host == "" {
		a.Host = "127.0.0.1"
		if !from.IsUnix() {
			a.Host = from.Host
		}
	}
	return a.String()
}

// candidates are the pools that nginx may be sent to, found by what a wrong address has in common
// with theirs.
type candidates struct {
	all []*candidate
	// byPath holds sockets by their path without PHP's version, byName by the name alone.
	byPath, byName map[string][]*candidate
	byPool         map[*fpm.Pool]*candidate
	unclaimed      []*candidate
}

// newCandidates collects the pools with a known address; claimed are those that something passes to.
func newCandidates(pools []*fpm.Pool, claimed map[*fpm.Pool]bool) *candidates {
	x := &candidates{byPath: map[string][]*candidate{}, byName: map[string][]*candidate{}, byPool: map[*fpm.Pool]*candidate{}}
	for _, pool := range pools {
		addr, setting, err := pool.Listen()
		if err != nil || setting.Unknown != "" || addr.IsZero() {
			continue
		}
		c := &candidate{pool: pool, addr: addr, listen: setting}
		x.all = append(x.all, c)
		x.byPool[pool] = c
		if addr.IsUnix() {
			plain, name := unversioned(addr.Path), path.Base(addr.Path)
			x.byPath[plain] = append(x.byPath[plain], c)
			x.byName[name] = append(x.byName[name], c)
		}
		if !claimed[pool] {
			x.unclaimed = append(x.unclaimed, c)
		}
	}
	return x
}

// of is a pool's candidate, nil where its address is not known.
func (x *candidates) of(pool *fpm.Pool) *candidate { return x.byPool[pool] }

// near are the candidates to name, nearest first: the same path of another version, the same socket
// name in another directory, the same kind of address, the rest.
func (x *candidates) near(a address.Address) []*candidate {
	var out []*candidate
	add := func(list []*candidate, ok func(*candidate) bool) {
		for _, c := range list {
			if len(out) == maxNamed {
				return
			}
			if ok(c) && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	any := func(*candidate) bool { return true }
	if a.IsUnix() {
		add(x.byPath[unversioned(a.Path)], any)
		add(x.byName[path.Base(a.Path)], any)
	}
	add(x.all, func(c *candidate) bool { return c.addr.IsUnix() == a.IsUnix() })
	add(x.all, any)
	return out
}

// meant returns the one pool that is plainly meant, and why it is, or nil.
func (x *candidates) meant(s *stack.Stack, b *stack.Backend) (*candidate, string) {
	if b.Address.IsUnix() {
		same := x.byPath[unversioned(b.Address.Path)]
		switch named := x.byName[path.Base(b.Address.Path)]; {
		case len(same) == 1:
			return same[0], "the same socket of another PHP version"
		case len(same) > 1:
			return nil, ""
		case len(named) == 1:
			return named[0], "the same socket in another directory"
		case len(named) > 1:
			return nil, ""
		}
	}
	if len(x.unclaimed) != 1 {
		return nil, ""
	}
	one := x.unclaimed[0]
	if s.Split && one.addr.IsUnix() != b.Address.IsUnix() {
		return nil, "" // whether the socket's directory is shared is not known
	}
	return one, "the only pool that nothing else passes to"
}
