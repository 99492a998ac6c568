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
		if !root.Exists(dir) && !root.Exists(path.Dir(path.Clean(dir))) {
			continue
		}
		for _, p := range []string{path.Join(dir, "wp-config.php"), path.Join(path.Dir(path.Clean(dir)), "wp-config.php")} {
			if f, err := root.Read(p); err == nil {
				s.wpConfigs[server] = f
				break
			}
		}
	}
}
