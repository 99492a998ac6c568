package rules

import (
	_ "embed"
	"fmt"
	"regexp"
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
	byScope := map[*nginx.Scope]*stack.Handoff{}
	for _, h := range p.Stack.Handoffs {
		byScope[h.Scope] = h
	}
	seen := map[publicPath]bool{}
	for _, h := range p.Stack.Handoffs {
		server := h.Scope.Server()
		if server == nil || restricted(server) {
			continue
		}
		for _, pool := range handoffPools(h) {
			for _, key := range []string{"pm.status_path", "ping.path"} {
				s := pool.Get(key)
				if at := (publicPath{server, pool, key}); !seen[at] && s.Unknown == "" && strings.HasPrefix(s.Text, "/") {
					seen[at] = true
					checkPublicPath(p, at, s, byScope)
				}
			}
		}
	}
}

// checkPublicPath looks at the location that answers for the path: whether it passes to the pool and
// lets everyone in.
func checkPublicPath(p *lint.Pass, at publicPath, s fpm.Setting, byScope map[*nginx.Scope]*stack.Handoff) {
	location := locate(at.server, s.Text)
	h := byScope[location]
	if h == nil || restricted(location) || elsewhere(location) {
		return
	}
	reaches := false
	for _, pool := range handoffPools(h) {
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

// locate is the location of a server that answers for a path, as nginx chooses it
// (ngx_http_core_find_location): an exact one, else the longest prefix where that forbids patterns,
// else the first pattern that matches, else the longest prefix. nil where there is none, where
// locations are nested, and where a pattern is one that cannot be judged.
func locate(server *nginx.Scope, path string) *nginx.Scope {
	var prefix, pattern *nginx.Scope
	longest, final := -1, false
	for _, l := range server.Children {
		if l.Kind != "location" || l.Statement == nil {
			continue
		}
		modifier, text := "", l.Statement.Arg(0)
		if len(l.Statement.Args) > 1 {
			modifier, text = text, l.Statement.Arg(1)
		}
		switch modifier {
		case "=":
			if text == path {
				return l
			}
		case "~", "~*":
			if pattern != nil {
				continue
			}
			flags := ""
			if modifier == "~*" {
				flags = "(?i)"
			}
			re, err := regexp.Compile(flags + text)
			if err != nil {
				return nil
			}
			if re.MatchString(path) {
				pattern = l
			}
		default:
			if strings.HasPrefix(path, text) && len(text) > longest {
				prefix, longest, final = l, len(text), modifier == "^~"
			}
		}
	}
	best := prefix
	if pattern != nil && !final {
		best = pattern
	}
	if best != nil {
		for _, inner := range best.Children {
			if inner.Kind == "location" {
				return nil
			}
		}
	}
	return best
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
