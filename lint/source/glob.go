package source

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"syscall"

	"fpmlint/lint/lazy"
)

// HasMeta says whether nginx and FPM treat a path as a pattern.
func HasMeta(p string) bool { return strings.ContainsAny(p, "*?[") }

// maxLooked bounds the names that all patterns of a root look at: a pattern may lead through links to
// its own directory, and thousands of patterns into one large directory. Reading a directory counts
// as readDir of them.
const (
	maxLooked = 2_000_000
	readDir   = 50
)

// Glob returns the paths that match a pattern, by glob(3)'s rules: sorted by bytes, a leading dot
// is matched by a literal dot only, [!a] and [^a] negate. The error says that a directory in the
// pattern's literal part is not there or cannot be read, or is ErrTooMany; without a match the result
// is empty.
func (r *Root) Glob(pattern string) ([]string, error) {
	if len(pattern) > maxPath {
		return nil, &fs.PathError{Op: "glob", Path: pattern, Err: syscall.ENAMETOOLONG}
	}
	pattern = path.Clean("/" + pattern)
	parts := strings.Split(pattern[1:], "/")
	names := []string{"/"}
	for i, part := range parts {
		var next []string
		want := compile(part)
		for _, dir := range names {
			if !HasMeta(part) {
				p := path.Join(dir, part)
				if i == len(parts)-1 && !r.lexists(p) {
					continue
				}
				next = append(next, p)
				continue
			}
			if r.looked.Add(readDir) > maxLooked {
				return nil, ErrTooMany
			}
			entries, err := r.ReadDir(dir)
			r.looked.Add(int64(len(entries)))
			if err != nil {
				if !HasMeta(dir) && len(names) == 1 {
					return nil, err
				}
				continue
			}
			prefix := strings.TrimSuffix(dir, "/") + "/"
			next = slices.Grow(next, len(entries))
			for _, e := range entries {
				if want.match(e.Name()) {
					next = append(next, prefix+e.Name())
				}
			}
		}
		names = next
	}
	sort.Strings(names)
	return names, nil
}

func (r *Root) lexists(p string) bool {
	_, err := r.Lstat(p)
	return err == nil
}

// component is one part of a pattern between slashes.
type component struct {
	dot bool           // it begins with a literal dot
	re  *regexp.Regexp // nil for a * and a suffix, as most are
	// suffix is what stands behind that *.
	suffix string
}

// compile reads a part of a pattern as fnmatch(3) does in the C locale, where each byte is a
// character: nginx and FPM set no other one. A bracket that is not closed stands for itself.
func compile(part string) component {
	if suffix, ok := strings.CutPrefix(part, "*"); ok && !strings.ContainsAny(suffix, `*?[\`) {
		return component{suffix: suffix}
	}
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		switch c := part[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			class, n := bracket(part[i:])
			b.WriteString(class)
			i += n - 1
		case '\\':
			i = min(i+1, len(part)-1)
			b.WriteString(regexp.QuoteMeta(latin1(part[i : i+1])))
		default:
			b.WriteString(regexp.QuoteMeta(latin1(part[i : i+1])))
		}
	}
	re, err := regexp.Compile("(?s)^" + b.String() + "$")
	if err != nil { // a range that runs backwards matches nothing
		re = nothing()
	}
	return component{dot: strings.HasPrefix(part, ".") || strings.HasPrefix(part, `\.`), re: re}
}

var nothing = lazy.Regexp(`[^\x00-\x{10FFFF}]`)

// bracket translates the bracket expression that a text begins with, and says how long it is.
func bracket(text string) (class string, length int) {
	i := 1
	out := "["
	if i < len(text) && (text[i] == '!' || text[i] == '^') {
		out += "^"
		i++
	}
	for first := i; i < len(text); i++ {
		switch c := text[i]; {
		case c == ']' && i > first:
			return out + "]", i + 1
		case c == '[' && strings.HasPrefix(text[i:], "[:") && strings.Contains(text[i:], ":]"):
			n := strings.Index(text[i:], ":]") + 2
			out += text[i : i+n]
			i += n - 1
		case c == '-' && i > first && i+1 < len(text) && text[i+1] != ']':
			out += "-"
		default:
			if c == '\\' && i+1 < len(text) {
				i++
			}
			out += fmt.Sprintf(`\x%02x`, text[i])
		}
	}
	return `\[`, 1
}

// latin1 makes every byte a character.
func latin1(s string) string {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return string(out)
}

func (c component) match(name string) bool {
	switch {
	case !c.dot && strings.HasPrefix(name, "."):
		return false
	case c.re == nil:
		return strings.HasSuffix(name, c.suffix)
	}
	return c.re.MatchString(latin1(name))
}

// maxBeside bounds the files that Beside reads.
const maxBeside = 100

// Beside returns regular files in a pattern's directory that the pattern does not match, hidden
// ones left out. The directory must be literal.
func (r *Root) Beside(pattern string) []*File {
	dir, last := path.Split(path.Clean("/" + pattern))
	entries, err := r.ReadDir(dir)
	if err != nil || HasMeta(dir) {
		return nil
	}
	matching := compile(last)
	var out []*File
	for _, e := range entries[:min(len(entries), maxBeside)] {
		if strings.HasPrefix(e.Name(), ".") || matching.match(e.Name()) {
			continue
		}
		if f, err := r.Read(path.Join(dir, e.Name())); err == nil {
			out = append(out, f)
		}
	}
	return out
}
