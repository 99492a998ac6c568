package stack

import (
	"path"
	"strings"

	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
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

// MissingLog is a log whose directory is not there.
type MissingLog struct {
	Master  *fpm.Master
	Setting fpm.Setting
	Dir     string
}

// findMissingLogs looks for the directories of all logs that PHP-FPM opens when it starts.
func (s *Stack) findMissingLogs(missing func(root *source.Root, dir string) bool) {
	s.MissingLogs = nil
	look := func(m *fpm.Master, log fpm.Setting) {
		dir := path.Dir(log.Text)
		if log.Unknown == "" && !log.Span.IsZero() && path.IsAbs(dir) && !strings.HasPrefix(dir, "/proc/") && missing(m.Root, dir) && !madeAtStart(dir) {
			s.MissingLogs = append(s.MissingLogs, MissingLog{m, log, dir})
		}
	}
	for _, m := range s.Masters {
		look(m, m.Global("error_log"))
		for _, p := range m.Pools {
			if n, ok := p.Seconds("request_slowlog_timeout"); !ok || n > 0 { // else it opens none
				look(m, p.Get("slowlog"))
			}
			look(m, p.Get("access.log"))
		}
	}
}
