package stack

import (
	"path"
	"strings"

	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// compatible parts fragments of nginx that cannot be of one server, as they define an upstream of
// the same name, by their directories, and in one directory file by file. Where no name is defined
// twice they stay together.
func compatible(root *source.Root, paths []string) ([][]string, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	upstreams := map[string][]string{}
	for _, p := range paths {
		f, err := root.Read(p)
		if err != nil {
			return nil, err
		}
		upstreams[p] = nginx.Upstreams(f.Data)
	}
	var groups [][]string
	var split func(paths []string, depth int)
	split = func(paths []string, depth int) {
		if len(paths) < 2 || !clash(paths, upstreams) {
			groups = append(groups, paths)
			return
		}
		parts, order, deeper := map[string][]string{}, []string{}, false
		for _, p := range paths {
			names := strings.Split(path.Dir(p), "/")
			key := strings.Join(names[:min(len(names), depth+1)], "/")
			deeper = deeper || len(names) > depth
			if parts[key] == nil {
				order = append(order, key)
			}
			parts[key] = append(parts[key], p)
		}
		if !deeper { // all in one directory
			for _, p := range paths {
				groups = append(groups, []string{p})
			}
			return
		}
		for _, key := range order {
			split(parts[key], depth+1)
		}
	}
	split(paths, 1)
	return groups, nil
}

// clash says whether two files define an upstream of the same name.
func clash(paths []string, upstreams map[string][]string) bool {
	by := map[string]string{}
	for _, p := range paths {
		for _, name := range upstreams[p] {
			if have, ok := by[name]; ok && have != p {
				return true
			}
			by[name] = p
		}
	}
	return false
}
