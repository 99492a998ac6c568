package fpm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/address"
	"fpmlint/lint/source"
)

// maxIncludeDepth is FPM's own bound (FPM_CONF_MAX_INCLUDE is 5).
const maxIncludeDepth = 5

// Bounds on what is read, each time that it is included. FPM has none: it runs out of memory.
const (
	maxLines = 1_000_000 // those that say something
	maxPools = 100_000
	maxFiles = 100_000
	maxBytes = 256 << 20
)

// Load reads a master from its main file. The error is about the main file only; what is wrong
// inside is in Problems.
func Load(root *source.Root, conf string, o Options) (*Master, error) {
	f, err := root.Read(conf)
	if err != nil {
		return nil, err
	}
	return loadFile(root, f, o), nil
}

// loadFile is Load for a main file that is at hand.
func loadFile(root *source.Root, f *source.File, o Options) *Master {
	l := newLoader(root, f, o)
	l.file(f, 0)
	l.master.check()
	return l.master
}

// LoadPools reads pool files whose main file is not there, in the order given.
func LoadPools(root *source.Root, paths []string, o Options) (*Master, error) {
	var l *loader
	for _, p := range paths {
		f, err := root.Read(p)
		if err != nil {
			return nil, err
		}
		if l == nil {
			l = newLoader(root, f, o)
			l.master.PoolsOnly = true
		}
		l.file(f, 0)
	}
	l.master.check()
	return l.master, nil
}

// loader reads files in FPM's order. The section that is open survives an include
// (fpm_conf_ini_parser_include keeps current_wp).
type loader struct {
	master *Master
	pool   *Pool // nil: global
	pools  map[string]*Pool
	seen   map[*source.File]bool
	open   []*source.File        // being read, outermost first
	header source.Span           // of the section that is open
	adrift map[*source.File]bool // files whose settings stand in no section

	lines, files, bytes int
	full                bool
}

func newLoader(root *source.Root, conf *source.File, o Options) *loader {
	m := &Master{Root: root, Conf: conf, Options: o, globals: map[string][]*Entry{}}
	m.Installed, m.HasBinaries = installed(root, o)
	return &loader{master: m, pools: map[string]*Pool{}, seen: map[*source.File]bool{}, adrift: map[*source.File]bool{}}
}

func (l *loader) problem(kind source.Kind, span source.Span, format string, args ...any) {
	l.report(source.Problem{Kind: kind, Span: span, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) report(p source.Problem) {
	l.master.Problems = append(l.master.Problems, p)
	switch p.Kind {
	case source.Unread, source.Denied, source.Limit, source.Template:
		l.master.incomplete = true
	}
}

// take counts towards the bounds, and says whether there is room.
func (l *loader) take(at source.Span) bool {
	if !l.full && (l.lines > maxLines || len(l.pools) > maxPools || l.files > maxFiles || l.bytes > maxBytes) {
		l.full = true
		l.problem(source.Limit, at, "the rest is left out: there are more than %d lines, %d pools, %d included files or %d MiB", maxLines, maxPools, maxFiles, maxBytes>>20)
	}
	return !l.full
}

func (l *loader) file(f *source.File, depth int) {
	first := !l.seen[f]
	if first {
		l.seen[f] = true
		l.master.Files = append(l.master.Files, f)
	}
	l.files++
	l.bytes += len(f.Data)
	if !l.take(f.Span(0, 0)) {
		return
	}
	if !l.master.Root.Rendered() {
		if mark, ok := TemplateMark(f); ok {
			if first {
				l.report(source.NewTemplate(mark))
			}
			l.master.Blind = l.master.Blind || f == l.master.Conf
			return
		}
	}
	binary, before := bytes.IndexByte(f.Data, 0) >= 0, len(l.master.Problems)
	l.open = append(l.open, f)
	defer func() { l.open = l.open[:len(l.open)-1] }()
	scan(f, l.php5(), func(ln line) bool {
		l.lines++
		switch {
		case !l.take(ln.at()):
			return false
		case !ln.hash.IsZero():
			l.hashComment(ln)
		case ln.problem != nil:
			l.report(*ln.problem)
		case !ln.header.IsZero():
			l.section(ln.section, ln.header)
		case ln.entry.Key == "include" && ln.entry.Index == "":
			l.include(ln.entry, depth)
		default:
			l.entry(ln.entry)
		}
		if binary && len(l.master.Problems) > before { // one fault says it all
			l.master.Blind = l.master.Blind || f == l.master.Conf
			return false
		}
		return true
	})
}

// hashComment says what FPM says of a line that begins with #.
func (l *loader) hashComment(ln line) {
	if ln.problem != nil {
		l.problem(source.HashComment, ln.hash, "%s", ln.problem.Message)
		return
	}
	l.problem(source.HashComment, ln.hash, "unknown entry '%s'", ln.entry.Key)
}

func (l *loader) php5() bool { return strings.HasPrefix(l.master.Version, "5") }

// section opens a pool, or opens it again: names are compared without case.
func (l *loader) section(name string, span source.Span) {
	l.master.headers = append(l.master.headers, header{name, span})
	l.header = span
	if strings.EqualFold(name, "global") {
		l.pool = nil
		return
	}
	key := strings.ToLower(name)
	p := l.pools[key]
	if p == nil {
		p = &Pool{Name: name, Master: l.master, Header: span, settings: map[string][]*Entry{}}
		l.pools[key] = p
		l.master.Pools = append(l.master.Pools, p)
	}
	p.Headers = append(p.Headers, span)
	l.pool = p
}

func (l *loader) entry(e *Entry) {
	known := globalKeys
	e.Section = "global"
	if l.pool != nil {
		known, e.Section = poolKeys, l.pool.Name
	}
	l.master.Entries = append(l.master.Entries, e)
	if _, pool := poolKeys[e.Key]; pool && l.master.PoolsOnly && l.header.IsZero() {
		l.headless(e)
		return
	}
	k, ok := known[e.Key]
	isArray := k == array || k == flagArray || k == pathList
	bracketed := strings.HasSuffix(e.KeySpan.Text(), "]")
	switch {
	case e.Index != "" && l.pool == nil:
		l.problem(source.Invalid, e.KeySpan, "Array are not allowed in the global section")
	case ok && k == pathList && e.Index != "":
		l.problem(source.Invalid, e.KeySpan, "Keys provided to field '%s' are ignored", e.Key)
	case ok && k == pathList && bracketed && e.Unknown == "" && !strings.HasPrefix(e.Value, "/"):
		l.problem(source.Invalid, e.ValueSpan, "Values provided to field '%s' must begin with '/'", e.Key)
	case ok && k != pathList && bracketed && e.Index == "":
		l.problem(source.Invalid, e.KeySpan, "You must provide a key for field '%s'", e.Key)
	case !ok || bracketed != isArray:
		l.problem(source.Invalid, e.KeySpan, "unknown entry '%s'%s", e.Key, misplaced(e.Key, l.pool))
	case e.Unknown != "":
		l.keep(e, isArray)
	case k == flagArray && bad(k, e.Value) != "":
		l.problem(source.Invalid, e.ValueSpan, "error while parsing '%s[%s]' : %s", e.Key, e.Index, bad(k, e.Value))
	case bad(k, e.Value) != "":
		l.problem(source.Invalid, e.ValueSpan, "%s", unable(e, bad(k, e.Value)))
		e.Unknown = fmt.Sprintf("php-fpm refuses %s = %s", e.Key, e.Value)
		l.keep(e, isArray) // so that it is not missing, too
	case e.Key == "env" && e.Value == "":
		l.problem(source.Invalid, e.KeySpan, "%s", "empty value")
	default:
		l.keep(e, isArray)
	}
}

// headless notes a file of pool settings without a [pool]: deployed, it continues the pool of the
// file that sorts before it, as the official image's www.conf.
func (l *loader) headless(e *Entry) {
	if f := e.KeySpan.File; !l.adrift[f] {
		l.adrift[f] = true
		l.problem(source.Unread, e.KeySpan, "%s stands in no [pool]: it belongs to the pool of the file that PHP-FPM reads before, which is not here", e.Key)
	}
}

func (l *loader) keep(e *Entry, isArray bool) {
	if l.pool != nil && !slices.Contains(l.open, l.header.File) {
		e.Adrift = l.header
	}
	switch {
	case l.pool == nil:
		l.master.globals[e.Key] = append(l.master.globals[e.Key], e)
	case isArray:
		l.pool.arrays = append(l.pool.arrays, e)
	default:
		l.pool.settings[e.Key] = append(l.pool.settings[e.Key], e)
	}
}

// misplaced adds to FPM's bare "unknown entry" where the key would be known, or which one was
// likely meant.
func misplaced(key string, pool *Pool) string {
	here, there, where := globalKeys, poolKeys, "it belongs into a pool, not into [global]"
	if pool != nil {
		here, there, where = poolKeys, globalKeys, "it belongs into [global], not into a pool"
	}
	if _, ok := there[key]; ok {
		return ": " + where
	}
	if near := nearestKey(key, here); near != "" {
		return fmt.Sprintf(": did you mean '%s'?", near)
	}
	return ""
}

// include reads the files that a pattern matches (fpm_conf_ini_parser_include).
func (l *loader) include(e *Entry, depth int) {
	l.master.Entries = append(l.master.Entries, e)
	e.Section = "global"
	if l.pool != nil {
		e.Section = l.pool.Name
	}
	if e.Unknown != "" {
		l.problem(source.Unread, e.ValueSpan, "include = %s: %s", e.Value, e.Unknown)
		return
	}
	if depth+1 >= maxIncludeDepth {
		l.problem(source.Invalid, e.ValueSpan, "failed to include more than %d files recursively", maxIncludeDepth)
		return
	}
	pattern := absolute(l.master.Prefix, e.Value)
	names, err := l.master.Root.Glob(pattern)
	if errors.Is(err, source.ErrTooMany) {
		l.full = true
		l.problem(source.Limit, e.ValueSpan, "the rest is left out: the includes' %v", err)
		return
	}
	at := len(l.master.Includes)
	l.master.Includes = append(l.master.Includes, Include{Entry: e})
	if len(names) == 0 && source.HasMeta(pattern) {
		l.master.Includes[at].Beside = l.beside(pattern)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		l.problem(source.Denied, e.ValueSpan, "include = %s: %v", e.Value, err)
		return
	case err != nil && l.master.Root.Whole():
		l.problem(source.Invalid, e.ValueSpan, "Unable to globalize '%s' (ret=2) from %s at line %d.", pattern, e.ValueSpan.File.Path, e.ValueSpan.Position().Line)
		return
	case err != nil || len(names) == 0 && !l.master.Root.Whole():
		// The snapshot may lack what the server has.
		l.problem(source.Unread, e.ValueSpan, "include = %s matches nothing here", e.Value)
		return
	}
	for _, n := range names {
		if l.full {
			return
		}
		info, err := l.master.Root.Stat(n)
		if err == nil && info.IsDir() {
			continue
		}
		f, err := l.master.Root.Read(n)
		if err != nil {
			l.problem(source.Denied, e.ValueSpan, "include = %s: %v", e.Value, err)
			continue
		}
		l.master.Includes[at].Files = append(l.master.Includes[at].Files, f)
		l.file(f, depth+1)
	}
}

// Includes are the patterns of a main file's includes, absolute.
func Includes(conf *source.File, o Options) []string {
	var out []string
	scan(conf, strings.HasPrefix(o.Version, "5"), func(l line) bool {
		if e := l.entry; e != nil && e.Key == "include" && e.Index == "" && e.Unknown == "" {
			out = append(out, absolute(o.Prefix, e.Value))
		}
		return true
	})
	return out
}

// absolute puts FPM's prefix before the pattern of an include.
func absolute(prefix, pattern string) string {
	if path.IsAbs(pattern) {
		return pattern
	}
	return path.Join("/", prefix, pattern)
}

// beside finds the pools that a pattern without a match may have been meant for.
func (l *loader) beside(pattern string) []*source.File {
	dir, last := path.Split(pattern)
	candidates := l.master.Root.Beside(pattern)
	if own := path.Join(path.Dir(l.master.Conf.Path), path.Base(dir)); own != path.Clean(dir) {
		names, _ := l.master.Root.Glob(path.Join(own, last)) // no directory: no match
		for _, n := range names {
			if f, err := l.master.Root.Read(n); err == nil {
				candidates = append(candidates, f)
			}
		}
	}
	return slices.DeleteFunc(candidates, func(f *source.File) bool { return !Detect(f.Data) })
}

// Listen is the address at which the pool listens, its prefix put before a relative path. The
// address is zero where it is not known (Setting.Unknown says why) or, with an error, none.
func (p *Pool) Listen() (address.Address, Setting, error) {
	s := p.Get("listen")
	if s.IsDefault && p.Master.PoolsOnly {
		s.Unknown = "listen is set in none of the files given"
	}
	if s.Unknown != "" {
		return address.Address{}, s, nil
	}
	prefix := p.Get("prefix")
	dir := p.Master.Prefix
	if !prefix.IsDefault {
		dir = prefix.Text
	}
	if prefix.Unknown != "" && !strings.ContainsAny(s.Text, ":/") {
		s.Unknown = prefix.Unknown
		return address.Address{}, s, nil
	}
	a, err := address.ParseListen(s.Text, dir)
	return a, s, err
}

// nearestKey is the known key that a mistyped one differs little from.
func nearestKey(key string, known map[string]kind) string {
	best, at := "", 3
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if d := distance(key, k, at); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the number of single-byte edits between two words, or limit if it is that or more.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return min(row[len(b)], limit)
}
