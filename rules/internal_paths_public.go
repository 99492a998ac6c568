package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed internal-paths-public.md
var internalPathsPublicDoc string

// InternalPathsPublic reports pools' status and ping pages that anyone can ask for.
var InternalPathsPublic = lint.Rule{
	ID:       "internal-paths-public",
	Severity: lint.Warning,
	Family:   "requests",
	Summary:  "anyone can read a pool's status page",
	Doc:      internalPathsPublicDoc,
	Check:    checkInternalPathsPublic,
}

// publicPath is a path that a server answers from a pool's own page.
type publicPath struct {
	server *nginx.Scope
	pool   *fpm.Pool
	key    string
}

func checkInternalPathsPublic(p *lint.Pass) {
	seen := map[publicPath]bool{}
	closed := map[*nginx.Scope]bool{}
	patterns := &matchers{}
	for _, h := range p.Stack.Handoffs {
		server := h.Scope.Server()
		if server == nil {
			continue
		}
		if _, known := closed[server]; !known {
			closed[server] = restricted(server)
		}
		if closed[server] {
			continue
		}
		for _, pool := range h.Pools {
			for _, key := range []string{"pm.status_path", "ping.path"} {
				s := pool.Get(key)
				if at := (publicPath{server, pool, key}); !seen[at] && s.Unknown == "" && strings.HasPrefix(s.Text, "/") {
					seen[at] = true
					checkPublicPath(p, patterns, at, s)
				}
			}
		}
	}
}

// checkPublicPath looks at the location that answers for the path: whether it passes to the pool and
// lets everyone in.
func checkPublicPath(p *lint.Pass, patterns *matchers, at publicPath, s fpm.Setting) {
	location, known := patterns.locationFor(at.server, s.Text)
	if !known {
		p.Skip("%s: which location serves %s is not known", at.server.Label(), s.Text)
		return
	}
	h := p.Stack.HandoffAt(location)
	if h == nil || restricted(location) || elsewhere(location) {
		return
	}
	reaches := false
	for _, pool := range h.Pools {
		reaches = reaches || pool == at.pool
	}
	if !reaches {
		return
	}
	f := lint.Finding{
		Message:  fmt.Sprintf("anyone can ask for %s, %s of %s: it shows what the pool does, which scripts run and how to fill it", s.Text, at.key, poolName(at.pool)),
		Help:     "let only the hosts that watch it in: allow 127.0.0.1; deny all;",
		Span:     location.Statement.Span(),
		Handoffs: []*stack.Handoff{h},
		Related:  []source.Related{{Span: s.Span, Message: "the path"}},
	}
	if at.key == "ping.path" {
		f.Severity = lint.Info
		f.Message = fmt.Sprintf("anyone can ask for %s, ping.path of %s: it takes a worker each time", s.Text, poolName(at.pool))
	}
	// A location for more than such pages must stay open.
	if edits := location.SetEdits("allow", "127.0.0.1"); h.Probe && len(location.FindAll("allow")) == 0 && len(edits) == 1 && editable(edits[0].Span.File) {
		deny := location.SetEdits("deny", "all")
		f.Fix = &lint.Fix{Description: "let only this machine ask for " + s.Text, Edits: mergeInserts(append(edits, deny...))}
	}
	p.Report(f)
}

// restricted says whether a level lets not everyone in, as far as that can be read: by address, by
// password, by a certificate, by a condition, or because it is internal or listens on this machine
// only.
func restricted(s *nginx.Scope) bool {
	if denied, _ := s.EffectiveList("deny"); len(denied) > 0 {
		return true
	}
	for _, name := range []string{"auth_basic", "auth_request", "auth_jwt"} {
		if v := s.Effective(name); v.Statement != nil && v.Text != "off" {
			return true
		}
	}
	if v := s.Effective("ssl_verify_client"); v.On() {
		return true
	}
	if s.Find("internal") != nil || s.Find("return") != nil || len(s.Unread) > 0 {
		return true
	}
	for _, c := range s.Children {
		if c.Kind == "if" {
			return true
		}
	}
	return s.Kind == "server" && loopbackOnly(s)
}

// loopbackOnly says whether a server listens on this machine only.
func loopbackOnly(server *nginx.Scope) bool {
	listens := server.FindAll("listen")
	for _, l := range listens {
		text := l.Arg(0)
		if !strings.HasPrefix(text, "127.") && !strings.HasPrefix(text, "localhost") && !strings.HasPrefix(text, "[::1]") && !strings.HasPrefix(text, "unix:") {
			return false
		}
	}
	return len(listens) > 0
}

// elsewhere says whether a location may answer a path that is no file with something else.
func elsewhere(location *nginx.Scope) bool {
	return location.Find("try_files") != nil || location.Find("rewrite") != nil
}
