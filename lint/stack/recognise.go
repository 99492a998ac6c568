package stack

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// Bounds on the files that a directory is searched for: their number, and the size from which one is
// data rather than a configuration.
const (
	maxWalk   = 100_000
	maxGuess  = 8 << 20
	largeConf = "larger than 8 MiB: name it if it is a configuration"
)

// skipDirs hold no configuration of this stack and may be huge.
var skipDirs = []string{".git", ".hg", ".svn", "node_modules", "vendor", "proc", "sys", "dev"}

// backups is where fix keeps what it replaced below a root.
const backups = "/var/lib/fpmlint"

// candidates are a directory's files by what their content is.
type candidates struct {
	entries   []string // nginx main files
	fragments map[nginx.Kind][]string
	fpm       []string
	notes     []string
	compose   []*source.File
	builds    []string // files that may make what the configurations lack
	// nginxTemplates and fpmTemplates are files that become a daemon's once they are rendered.
	nginxTemplates, fpmTemplates []source.Problem
	// bare is the repository without a guess where it is deployed; nil where paths are no guess.
	bare *source.Root
}

// search tells the files below a directory of a root apart by content.
func search(root *source.Root, dir string) (candidates, error) {
	c := candidates{fragments: map[nginx.Kind][]string{}}
	w := walk{root: root, found: &c}
	if err := w.dir(dir); err != nil {
		return c, err
	}
	found := make([]classified, len(w.paths))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range w.paths {
		group.Go(func() error {
			found[i] = read(root, p)
			return nil
		})
	}
	_ = group.Wait()          // a file that cannot be read is none of the stack's
	seen := map[string]bool{} // a file may have several names
	for i, v := range found {
		p := w.paths[i]
		switch {
		case v.large && path.Ext(p) == ".conf":
			c.notes = append(c.notes, fmt.Sprintf("%s: %s", root.Display(p), largeConf))
			continue
		case v.file == nil || seen[v.file.Path]:
			continue
		case composeName(path.Base(p)):
			c.compose = append(c.compose, v.file)
		case !c.add(v) && v.script:
			c.builds = append(c.builds, p)
		}
		seen[v.file.Path] = true
	}
	return c, nil
}

// walk lists the files of a directory that may be the stack's by their names.
type walk struct {
	root        *source.Root
	found       *candidates
	paths       []string
	files, dirs int
}

func (w *walk) dir(dir string) error {
	entries, err := w.root.ReadDir(dir)
	if err != nil {
		w.found.notes = append(w.found.notes, fmt.Sprintf("%s: %v", w.root.Display(dir), err))
		return nil //nolint:nilerr // what can be read is
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		if e.IsDir() {
			if w.dirs++; w.dirs > maxWalk {
				return fmt.Errorf("%s: more than %d directories: name the configuration's", w.root.Name, maxWalk)
			}
			if !slices.Contains(skipDirs, e.Name()) && !strings.HasSuffix(p, backups) {
				if err := w.dir(p); err != nil {
					return err
				}
			}
			continue
		}
		if w.files++; w.files > maxWalk {
			return fmt.Errorf("%s: more than %d files: name the configuration's directory", w.root.Name, maxWalk)
		}
		if e.Type().IsRegular() && buildName(e.Name()) {
			w.found.builds = append(w.found.builds, p)
		}
		if e.Type()&fs.ModeType&^fs.ModeSymlink == 0 && (configName(e.Name()) || composeName(e.Name())) {
			w.paths = append(w.paths, p)
		}
	}
	return nil
}

// read tells what a file of a directory is. One that is none of the stack's is not kept.
func read(root *source.Root, p string) classified {
	info, err := root.Stat(p)
	if err != nil {
		return classified{}
	}
	if info.Size() > maxGuess {
		return classified{large: info.Mode().IsRegular()}
	}
	f, err := root.Read(p)
	if err != nil {
		return classified{}
	}
	if composeName(path.Base(p)) {
		return classified{file: f}
	}
	v := classify(root, f)
	if v.kind == nginx.KindNone && !v.fpm && v.template.IsZero() {
		root.Forget(f)
		v.file = &source.File{Path: f.Path}
	}
	return v
}

// classified is a file with what its content is.
type classified struct {
	file *source.File
	// large says that the file was not read, script that it is one, or has supervisord start programs.
	large, script bool

	fpm  bool
	kind nginx.Kind
	// template is the mark of a file that becomes the daemon's once it is rendered, zero in others.
	template source.Span
}

func classify(root *source.Root, f *source.File) classified {
	v := classified{file: f, kind: nginx.KindNone, script: bytes.HasPrefix(f.Data, []byte("#!")) || bytes.Contains(f.Data, []byte("\n[program:"))}
	if v.script || bytes.IndexByte(f.Data, 0) >= 0 {
		return v // a binary file, or a script, which may well write a configuration
	}
	if v.fpm = fpm.Detect(f.Data); v.fpm {
		return v // told from a template already
	}
	v.kind = nginx.Detect(f.Data)
	switch {
	case root.Rendered():
	case v.kind != nginx.KindNone || nginx.Likely(f.Data):
		v.template, _ = nginx.TemplateMark(f)
	case fpm.Likely(f.Data):
		v.template, _ = fpm.TemplateMark(f)
		v.fpm = !v.template.IsZero()
	}
	return v
}

// add says whether a file is one of the stack's.
func (c *candidates) add(v classified) bool {
	p := v.file.Path
	switch {
	case !v.template.IsZero() && v.fpm:
		c.fpmTemplates = append(c.fpmTemplates, source.NewTemplate(v.template))
	case !v.template.IsZero():
		c.nginxTemplates = append(c.nginxTemplates, source.NewTemplate(v.template))
	case v.fpm:
		c.fpm = append(c.fpm, p)
	case v.kind == nginx.KindNone:
		return false
	case v.kind == nginx.KindEntry:
		c.entries = append(c.entries, p)
	default:
		c.fragments[v.kind] = append(c.fragments[v.kind], p)
	}
	return true
}

// imageTemplates is where the official nginx image looks for templates, which it renders into
// conf.d when it starts (docker-entrypoint.d/20-envsubst-on-templates.sh).
const imageTemplates = "/etc/nginx/templates/*.template"

// addImageTemplates notes those of a root.
func (s *Stack) addImageTemplates(root *source.Root) {
	if root.Rendered() {
		return
	}
	names, _ := root.Glob(imageTemplates) // not there: none
	for _, name := range names {
		f, err := root.Read(name)
		if err != nil {
			continue
		}
		if mark, ok := nginx.TemplateMark(f); ok {
			s.NginxTemplates = append(s.NginxTemplates, source.NewTemplate(mark))
		}
	}
}

// addNamed is add for a file that was given by name, and so is taken for nginx's more easily.
func (c *candidates) addNamed(root *source.Root, f *source.File) bool {
	if c.add(classify(root, f)) {
		return true
	}
	if !nginx.Plausible(f.Data) {
		return false
	}
	c.fragments[nginx.KindHTTP] = append(c.fragments[nginx.KindHTTP], f.Path)
	return true
}

// configName leaves out names that no daemon loads and that are large or many in repositories.
func configName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".php", ".js", ".ts", ".css", ".html", ".md", ".json", ".yml", ".yaml", ".py", ".rb", ".go",
		".sql", ".sh", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".woff", ".woff2", ".lock", ".xml",
		".txt", ".rst", ".adoc", ".mdx", ".tsx", ".jsx", ".vue", ".c", ".h", ".rs", ".java", ".csv", ".tsv", ".log", ".default",
		".dockerfile", ".bak", ".orig", ".old", ".dpkg-old", ".dpkg-dist", ".rpmnew", ".rpmsave", ".save":
		return false
	}
	return !strings.HasSuffix(name, "~") && !strings.HasPrefix(name, "Dockerfile")
}

// recogniseNginx finds the main file of a root that keeps it nowhere known.
func (s *Stack) recogniseNginx(root *source.Root) error {
	c, err := search(root, "/")
	if err != nil {
		return err
	}
	return s.addNginxCandidates(root, c)
}

// addNginxCandidates loads the entry points, then the fragments that none of them includes, in one
// http block: a site in one file may use an upstream in another.
func (s *Stack) addNginxCandidates(root *source.Root, c candidates) error {
	read := map[string]bool{}
	s.NginxTemplates = append(s.NginxTemplates, c.nginxTemplates...)
	for _, p := range c.entries {
		if read[p] {
			continue
		}
		config, err := nginx.Load(c.nginxView(root, p), p, nginx.Options{})
		if err != nil {
			return err
		}
		for _, f := range config.Files {
			read[f.Source.Path] = true
		}
		s.Nginx = append(s.Nginx, config)
	}
	var loose []string
	for _, p := range c.fragments[nginx.KindHTTP] {
		if !read[p] {
			loose = append(loose, p)
		}
	}
	together, err := compatible(root, loose)
	if err != nil {
		return err
	}
	for _, paths := range together {
		config, err := nginx.LoadFragments(root, paths)
		if err != nil {
			return err
		}
		s.Nginx = append(s.Nginx, config)
	}
	return nil
}

// recogniseFPM finds the main file of a root that keeps it nowhere known.
func (s *Stack) recogniseFPM(root *source.Root) error {
	c, err := search(root, "/")
	if err != nil {
		return err
	}
	return s.addFPMCandidates(root, c)
}

// addFPMCandidates loads the main files, then the pool files that none of them includes, one
// master for each directory.
func (s *Stack) addFPMCandidates(root *source.Root, c candidates) error {
	read := map[string][]*fpm.Master{}
	pools := map[string][]string{}
	var masters []*fpm.Master
	var dirs []string
	s.FPMTemplates = append(s.FPMTemplates, c.fpmTemplates...)
	for _, p := range c.fpm {
		f, err := root.Read(p)
		if err != nil {
			return err
		}
		if !fpm.IsMain(f.Data) {
			dir := path.Dir(p)
			if pools[dir] == nil {
				dirs = append(dirs, dir)
			}
			pools[dir] = append(pools[dir], p)
			continue
		}
		o := fpm.OptionsFor(root, p)
		m, err := fpm.Load(c.fpmView(root, f, o), p, o)
		if err != nil {
			return err
		}
		for _, f := range m.Files {
			read[f.Path] = append(read[f.Path], m)
		}
		masters = append(masters, m)
	}
	for _, m := range masters {
		// A pool file may have a [global] of its own, as those of Docker's image do.
		if !slices.ContainsFunc(read[m.Conf.Path], func(by *fpm.Master) bool { return !slices.Contains(m.Files, by.Conf) }) {
			s.Masters = append(s.Masters, m)
		}
	}
	for _, dir := range dirs {
		loose := slices.DeleteFunc(pools[dir], func(p string) bool { return read[p] != nil })
		if len(loose) == 0 {
			continue
		}
		if main := leftOut(s.Masters, dir); main != nil && !s.Loose {
			s.Notes = append(s.Notes, fmt.Sprintf("%s is not read: %s beside it has pools of its own and includes nothing", root.Display(dir), main.Conf.Display))
			continue
		}
		sets := [][]string{loose}
		if s.Loose {
			sets = choices(root, loose)
		}
		for _, set := range sets {
			m, err := fpm.LoadPools(root, set, fpm.OptionsFor(root, set[0]))
			if err != nil {
				return err
			}
			s.Masters = append(s.Masters, m)
		}
	}
	return nil
}

// choices parts the pool files of one directory: where three or more size one pool anew, as for machines of
// several sizes, a server gets one of them, and each is read alone.
func choices(root *source.Root, paths []string) (sets [][]string) {
	sizing := map[string][]string{} // pools by the files that size them
	for _, p := range paths {
		if f, err := root.Read(p); err == nil {
			for _, pool := range fpm.Sized(f.Data) {
				sizing[pool] = append(sizing[pool], p)
			}
		}
	}
	alone := map[string]bool{}
	for _, files := range sizing {
		for _, p := range files {
			alone[p] = alone[p] || len(files) > 2
		}
	}
	together := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return alone[p] })
	if len(together) > 0 {
		sets = append(sets, together)
	}
	for _, p := range paths {
		if alone[p] {
			sets = append(sets, []string{p})
		}
	}
	return sets
}

// leftOut finds the main file whose directory of pools this is, and which includes no file at all. A
// repository may deploy such a file elsewhere, a root has it where it is.
func leftOut(masters []*fpm.Master, dir string) *fpm.Master {
	for _, m := range masters {
		if _, lies, ok := fpm.PoolDir(m.Conf.Path); ok && lies == dir && !m.PoolsOnly && len(m.Includes) == 0 {
			return m
		}
	}
	return nil
}
