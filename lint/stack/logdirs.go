package stack

import (
	"path"

	"fpmlint/lint/fpm"
)

// findLogDirs looks for the directories that pools' slow logs are in, or would be: beside the
// master's error log.
func (s *Stack) findLogDirs() {
	s.LogDirs = map[*fpm.Pool]string{}
	for _, p := range s.Pools() {
		name := p.Get("slowlog")
		if name.Text == "" {
			name = p.Master.Global("error_log")
		}
		dir := path.Dir(name.Text)
		if name.Unknown != "" || !path.IsAbs(dir) || dir == "/dev" {
			continue
		}
		if info, err := p.Master.Root.Stat(dir); err == nil && info.IsDir() {
			s.LogDirs[p] = dir
		}
	}
}
