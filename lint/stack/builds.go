package stack

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"sync"

	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// builds are the files of a repository that make or change what its configurations lack: of
// images, scripts and playbooks, and what starts the daemons. They are read when they are asked for.
type builds struct {
	root  *source.Root
	paths []string
	once  sync.Once
	made  map[string]string // the file by the address that it sets
	free  string            // the file that lets PHP-FPM run as root
	put   map[string]string // where a file of the repository is copied to
}

// maxBuild bounds a file that is looked at, in bytes.
const maxBuild = 1 << 20

var (
	// makes matches lines that link a socket or set a pool's listen.
	makes = lazy.Regexp(`\bln\s|\bsymlink|listen|src:|LISTEN`)
	// place matches a socket's path, or an address with a port.
	place = lazy.Regexp(`/[\w./-]+|[\w.-]+:[0-9]{2,5}\b`)
	// free matches a start of PHP-FPM with -R, or the long name of that.
	free = lazy.Regexp(`fpm[^#&;|]*?(?:--allow-to-run-as-root|[\s"',]-[A-Za-z]*R[A-Za-z]*(?:["'\s,]|$))`)
	// copies matches a line of a Dockerfile that brings one file.
	copies = lazy.Regexp(`^\s*(?i:COPY|ADD)\s+(?:--ch(?:own|mod)=\S+\s+)*([\w./-]+)\s+(/[\w./-]*)\s*$`)
	// recursive are programs that have a -R of their own.
	recursive = lazy.Regexp(`\b(?:ch(?:own|mod|grp|con)|cp|ls|rm|e?grep|setfacl|restorecon)\b`)
)

// buildName says whether a file may be one of them.
func buildName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".sh", ".bash", ".yml", ".yaml", ".dockerfile", ".mk":
		return true
	}
	return strings.HasPrefix(name, "Dockerfile") || slices.Contains([]string{"Makefile", "Vagrantfile", "Containerfile"}, name)
}

// imageName says whether a file of builds is of an image.
func imageName(name string) bool {
	return strings.HasPrefix(name, "Dockerfile") || name == "Containerfile" || strings.EqualFold(path.Ext(name), ".dockerfile")
}

// makes names the file that makes somebody listen at an address; "" where none does.
func (b *builds) makes(a address.Address) string {
	b.once.Do(b.readAll)
	return b.made[a.String()]
}

// RunsAsRoot names the file that starts PHP-FPM so that its workers may be root's; "" where none does.
func (s *Stack) RunsAsRoot() string {
	if s.builds == nil {
		return ""
	}
	s.builds.once.Do(s.builds.readAll)
	return s.builds.free
}

func (b *builds) readAll() {
	b.made, b.put = map[string]string{}, map[string]string{}
	for _, p := range b.paths {
		b.read(p)
	}
}

// findBuilds looks for those that stand beside the directories of a root, in a repository that is laid
// out like one.
func (s *Stack) findBuilds(root *source.Root) {
	if s.Live {
		return
	}
	entries, _ := root.ReadDir("/") // not readable: none
	var paths []string
	for _, e := range entries {
		if e.Type().IsRegular() && buildName(e.Name()) {
			paths = append(paths, "/"+e.Name())
			s.Image = s.Image || imageName(e.Name())
		}
	}
	if len(paths) > 0 {
		s.builds = &builds{root: root, paths: paths}
	}
}

func (b *builds) read(p string) {
	f, err := b.root.Read(p)
	if err != nil || len(f.Data) > maxBuild {
		return // what cannot be read says nothing
	}
	for line := range bytes.Lines(f.Data) {
		if m := copies().FindSubmatch(line); m != nil && imageName(path.Base(p)) {
			b.copied(path.Dir(p), string(m[1]), string(m[2]))
		}
		if b.free == "" && free().Match(line) && !recursive().Match(line) {
			b.free = f.Display
		}
		if !makes().Match(line) {
			continue
		}
		for _, text := range place().FindAllString(string(line), -1) {
			if text[0] == '/' {
				text = "unix:" + text
			}
			if a, err := address.ParseConnect(text); err == nil && b.made[a.String()] == "" {
				b.made[a.String()] = f.Display
			}
		}
	}
}

// copied remembers a file that is copied: the build's context is the Dockerfile's directory, or the top.
func (b *builds) copied(dir, name, target string) {
	if strings.HasSuffix(target, "/") {
		target += path.Base(name)
	}
	for _, context := range []string{"/", dir} {
		b.put[path.Join(context, name)] = target
	}
}

// stray is where a file of pools is copied to although no package reads it there; "" where that cannot be
// seen.
func (b *builds) stray(m *fpm.Master) string {
	b.once.Do(b.readAll)
	target := b.put[m.Conf.Path]
	if _, _, known := fpm.PoolDir(target); target == "" || known || !m.PoolsOnly {
		return ""
	}
	return target
}
