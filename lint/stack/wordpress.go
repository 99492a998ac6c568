package stack

import (
	"path"
	"strings"

	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// WPConfig is the wp-config.php of the WordPress below a server block's document root, or in the
// directory above it, where WordPress looks too; nil where there is none to be read. Only servers
// with a hand-off are known.
func (s *Stack) WPConfig(server *nginx.Scope) *source.File {
	s.wpOnce.Do(s.findWordPress)
	return s.wpConfigs[server]
}

func (s *Stack) findWordPress() {
	s.wpConfigs = map[*nginx.Scope]*source.File{}
	type placeIn struct {
		root *source.Root
		dir  string
	}
	known := map[placeIn]bool{}
	for _, h := range s.Handoffs {
		server := h.Scope.Server()
		if server == nil || s.wpConfigs[server] != nil {
			continue
		}
		dir := h.Scope.Effective("root").Text
		if !path.IsAbs(dir) || strings.Contains(dir, "$") {
			continue
		}
		root := h.Config.Root
		dir = path.Clean(dir)
		above := path.Dir(dir)
		// The roots of thousands of sites stand below one directory, which a repository lacks.
		place := placeIn{root, path.Dir(above)}
		there, have := known[place]
		if !have {
			there = root.Exists(place.dir)
			known[place] = there
		}
		if !there || !root.Exists(dir) && !root.Exists(above) {
			continue
		}
		for _, p := range []string{path.Join(dir, "wp-config.php"), path.Join(above, "wp-config.php")} {
			if f, err := root.Read(p); err == nil {
				s.wpConfigs[server] = f
				break
			}
		}
	}
}
