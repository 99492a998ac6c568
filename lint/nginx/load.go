package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"fpmlint/lint/source"
)

// Bounds on what is read. nginx has none: it runs out of memory.
const (
	maxAllTokens = 10_000_000 // directives and arguments of all files together
	maxAllBytes  = 256 << 20  // of all files together
	maxNames     = 500_000    // different includes
)

// What a large tree takes of the heap, in bytes.
const (
	manyFiles   = 1000
	heapPerFile = 12 << 10
	largeFile   = 1 << 20
	heapPerByte = 11
	maxHeap     = 256 << 20
)

// Config is one nginx instance: its main file with everything that it includes.
type Config struct {
	Root *source.Root
	// Conf is the main file, Prefix its directory, to which includes are relative.
	Conf   *source.File
	Prefix string
	// Main is the outermost context, includes spliced in.
	Main *Scope
	// Files are the files read, in order of first inclusion.
	Files []*File
	// Includes are the include directives, each once, with the files that they lead to.
	Includes []Include
	// Problems are faults of grammar, includes that could not be read, and bounds.
	Problems []source.Problem
	// Upstreams are those in the http block, by name in lower case: nginx takes PHP for php
	// (ngx_http_upstream_add).
	Upstreams map[string]*Upstream
	// Twice are upstream blocks whose name another one before them has.
	Twice []*Upstream
	// Fragment says that the main file is not nginx's own: it is read as inside a block.
	Fragment bool

	variables variables
	scopes    scopes
}

// Include is an include directive and what it leads to.
type Include struct {
	Statement *Statement
	Files     []*source.File
	// Beside are nginx's files that stand where the pattern looks; only where it matches none.
	Beside []*source.File
}

// Options say how to read a main file.
type Options struct {
	// Fragment is the block that the file is to be read as inside of: "http", "server",
	// "location". Empty for an entry point.
	Fragment string
}

// Load reads a configuration from its main file. The error is about the main file only; what is
// wrong inside is in Problems.
func Load(root *source.Root, conf string, o Options) (*Config, error) {
	f, err := root.Read(conf)
	if err != nil {
		return nil, err
	}
	return LoadFile(root, f, o), nil
}

// LoadFile is Load for a main file that is at hand.
func LoadFile(root *source.Root, f *source.File, o Options) *Config {
	c := &Config{Root: root, Conf: f, Prefix: path.Dir(f.Path), Fragment: o.Fragment != ""}
	c.build([]*source.File{f}, o.Fragment)
	return c
}

// LoadFragments reads several sites as inside one http block.
func LoadFragments(root *source.Root, paths []string) (*Config, error) {
	files := make([]*source.File, len(paths))
	for i, p := range paths {
		f, err := root.Read(p)
		if err != nil {
			return nil, err
		}
		files[i] = f
	}
	prefix := path.Dir(files[0].Path)
	if base := path.Base(prefix); base == "conf.d" || base == "sites-enabled" || base == "sites-available" || base == "http.d" {
		prefix = path.Dir(prefix)
	}
	c := &Config{Root: root, Conf: files[0], Prefix: prefix, Fragment: true}
	c.build(files, "http")
	return c, nil
}

// Complete says whether all of the configuration was read.
func (c *Config) Complete() bool { return len(c.Problems) == 0 }

func (c *Config) build(mains []*source.File, fragment string) {
	l := &loader{config: c, parsed: map[*source.File]*File{}, includes: map[string]include{}, claimed: map[*source.File]bool{}}
	l.parseAll(mains)
	main := &Scope{Kind: "main", Config: c}
	inner := main
	if fragment != "" {
		for _, kind := range []string{"http", "server", "location"} {
			inner = inner.below(kind)
			if kind == fragment {
				break
			}
		}
	}
	if l.tooMuch() {
		l.drop(mains)
	}
	l.spliceAll(inner, mains)
	c.Main = main
	c.Upstreams, c.Twice = upstreams(main)
}

// loader resolves includes. Files are read and parsed in parallel first, then spliced in order.
type loader struct {
	config   *Config
	parsed   map[*source.File]*File
	includes map[string]include
	// bytes and tokens are those of all files read.
	bytes, tokens atomic.Int64
	names         int         // different includes
	tooMany       atomic.Bool // names that patterns look at
	mu            sync.Mutex
	claimed       map[*source.File]bool // those that are being parsed or were
	heap          sync.Once
}

// expect prepares the heap for a large tree, once.
func (l *loader) expect(bytes int) {
	l.heap.Do(func() { source.ExpectHeap(min(bytes, maxHeap)) })
}

// include is what an include's argument leads to.
type include struct {
	files   []*source.File
	targets []*File // those of files; nil where one is nested too deep to be read
	parsed  []*File // those of files that were not at hand yet
	problem string
	kind    source.Kind
}

// parseAll reads the main files and everything that they lead to, breadth first.
func (l *loader) parseAll(mains []*source.File) {
	var fresh []*File
	for _, f := range mains {
		if l.claim(f) {
			l.parsed[f] = l.parse(f)
			fresh = append(fresh, l.parsed[f])
		}
	}
	for depth := 0; len(fresh) > 0 && depth <= maxIncludeDepth; depth++ {
		var names []string
		for _, f := range fresh {
			for _, s := range f.includes {
				names = append(names, s.Args[0].Value)
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
		names = slices.DeleteFunc(names, func(n string) bool { _, ok := l.includes[n]; return ok })
		if l.names += len(names); l.tooMuch() {
			return
		}
		found := make([]include, len(names))
		parallel(len(names), func(i int) { found[i] = l.find(names[i]) })
		fresh = fresh[:0]
		for i, n := range names {
			l.includes[n] = found[i]
			for _, p := range found[i].parsed {
				l.parsed[p.Source] = p
			}
			fresh = append(fresh, found[i].parsed...)
			found[i].parsed = nil
		}
	}
	for name, i := range l.includes {
		i.targets = make([]*File, len(i.files))
		for k, f := range i.files {
			i.targets[k] = l.parsed[f]
		}
		l.includes[name] = i
	}
}

// claim says whether a file is yet to be parsed: one may have several names.
func (l *loader) claim(f *source.File) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	claimed := l.claimed[f]
	l.claimed[f] = true
	return !claimed
}

// parse reads a file, of a template nothing.
func (l *loader) parse(f *source.File) *File {
	l.bytes.Add(int64(len(f.Data)))
	if len(f.Data) >= largeFile {
		l.expect(len(f.Data) * heapPerByte)
	}
	if !l.config.Root.Rendered() {
		if mark, ok := TemplateMark(f); ok {
			return &File{Source: f, Problems: []source.Problem{source.NewTemplate(mark)}}
		}
	}
	p := Parse(f)
	l.tokens.Add(int64(p.tokens))
	return p
}

// drop leaves nothing of files that are too large together: which of them were read is chance.
func (l *loader) drop(mains []*source.File) {
	why := fmt.Sprintf("it has more than %d MiB, %d directives and arguments, or %d different includes", maxAllBytes>>20, maxAllTokens, maxNames)
	if l.tooMany.Load() {
		why = "its includes' " + source.ErrTooMany.Error()
	}
	l.config.Problems = append(l.config.Problems, source.Problem{Kind: source.Limit, Span: mains[0].Span(0, 0), Message: "the configuration is left out: " + why})
	for _, f := range mains {
		l.parsed[f] = &File{Source: f}
	}
}

// tooMuch says whether what is read so far is more than fpmlint keeps.
func (l *loader) tooMuch() bool {
	return l.bytes.Load() > maxAllBytes || l.tokens.Load() > maxAllTokens || l.names > maxNames || l.tooMany.Load()
}

func parallel(n int, do func(i int)) {
	parallelRuns(n, func(from, to int) {
		for i := from; i < to; i++ {
			do(i)
		}
	})
}

// parallelRuns hands work out in runs: a goroutine for each of ten thousand small files costs more
// than the file.
func parallelRuns(n int, do func(from, to int)) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	step := max(1, n/(runtime.GOMAXPROCS(0)*8))
	for start := 0; start < n; start += step {
		g.Go(func() error {
			do(start, min(n, start+step))
			return nil
		})
	}
	_ = g.Wait() // do returns no error
}

// find resolves an include (ngx_conf_include): relative to the conf prefix; a pattern may match
// nothing, a plain path must be there.
func (l *loader) find(name string) include {
	full := name
	if !path.IsAbs(full) {
		full = path.Join(l.config.Prefix, full)
	}
	root := l.config.Root
	if !source.HasMeta(name) {
		return l.read([]string{full}, true)
	}
	matches, err := root.Glob(full)
	if errors.Is(err, source.ErrTooMany) {
		l.tooMany.Store(true)
	}
	if err != nil {
		return include{} // glob(3) with GLOB_NOMATCH: a missing directory is no match
	}
	return l.read(matches, false)
}

// read reads and parses the files of an include in parallel.
func (l *loader) read(names []string, literal bool) include {
	type result struct {
		file   *source.File
		parsed *File
		err    error
	}
	if len(names) >= manyFiles {
		l.expect(len(names) * heapPerFile)
	}
	results := make([]result, len(names))
	parallel(len(names), func(i int) {
		r := &results[i]
		if l.tooMuch() {
			return
		}
		if r.file, r.err = l.config.Root.Read(names[i]); r.err == nil && l.claim(r.file) {
			r.parsed = l.parse(r.file)
		}
	})
	out := include{files: make([]*source.File, 0, len(names))}
	for i, r := range results {
		if r.file == nil && r.err == nil {
			continue // it was too much
		}
		if r.err != nil {
			out.kind, out.problem = l.unread(names[i], literal, r.err)
			continue
		}
		out.files = append(out.files, r.file)
		if r.parsed != nil {
			out.parsed = append(out.parsed, r.parsed)
		}
	}
	return out
}

// unread words why an include could not be read, on this machine as nginx does.
func (l *loader) unread(name string, literal bool, err error) (source.Kind, string) {
	switch {
	case errors.Is(err, fs.ErrNotExist) && !l.config.Root.Whole():
		return source.Unread, "there is no such file here"
	case errors.Is(err, fs.ErrNotExist):
		return source.Unread, fmt.Sprintf(`open() "%s" failed (2: No such file or directory)`, name)
	case errors.Is(err, fs.ErrPermission):
		return source.Denied, fmt.Sprintf(`open() "%s" failed (13: Permission denied)`, name)
	case errors.Is(err, source.ErrIsDir) && literal:
		return source.Unread, fmt.Sprintf(`pread() "%s" failed (21: Is a directory)`, name)
	case errors.Is(err, source.ErrIsDir):
		return source.Unread, fmt.Sprintf(`%s: the pattern matches a directory, which nginx cannot read`, name)
	case errors.Is(err, source.ErrTooLarge):
		return source.Denied, err.Error()
	}
	return source.Unread, err.Error()
}

// User is the user directive: without a group it is the group of the user's name
// (ngx_set_user). ok is false where there is none.
func (c *Config) User() (user, group string, at source.Span, ok bool) {
	s := c.Main.Find("user")
	if s == nil || len(s.Args) == 0 {
		return "", "", source.Span{}, false
	}
	user, group = s.Arg(0), s.Arg(1)
	if group == "" {
		group = user
	}
	return user, group, s.Span(), true
}

// WorkerProcesses is the number of workers, 1 where it is not set; auto means one for each CPU.
func (c *Config) WorkerProcesses() (n int, auto bool, at source.Span) {
	s := c.Main.Find("worker_processes")
	if s == nil || len(s.Args) == 0 {
		return 1, false, source.Span{}
	}
	if strings.EqualFold(s.Arg(0), "auto") {
		return 1, true, s.Span()
	}
	if _, err := fmt.Sscanf(s.Arg(0), "%d", &n); err != nil || n < 1 {
		n = 1
	}
	return n, false, s.Span()
}
