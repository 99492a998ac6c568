package stack

import (
	"path"
	"slices"

	"fpmlint/lint/compose"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// imageParams is the file of nginx's official image that sets the standard parameters but for
// SCRIPT_FILENAME, in all of its versions. The image has no fastcgi.conf.
const imageParams = "/etc/nginx/fastcgi_params"

// ImageParams says whether an include that was not read leads to fastcgi_params of nginx's official
// image, in every container that the compose file shows to read it.
func (s *Stack) ImageParams(include *nginx.Statement) bool {
	name := include.Arg(0)
	return (name == imageParams || name == path.Base(imageParams)) && s.containers.stockNginx(include.Src, imageParams)
}

// imageConf is the official image's main file: its workers are nginx's.
const imageConf = "/etc/nginx/nginx.conf"

// ImageUsers says whether nginx's workers are of the official image's user, and the sockets of a pool
// root's unless it says otherwise, as the compose file shows.
func (s *Stack) ImageUsers(c *nginx.Config, pool *fpm.Pool) bool {
	if !c.Fragment || !s.containers.stockNginx(c.Conf, imageConf) {
		return false
	}
	for _, n := range s.containers.running(c.Conf) {
		if n.User != "" || s.containers.images[n].User != "" {
			return false
		}
	}
	found := false
	for n, masters := range s.containers.masters {
		if !slices.Contains(masters, pool.Master) {
			continue
		}
		if image := s.containers.images[n]; n.User != "" || image.User != "" || s.containers.doubt(n) != "" {
			return false
		}
		found = true
	}
	return found
}

// stockNginx says whether a file is read by nginx of the official image alone, with one of the image's
// files as it came.
func (c *containers) stockNginx(f *source.File, name string) bool {
	if c == nil {
		return false
	}
	services := c.running(f)
	for _, n := range services {
		image := c.images[n]
		switch {
		case n.Unknown != "" || n.Command || c.varies(n.Project, n.Name) || image.Unknown != "" || !officialNginx().MatchString(image.Base) || image.Brings(name):
			return false
		case slices.ContainsFunc(n.Mounts, func(m compose.Mount) bool { return m.Unknown || compose.Overlap(m.Target, name) }):
			return false
		}
	}
	return len(services) > 0
}
