package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/lazy"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed path-info-exec.md
var pathInfoExecDoc string

// PathInfoExec reports hand-offs for scripts that may not exist.
var PathInfoExec = lint.Rule{
	ID:       "path-info-exec",
	Severity: lint.Warning,
	Family:   "requests",
	Summary:  "paths below a file that is no script reach PHP",
	Doc:      pathInfoExecDoc,
	Check:    checkPathInfoExec,
}

// trick is a path for which PHP looks for the script among the directories before it
// (cgi.fix_pathinfo), and finds the upload.
const trick = "/uploads/photo.jpg/x.php"

func checkPathInfoExec(p *lint.Pass) {
	patterns := &matchers{}
	tests := fileTests{}
	var guarded groups[*fpm.Pool] // the hand-offs to pools that run scripts alone
	for _, h := range p.Stack.Handoffs {
		if !h.PHP || h.Probe || !reachesAny(patterns, tests, h) {
			continue
		}
		pools := h.Pools
		if len(pools) == 0 {
			p.Skip("%s: the pool, whose security.limit_extensions decides, is not known", place(h.Pass.Span()))
			continue
		}
		if extension, at := runsAnything(pools); extension != "" {
			f := lint.Finding{
				Message:  fmt.Sprintf("every path that ends in .php is passed on, and %s: PHP runs an upload when it is asked for as %s", extension, trick),
				Help:     "add try_files $uri =404; to the location, and let security.limit_extensions name .php alone",
				Span:     h.Pass.Span(),
				Handoffs: []*stack.Handoff{h},
				Fix:      tryFilesFix(patterns, p.Stack, h),
			}
			if !at.IsZero() {
				f.Related = []source.Related{{Span: at, Message: "PHP may run these"}}
			}
			p.Report(f)
			continue
		}
		pool := pools[0]
		if !mapsPaths(pool) {
			continue
		}
		f, fresh := guarded.at(pool)
		if fresh {
			f.Finding = lint.Finding{
				Severity: lint.Info,
				Message:  fmt.Sprintf("every path that ends in .php is passed on, whether the script exists or not: only the security.limit_extensions of %s keeps PHP from running an upload as %s", poolName(pool), trick),
				Help:     "add try_files $uri =404; to the location, which also spares PHP requests for scripts that are not there",
				Span:     h.Pass.Span(),
			}
		} else if len(f.Related) < maxRelated {
			f.Related = append(f.Related, source.Related{Span: h.Pass.Span(), Message: "and this one"})
		}
		f.joint.add(tryFilesFix(patterns, p.Stack, h))
		f.Handoffs = append(f.Handoffs, h)
	}
	guarded.report(p)
}

// reachesAny says whether a hand-off takes the path of any script without asking for the file.
func reachesAny(patterns *matchers, tests fileTests, h *stack.Handoff) bool {
	location := locationOf(h)
	if location == nil || !isRegex(location) {
		return false
	}
	if yes, _ := patterns.match(location, trick); !yes {
		return false
	}
	list, _ := h.Scope.EffectiveList("fastcgi_param")
	script := lastParam(list, "SCRIPT_FILENAME")
	if script == nil || !requestsFile(script.Arg(1)) && !captures().MatchString(script.Arg(1)) {
		return false
	}
	for s := location; s != nil && s.Kind != "http"; s = s.Parent { // http has no if, and many servers
		if d := s.Find("try_files"); d != nil && s == location && requestsFile(d.Arg(0)) {
			return false
		}
		if tests.on(s) {
			return false
		}
	}
	return true
}

// fileTests says on which levels an if asks for a file.
type fileTests map[*nginx.Scope]bool

func (t fileTests) on(level *nginx.Scope) bool {
	found, known := t[level]
	if !known {
		found = slices.ContainsFunc(level.Children, func(c *nginx.Scope) bool {
			return c.Kind == "if" && fileTest().MatchString(strings.Join(c.Statement.Values(), " "))
		})
		t[level] = found
	}
	return found
}

var (
	captures = lazy.Regexp(`\$\{?[1-9]`)
	fileTest = lazy.Regexp(`(^|[( !])-[fe] `)
)

// locationOf is the location around a hand-off.
func locationOf(h *stack.Handoff) *nginx.Scope {
	s := h.Scope
	for s != nil && s.Kind != "location" {
		s = s.Parent
	}
	return s
}

// scriptExtension matches the extensions that only scripts have.
var scriptExtension = lazy.Regexp(`^\.(php[0-9]*|phar|phtml|inc)$`)

// runsAnything says which files beside scripts a pool lets PHP run, and where that is set.
func runsAnything(pools []*fpm.Pool) (what string, at source.Span) {
	for _, pool := range pools {
		limit := pool.Get("security.limit_extensions")
		if limit.Unknown != "" || !mapsPaths(pool) {
			continue
		}
		words := strings.Fields(limit.Text)
		if len(words) == 0 {
			return fmt.Sprintf("the empty security.limit_extensions of %s allows every file", poolName(pool)), limit.Span
		}
		for _, w := range words {
			if !scriptExtension().MatchString(w) {
				return fmt.Sprintf("the security.limit_extensions of %s allows %s", poolName(pool), w), limit.Span
			}
		}
	}
	return "", source.Span{}
}

// mapsPaths says whether PHP looks for a script in front of the path's end: cgi.fix_pathinfo, which
// is on unless it is turned off; a php.ini that is not there counts as PHP's own.
func mapsPaths(pool *fpm.Pool) bool {
	s := pool.Ini("cgi.fix_pathinfo")
	switch strings.ToLower(strings.TrimSpace(s.Text)) {
	case "0", "off", "no", "false":
		return false
	}
	return true
}

// tryFilesFix asks for the file before the hand-off, where nginx looks for it in the same place as
// PHP does.
func tryFilesFix(patterns *matchers, s *stack.Stack, h *stack.Handoff) *lint.Fix {
	list, _ := h.Scope.EffectiveList("fastcgi_param")
	switch lastParam(list, "SCRIPT_FILENAME").Arg(1) {
	case "$document_root$fastcgi_script_name", "$document_root/$fastcgi_script_name", "$realpath_root$fastcgi_script_name", "$request_filename":
	default:
		return nil
	}
	if h.Scope.Kind != "location" || h.Scope.Find("try_files") != nil || h.Scope.Find("alias") != nil {
		return nil
	}
	name, safe := "$uri", !s.Split
	for _, b := range h.Backends {
		safe = safe && b.Err == nil && (b.Address.IsUnix() || b.Address.IsLoopback())
	}
	if below, _ := patterns.match(h.Scope, "/index.php/a"); below || hasParam(list, "PATH_INFO") || !h.Scope.Effective("fastcgi_split_path_info").IsDefault {
		// try_files loses $fastcgi_path_info, which the application may need.
		name, safe = "$fastcgi_script_name", false
	}
	edits := h.Scope.InsertBefore(h.Pass, "try_files "+name+" =404;")
	if !allEditable(edits) {
		return nil
	}
	return &lint.Fix{Safe: safe, Description: "pass only scripts that exist", Edits: edits}
}
