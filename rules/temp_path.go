package rules

import (
	_ "embed"
	"fmt"
	"path"

	"fpmlint/lint"
	"fpmlint/lint/host"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed temp-path.md
var tempPathDoc string

// TempPath reports directories in which nginx cannot buffer PHP's large responses.
var TempPath = lint.Rule{
	ID:       "temp-path",
	Severity: lint.Error,
	Family:   "buffers",
	Summary:  "nginx cannot write its buffered responses to fastcgi_temp_path",
	Doc:      tempPathDoc,
	Check:    checkTempPath,
}

func checkTempPath(p *lint.Pass) {
	e := p.Stack.NginxHost.Evidence
	if e == nil || p.Stack.Split {
		return
	}
	type key struct {
		config *nginx.Config
		dir    string
	}
	verdicts := map[key]string{}
	first := map[key]source.Span{} // all hand-offs with a directory that no directive sets make one finding
	for _, h := range p.Stack.Handoffs {
		size, err := h.Scope.Effective("fastcgi_max_temp_file_size").Size()
		if !h.Scope.Effective("fastcgi_buffering").On() || err == nil && size == 0 {
			continue // never writes there
		}
		dir, at := tempDir(h, e)
		if dir == "" {
			continue
		}
		k := key{h.Config, dir}
		why, judged := verdicts[k]
		if !judged {
			var unknown string
			why, unknown = unwritable(p.Stack, h.Config, e, dir)
			if verdicts[k] = why; unknown != "" {
				p.Skip("%s: %s", dir, unknown)
			}
		}
		if why == "" {
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("nginx cannot write to %s: %s; a response larger than the buffers ends in 500 or is cut off", dir, why),
			Help:     "make it nginx's: " + remedy(p.Stack, h.Config, dir),
			Span:     at,
			Handoffs: []*stack.Handoff{h},
		}
		if at.IsZero() {
			if first[k].IsZero() {
				first[k] = h.Pass.Span()
			}
			f.Span = first[k]
		} else {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "buffered for this"}}
		}
		p.Report(f)
	}
}

func remedy(s *stack.Stack, c *nginx.Config, dir string) string {
	w, _ := nginxWorker(s, c)
	return fmt.Sprintf("chown -R %s '%s', and let it search the directories above", w.user, dir)
}

// tempDir is where a hand-off's responses are buffered: as set, else the only one of the known
// builds' directories that is there.
func tempDir(h *stack.Handoff, e *host.Evidence) (dir string, at source.Span) {
	if v := h.Scope.Effective("fastcgi_temp_path"); v.Statement != nil {
		if dir := path.Clean(v.Statement.Arg(0)); path.IsAbs(dir) {
			return dir, v.Span
		}
		return "", source.Span{}
	}
	for _, known := range stack.TempPaths {
		if e.Paths[known].Kind == host.KindDir {
			if dir != "" {
				return "", source.Span{}
			}
			dir = known
		}
	}
	return dir, source.Span{}
}

// unwritable says why nginx's workers cannot make files in a directory. Each start and reload
// gives the directory to nginx's user, but not those that older workers made in it
// (ngx_create_paths).
func unwritable(s *stack.Stack, c *nginx.Config, e *host.Evidence, dir string) (why, unknown string) {
	leaf := e.Paths[dir]
	if leaf.Kind != host.KindDir {
		return "", "" // made at the next start
	}
	if leaf.ReadOnly {
		return "its file system is read-only", ""
	}
	if leaf.Size > 0 && leaf.Free == 0 {
		return "its file system is full", ""
	}
	w, unknown := nginxWorker(s, c)
	if unknown != "" || w.user == "root" {
		return "", unknown
	}
	uid, gids, ok := w.host.GroupsOf(w.user, w.group)
	if !ok {
		return "", fmt.Sprintf("the groups of nginx's user %s are not known", w.user)
	}
	if !workersRunAs(e, c, uid) {
		return "", fmt.Sprintf("nginx does not run as %s now", w.user)
	}
	const search, write = 01, 03
	for above := path.Dir(dir); ; above = path.Dir(above) {
		if why, unknown := denies(e.Paths, above, uid, gids, search); why != "" || unknown != "" {
			return why, unknown
		}
		if above == "/" {
			break
		}
	}
	if why, unknown := denies(e.Paths, dir, uid, gids, write); why != "" || unknown != "" {
		return why, unknown
	}
	for digit := range 10 {
		sub := fmt.Sprintf("%s/%d", dir, digit)
		if e.Paths[sub].Kind == host.KindDir {
			if why, unknown := denies(e.Paths, sub, uid, gids, write); why != "" || unknown != "" {
				return why, unknown
			}
		}
	}
	return "", ""
}

// workersRunAs says whether all of nginx's workers run as a user now. Those of another nginx, which runs
// with a main file of its own, say nothing.
func workersRunAs(e *host.Evidence, c *nginx.Config, uid int) bool {
	n := 0
	for _, p := range e.Processes {
		if p.Program == "nginx" && !p.Master && (p.Conf == "" || p.Conf == c.Conf.Path) {
			if p.UID != uid {
				return false
			}
			n++
		}
	}
	return n > 0
}

// denies says why a user lacks the permissions on a directory.
func denies(paths map[string]host.Path, dir string, uid int, gids map[int]bool, want uint32) (why, unknown string) {
	d, ok := paths[dir]
	if !ok || d.Kind != host.KindDir {
		return "", dir + " could not be looked at"
	}
	bits := d.Mode
	switch {
	case d.UID == uid:
		bits >>= 6
	case d.ACL:
		return "", dir + " has an access list"
	case gids[d.GID]:
		bits >>= 3
	}
	if bits&want == want {
		return "", ""
	}
	return fmt.Sprintf("%s belongs to %d:%d with mode %04o, and nginx runs as %d", dir, d.UID, d.GID, d.Mode, uid), ""
}
