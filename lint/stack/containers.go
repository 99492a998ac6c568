package stack

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/address"
	"fpmlint/lint/compose"
	"fpmlint/lint/fpm"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// containers are the services of a repository's compose files, and which files each holds.
type containers struct {
	root     *source.Root
	projects []*compose.Project
	images   map[*compose.Service]compose.Image
	// bySource finds services by the path in the repository that a mount or a COPY names.
	bySource map[string][]*compose.Service
	// variants are the services that files such as docker-compose.prod.yml define, by directory;
	// they may change or add to what the main file says.
	variants map[string]map[string]bool
	sides    map[*compose.Service]*side
	masters  map[*compose.Service][]*fpm.Master
	// readers and verdicts remember what was found out: sites are many, and pass to few places.
	readers  map[*source.File][]*compose.Service
	verdicts map[question]verdict
}

// variantName matches compose files that are given beside the main one, or instead of it.
var variantName = lazy.Regexp(`^(?:docker-)?compose[._-].*\.ya?ml$`)

func composeName(name string) bool {
	return slices.Contains(compose.Names, name) || variantName().MatchString(name)
}

// newContainers reads compose files; nil where there is none.
func newContainers(root *source.Root, files []*source.File) (c *containers, notes []string) {
	c = &containers{
		root: root, images: map[*compose.Service]compose.Image{}, bySource: map[string][]*compose.Service{},
		variants: map[string]map[string]bool{}, sides: map[*compose.Service]*side{},
		readers: map[*source.File][]*compose.Service{}, verdicts: map[question]verdict{},
	}
	for _, f := range files {
		p, err := compose.Read(f)
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s: %v", f.Display, err))
			continue
		}
		if !slices.Contains(compose.Names, path.Base(f.Path)) {
			c.addVariant(p)
			continue
		}
		c.projects = append(c.projects, p)
		for _, s := range p.Services {
			c.addService(s)
		}
	}
	if len(c.projects) == 0 {
		return nil, notes
	}
	return c, notes
}

func (c *containers) addVariant(p *compose.Project) {
	dir := path.Dir(p.File.Path)
	if c.variants[dir] == nil {
		c.variants[dir] = map[string]bool{}
	}
	for _, s := range p.Services {
		for _, n := range append(s.Names, s.Name) {
			c.variants[dir][strings.ToLower(n)] = true
		}
	}
}

func (c *containers) addService(s *compose.Service) {
	image := s.ImageIn(c.root)
	c.images[s] = image
	sources := image.Sources()
	for _, m := range s.Mounts {
		sources = append(sources, m.Source)
	}
	slices.Sort(sources)
	for _, name := range slices.Compact(sources) {
		if name != "" {
			c.bySource[name] = append(c.bySource[name], s)
		}
	}
}

// elsewhere says that some other compose file of the repository has a service of a name.
func (c *containers) elsewhere(p *compose.Project, name string) bool {
	for _, names := range c.variants {
		if names[strings.ToLower(name)] {
			return true
		}
	}
	return slices.ContainsFunc(c.projects, func(o *compose.Project) bool {
		return o != p && slices.ContainsFunc(o.Ordered, func(s *compose.Service) bool { return s.Answers(name) })
	})
}

// varies says that another compose file of the same directory names a service.
func (c *containers) varies(p *compose.Project, name string) bool {
	return c.variants[path.Dir(p.File.Path)][strings.ToLower(name)]
}

// placed is a file of the repository in a container.
type placed struct {
	service *compose.Service
	target  string
}

// holding are the containers in which a file of the repository lies where daemons read.
func (c *containers) holding(f *source.File) []placed {
	var out []placed
	seen := map[*compose.Service]bool{}
	for dir := f.Path; ; dir = path.Dir(dir) {
		for _, s := range c.bySource[dir] {
			if seen[s] {
				continue
			}
			seen[s] = true
			for _, target := range []string{s.In(f.Path), c.images[s].In(f.Path)} {
				if target != "" && compose.Configured(target) {
					out = append(out, placed{s, target})
					break
				}
			}
		}
		if dir == "/" {
			return out
		}
	}
}

// nginxPath matches the directories from which nginx reads in images.
var nginxPath = lazy.Regexp(`^(?:/etc|/usr/local|/opt/bitnami|/usr/local/openresty|/opt/docker/etc)/(?:nginx|openresty)(?:/|$)`)

// running are the services whose nginx reads a file.
func (c *containers) running(f *source.File) []*compose.Service {
	out, ok := c.readers[f]
	if !ok {
		for _, p := range c.holding(f) {
			if nginxPath().MatchString(p.target) {
				out = append(out, p.service)
			}
		}
		c.readers[f] = out
	}
	return out
}

// side is the PHP-FPM of a service.
type side struct {
	listens []listener
	// ownDoubt says why the image's own pool may have moved.
	ownDoubt string
	// unknown says why more may listen; "" when listens are all.
	unknown string
}

// listener is a pool with its address.
type listener struct {
	pool *fpm.Pool // nil: the image's own
	addr address.Address
}

// officialPHP matches the official image in its FPM variants, whose pool listens on port 9000.
var (
	officialPHP   = lazy.Regexp(`^(?:docker\.io/)?(?:library/)?php:[^@\s]*fpm`)
	officialNginx = lazy.Regexp(`^(?:docker\.io/)?(?:library/)?nginx(?:[:@]|$)`)
)

// imageDir is where the official image keeps its pools, imageLast the one of them that set listen
// until 2026 and so overrode all files whose names sort before it.
const (
	imageDir  = "/usr/local/etc/php-fpm.d"
	imageLast = "zz-docker.conf"
)

// assign finds out which service each master's files get into.
func (c *containers) assign(masters []*fpm.Master) {
	c.masters = map[*compose.Service][]*fpm.Master{}
	clear(c.sides)
	clear(c.verdicts)
	for _, m := range masters {
		seen := map[*compose.Service]bool{}
		for _, f := range m.Files {
			for _, p := range c.holding(f) {
				if !seen[p.service] && strings.Contains(p.target, "php") {
					seen[p.service] = true
					c.masters[p.service] = append(c.masters[p.service], m)
				}
			}
		}
	}
	c.findINI()
}

// has says whether a master's files get into a service.
func (c *containers) has(m *fpm.Master) bool {
	for _, masters := range c.masters {
		if slices.Contains(masters, m) {
			return true
		}
	}
	return false
}

func (c *containers) side(s *compose.Service) *side {
	if out := c.sides[s]; out != nil {
		return out
	}
	out := &side{unknown: c.doubt(s)}
	c.sides[s] = out
	own := true // the image's own pool listens where it always did
	for _, m := range s.Mounts {
		if m.Source != "" && (m.Target == imageDir || path.Dir(imageDir) == m.Target) {
			own = false // its files are hidden
		}
	}
	for _, m := range c.masters[s] {
		for _, problem := range m.Problems {
			if problem.Kind != source.Invalid {
				out.unknown = m.Conf.Display + " was not read completely"
			}
		}
		for _, p := range m.Pools {
			addr, setting, err := p.Listen()
			switch {
			case setting.IsDefault && p.Name == "www":
				continue // the image's own file says where
			case setting.Unknown != "" || err != nil || setting.IsDefault:
				out.unknown = fmt.Sprintf("pool %s of service %s may listen there", p.Name, s.Name)
				continue
			}
			target := c.target(s, setting.Span.File)
			if target == "" {
				continue // of another service, or of an overlay of files
			}
			out.listens = append(out.listens, listener{p, addr})
			if path.Dir(target) != imageDir || path.Ext(target) != ".conf" {
				out.unknown = fmt.Sprintf("service %s has %s where its image may not read it", s.Name, target)
			}
			switch {
			case p.Name == "www" && path.Base(target) >= imageLast:
				own = false
			case p.Name == "www":
				out.ownDoubt = fmt.Sprintf("whether %s or the image's own port 9000 counts depends on the age of service %s's image: name the file zzz-*.conf", setting.Text, s.Name)
			}
		}
	}
	if own && officialPHP().MatchString(c.images[s].Base) {
		out.listens = append(out.listens, listener{addr: address.Address{Port: 9000}})
	}
	return out
}

// target is where a file lies in a service's container; "" where it does not.
func (c *containers) target(s *compose.Service, f *source.File) string {
	for _, p := range c.holding(f) {
		if p.service == s {
			return p.target
		}
	}
	return ""
}

// doubt says why a service's FPM may listen elsewhere than its files and its image say.
func (c *containers) doubt(s *compose.Service) string {
	image := c.images[s]
	switch {
	case s.Unknown != "":
		return fmt.Sprintf("service %s uses %s", s.Name, s.Unknown)
	case c.varies(s.Project, s.Name):
		return fmt.Sprintf("another compose file may change service %s", s.Name)
	case s.Command:
		return fmt.Sprintf("service %s has a command of its own", s.Name)
	case image.Unknown != "":
		return fmt.Sprintf("%s may change what service %s listens on", image.Unknown, s.Name)
	case !officialPHP().MatchString(image.Base):
		return fmt.Sprintf("what the image %q of service %s listens on is not known", image.Base, s.Name)
	}
	for _, m := range s.Mounts {
		if (m.Unknown || m.Source == "") && compose.Overlap(m.Target, imageDir) {
			return fmt.Sprintf("what service %s has at %s is not in the repository", s.Name, m.Target)
		}
	}
	return ""
}
