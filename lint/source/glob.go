package source

import (
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// HasMeta says whether nginx and FPM treat a path as a pattern.
func HasMeta(p string) bool { return strings.ContainsAny(p, "*?[") }

// Glob returns the paths that match a pattern, by glob(3)'s rules: sorted by bytes, a leading dot
// is matched by a literal dot only, [!a] and [^a] negate. The error says that a directory in the
// pattern's literal part is not there or cannot be read; without a match the result is empty.
func (r *Root) Glob(pattern string) ([]string, error) {
	pattern = path.Clean("/" + pattern)
	parts := strings.Split(pattern[1:], "/")
	names := []string{"/"}
	for i, part := range parts {
		var next []string
		for _, dir := range names {
			if !HasMeta(part) {
				p := path.Join(dir, part)
				if i == len(parts)-1 && !r.lexists(p) {
					continue
				}
				next = append(next, p)
				continue
			}
			entries, err := r.ReadDir(dir)
			if err != nil {
				if !HasMeta(dir) && len(names) == 1 {
					return nil, err
				}
				continue
			}
			prefix := strings.TrimSuffix(dir, "/") + "/"
			matches := component(part)
			next = slices.Grow(next, len(entries))
			for _, e := range entries {
				if matches(e.Name()) {
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

// component matches one path component. doublestar knows ** and {a,b}, glob(3) does not: inside
// one component ** is *, and braces are escaped.
func component(pattern string) func(name string) bool {
	hidden := strings.HasPrefix(pattern, ".") || strings.HasPrefix(pattern, `\.`)
	if pattern == "*" {
		return func(name string) bool { return !strings.HasPrefix(name, ".") }
	}
	pattern = strings.NewReplacer("{", `\{`, "}", `\}`).Replace(pattern)
	return func(name string) bool {
		if strings.HasPrefix(name, ".") && !hidden {
			return false
		}
		ok, err := doublestar.Match(pattern, name)
		return err == nil && ok
	}
}
