package stack

import (
	"path"
	"slices"

	"fpmlint/lint/compose"
	"fpmlint/lint/nginx"
)

// imageParams is the file of nginx's official image that sets the standard parameters but for
// SCRIPT_FILENAME, in all of its versions. The image has no fastcgi.conf.
const imageParams = "/etc/nginx/fastcgi_params"

// ImageParams says whether an include that was not read leads to fastcgi_params of nginx's official
// image, in every container that the compose file shows to read it.
func (s *Stack) ImageParams(include *nginx.Statement) bool {
	c := s.containers
	if name := include.Arg(0); c == nil || name != imageParams && name != path.Base(imageParams) {
		return false
	}
	services := c.running(include.Src)
	for _, n := range services {
		image := c.images[n]
		switch {
		case n.Unknown != "" || n.Command || c.varies(n.Project, n.Name) || image.Unknown != "" || !officialNginx().MatchString(image.Base) || image.Brings(imageParams):
			return false
		case slices.ContainsFunc(n.Mounts, func(m compose.Mount) bool { return m.Unknown || compose.Overlap(m.Target, imageParams) }):
			return false
		}
	}
	return len(services) > 0
}
