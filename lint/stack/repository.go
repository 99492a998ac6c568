package stack

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

// loadRepository reads a directory whose layout is its owner's: files are told by content, and
// the paths under which they are deployed are guessed from the directories they lie in.
func loadRepository(dir string, o Options) (*Stack, error) {
	root, err := source.DirWith(dir, o.Overlay)
	if err != nil {
		return nil, err
	}
	s := newStack(root, dir, o)
	s.Loose = true
	c, err := search(root, "/")
	if err != nil {
		return nil, err
	}
	s.builds = &builds{root: root, paths: c.builds}
	s.Image = len(c.compose) > 0 || slices.ContainsFunc(c.builds, func(p string) bool { return imageName(path.Base(p)) })
	c.bare = root
	root = deployedView(c)
	if len(c.compose) > 0 && len(o.Hosts) == 0 {
		var notes []string
		s.containers, notes = newContainers(root, c.compose)
		c.notes = append(c.notes, notes...)
		s.Split = s.containers != nil
	}
	s.Notes = c.notes
	if len(o.NginxConf) > 0 {
		err = s.addNginx(root, o.NginxConf)
	} else {
		err = s.addNginxCandidates(root, c)
	}
	if err != nil {
		return nil, err
	}
	if len(o.FPMConf) > 0 {
		err = s.addFPM(root, o.FPMConf)
	} else {
		err = s.addFPMCandidates(root, c)
	}
	return s, err
}

// deployed are directories that configurations name by absolute paths.
var deployed = []string{"/etc/nginx", "/usr/local/etc/nginx", "/usr/local/nginx/conf", "/usr/local/openresty/nginx/conf", "/opt/bitnami/nginx/conf"}

// deployedView is the repository with the absolute directories that configurations name leading
// into it: the directory of an nginx main file stands for /etc/nginx, one called php-fpm.d or
// pool.d for FPM's. Where there are several, it is the first; a main file has a view of its own.
func deployedView(c candidates) *source.Root {
	root := c.bare
	if len(c.entries) > 0 {
		root = c.nginxView(root, c.entries[0])
	}
	for _, p := range c.fpm {
		if deployed, lies, ok := fpm.PoolDir(p); ok && !root.Exists(deployed) {
			root = root.View(deployed, lies)
		}
		dir := path.Dir(p)
		for _, prefix := range fpm.PoolDirs(path.Base(dir)) {
			if !root.Exists(prefix) {
				root = root.View(prefix, dir)
			}
		}
	}
	return root
}

// nginxView is the repository as one of its main files of nginx has it, in whose own directory
// are the sites of its server and not those of another.
func (c *candidates) nginxView(root *source.Root, conf string) *source.Root {
	if c.bare == nil {
		return root
	}
	for _, prefix := range deployed {
		if !c.bare.Exists(prefix) {
			root = root.View(prefix, path.Dir(conf))
		}
	}
	return root
}

// fpmView is the repository as one of its main files of FPM has it: the directory beside it that is
// called like the one of an include stands for that.
func (c *candidates) fpmView(root *source.Root, conf *source.File, o fpm.Options) *source.Root {
	if c.bare == nil {
		return root
	}
	for _, pattern := range fpm.Includes(conf, o) {
		dir := path.Dir(pattern)
		beside := path.Join(path.Dir(conf.Path), path.Base(dir))
		info, err := c.bare.Stat(beside)
		if err == nil && info.IsDir() && !c.bare.Exists(dir) && !fpm.VersionsDiffer(dir, beside) {
			root = root.View(dir, beside)
		}
	}
	return root
}

// apart says why a repository's file of nginx need not belong to the machine of any of its PHP-FPMs:
// each has an nginx of its own, or they are several versions of one. "" where that cannot be seen.
func (s *Stack) apart(f *source.File) string {
	if !s.Loose || s.hosts != nil { // the policy says which belong together
		return ""
	}
	why := ""
	for _, m := range s.Masters {
		if !m.Serves() {
			continue
		}
		from := s.apartFrom(f, m)
		if from == "" {
			return s.variants()
		}
		why = from
	}
	return why
}

// variants names two files of pools that are not for one machine: both set where the same pool listens,
// in different ways, and nothing reads both.
func (s *Stack) variants() string {
	type named struct{ pool, version string }
	first := map[named]fpm.Setting{}
	for _, p := range s.Pools() {
		addr, listen, err := p.Listen()
		if !p.Master.PoolsOnly || err != nil || addr.IsZero() || listen.Span.IsZero() {
			continue
		}
		id := named{p.Name, p.Master.Version}
		other, seen := first[id]
		if !seen {
			first[id] = listen
		} else if other.Text != listen.Text {
			return fmt.Sprintf("%s and %s are not for one machine, and which of them is for this one is not known", other.Span.File.Display, listen.Span.File.Display)
		}
	}
	return ""
}

// apartFrom is apart for one PHP-FPM: it is built into containers and the file into none, or it lies in
// a part of a root that has an nginx and the file does not.
func (s *Stack) apartFrom(f *source.File, m *fpm.Master) string {
	if s.containers != nil && len(s.containers.running(f)) == 0 && s.containers.has(m) {
		return fmt.Sprintf("%s lies in no container of the compose file, and %s does", f.Display, m.Conf.Display)
	}
	if s.builds != nil {
		if target := s.builds.stray(m); target != "" {
			return fmt.Sprintf("%s is copied to %s, where no package of PHP-FPM looks", m.Conf.Display, target)
		}
	}
	if m.Below == "" || strings.HasPrefix(f.Path, m.Below+"/") {
		return ""
	}
	for _, c := range s.Nginx {
		if strings.HasPrefix(c.Conf.Path, m.Below+"/") {
			return fmt.Sprintf("%s belongs with %s", m.Conf.Display, c.Conf.Display)
		}
	}
	return ""
}
