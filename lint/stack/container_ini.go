package stack

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/compose"
	"fpmlint/lint/fpm"
)

// imagePHP is where the official PHP image keeps php.ini, with conf.d below it.
const imagePHP = "/usr/local/etc/php"

// findINI gives each master the php.ini settings of its service's container. A master of several services
// has none where they differ.
func (c *containers) findINI() {
	services := map[*fpm.Master][]*compose.Service{}
	for _, p := range c.projects {
		for _, s := range p.Ordered {
			for _, m := range c.masters[s] {
				services[m] = append(services[m], s)
			}
		}
	}
	for m, of := range services {
		files, more := c.iniFiles(of[0])
		for _, s := range of[1:] {
			if others, _ := c.iniFiles(s); !slices.Equal(files, others) {
				files = nil
			}
		}
		m.INI, m.INIMore, m.XdebugMode = files, more, ""
		for _, s := range of {
			if s.EnvFile || slices.Contains(s.Environment, "XDEBUG_MODE") || c.images[s].SetsEnv("XDEBUG_MODE") {
				m.XdebugMode = "the environment of service " + s.Name
			}
		}
	}
}

// iniFiles are the files of the repository that are php.ini and conf.d of a service, in the order in
// which PHP reads them. more says what else may set the same.
func (c *containers) iniFiles(s *compose.Service) (files []string, more string) {
	image := c.images[s]
	if !officialPHP().MatchString(image.Base) {
		return nil, ""
	}
	lie := map[string]string{} // by the place in the container
	add := func(name string, in func(string) string) {
		if target := in(name); path.Ext(target) == ".ini" && (path.Dir(target) == imagePHP+"/conf.d" || target == imagePHP+"/php.ini") {
			lie[target] = name
		}
	}
	each := func(sources []string, in func(string) string) {
		for _, name := range sources {
			below, _ := c.root.Glob(name + "/*.ini") // no directory: none
			deeper, _ := c.root.Glob(name + "/conf.d/*.ini")
			for _, name := range slices.Concat([]string{name}, below, deeper) {
				if name != "" && c.root.Exists(name) {
					add(name, in)
				}
			}
		}
	}
	each(image.Sources(), image.In)
	var mounted []string
	for _, m := range s.Mounts {
		mounted = append(mounted, m.Source)
		maps.DeleteFunc(lie, func(target, _ string) bool { return strings.HasPrefix(target, m.Target+"/") }) // it hides them
		if compose.Overlap(m.Target, imagePHP) && (m.Source == "" || m.Unknown) {
			more = fmt.Sprintf("what service %s has at %s is not in the repository", s.Name, m.Target)
		}
	}
	each(mounted, s.In)
	switch {
	case more != "":
	case s.Unknown != "" || c.varies(s.Project, s.Name) || s.Command || image.Unknown != "":
		more = c.doubt(s)
	case image.SetsINI():
		more = fmt.Sprintf("the build of service %s may set more of PHP's values", s.Name)
	}
	targets := slices.Sorted(maps.Keys(lie))
	if i := slices.Index(targets, imagePHP+"/php.ini"); i > 0 { // conf.d comes after it
		targets = slices.Insert(slices.Delete(targets, i, i+1), 0, imagePHP+"/php.ini")
	}
	for _, t := range targets {
		files = append(files, lie[t])
	}
	return files, more
}
