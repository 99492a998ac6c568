package fpm

import (
	"path"
	"slices"

	"fpmlint/lint/address"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// packagedSocket matches the sockets of the pools that packages bring: Debian's and Ubuntu's, RHEL's
// and Fedora's, Remi's collections'. All others' and the images' listen on port 9000.
var packagedSocket = lazy.Regexp(`^(?:/run/php/php[0-9.]*-fpm\.sock|/run/php5-fpm\.sock|/run/php-fpm/www\.sock|/var/opt/remi/php[0-9]+/run/php-fpm/www\.sock)$`)

// MayLeaveOut says whether the pool that a package or an image brings may listen at an address: pools
// were read without the main file, and none of them stands for that pool or its file.
func (m *Master) MayLeaveOut(a address.Address) bool {
	if !m.PoolsOnly || a.IsUnix() && !packagedSocket().MatchString(a.Path) || !a.IsUnix() && a.Port != 9000 {
		return false
	}
	return !slices.ContainsFunc(m.Pools, func(p *Pool) bool { return p.Name == "www" }) &&
		!slices.ContainsFunc(m.Files, func(f *source.File) bool { return path.Base(f.Path) == "www.conf" })
}
