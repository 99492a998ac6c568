package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed listen-permissions.md
var listenPermissionsDoc string

// ListenPermissions reports sockets that nginx's user may not connect to.
var ListenPermissions = lint.Rule{
	ID:       "listen-permissions",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "the pool's socket shuts nginx's user out",
	Doc:      listenPermissionsDoc,
	Check:    checkListenPermissions,
}

func checkListenPermissions(p *lint.Pass) {
	fine := map[connection]bool{}
	for _, h := range p.Stack.Handoffs {
		for _, b := range h.Backends {
			if b.Server != nil && b.Server.Down || !b.Address.IsUnix() {
				continue
			}
			for _, m := range b.Pools {
				at := connection{h.Config, m.Pool, b.Address.Path}
				if m.Match == address.Yes && !fine[at] {
					fine[at] = checkSocketAccess(p, h, b, m)
				}
			}
		}
	}
}

// connection is what nginx's permission to connect depends on.
type connection struct {
	config *nginx.Config
	pool   *fpm.Pool
	path   string
}

// checkSocketAccess says whether all is well.
func checkSocketAccess(p *lint.Pass, h *stack.Handoff, b *stack.Backend, m stack.PoolMatch) (fine bool) {
	w, why := nginxWorker(p.Stack, h.Config)
	if why != "" && p.Stack.ImageUsers(h.Config, m.Pool) {
		w, why = worker{user: "nginx", group: "nginx", host: p.Stack.NginxHost}, ""
	}
	if why != "" {
		p.Skip("%s", why)
		return false
	}
	s, why := readSocket(m.Pool)
	if why != "" {
		p.Skip("%s: %s", poolName(m.Pool), why)
		return false
	}
	verdict, why := mayConnect(p.Stack, w, s)
	switch verdict {
	case undecided:
		p.Skip("%s", why)
	case allowed:
		dir, why := closedDirectory(p.Stack, w, b.Address.Path)
		if dir == "" {
			return true
		}
		_, listen, _ := m.Pool.Listen()
		p.Report(lint.Finding{
			Message:  fmt.Sprintf("nginx's user %s may not come to %s of %s: %s", w.user, b.Address, poolName(m.Pool), why),
			Help:     fmt.Sprintf("run chmod o+x %s, and set the mode where the directory is made at boot, such as tmpfiles.d or RuntimeDirectoryMode", dir),
			Span:     listen.Span,
			Handoffs: []*stack.Handoff{h},
			Related:  []source.Related{{Span: h.Pass.Span(), Message: "nginx connects from here"}},
		})
	case denied:
		_, listen, _ := m.Pool.Listen()
		f := lint.Finding{
			Message:  fmt.Sprintf("nginx's user %s may not connect to %s of %s: %s", w.user, b.Address, poolName(m.Pool), why),
			Span:     listen.Span,
			Handoffs: []*stack.Handoff{h},
			Related: []source.Related{
				{Span: h.Pass.Span(), Message: "nginx connects from here"},
			},
		}
		if !w.at.IsZero() {
			f.Related = append(f.Related, source.Related{Span: w.at, Message: "nginx's workers run as " + w.user})
		}
		for _, set := range []struct {
			name string
			span source.Span
		}{{"listen.owner", s.owner.Span}, {"listen.group", s.group.Span}, {"listen.mode", s.mode.Span}} {
			if !set.span.IsZero() {
				f.Related = append(f.Related, source.Related{Span: set.span, Message: set.name + " is set here"})
			}
		}
		if s.mode.IsDefault && agedDefault(p.Stack, m.Pool.Master) {
			f.Severity = lint.Warning
			f.Message += "; before PHP 5.4.28 and 5.5.12, in which that mode is 0666, it could connect"
		}
		mendAccess(p.Stack, &f, w, s)
		p.Report(f)
	}
	return false
}

// agedDefault says whether a PHP may be so old that all may connect to its sockets unless told otherwise
// (CVE-2014-0185). Debian's directories do not tell which PHP 5 it is. The comments of a repository's
// files may, while snapshots hold none.
func agedDefault(st *stack.Stack, m *fpm.Master) bool {
	if m.Version == "" {
		return st.Loose && m.Comments("mode is set to 0666")
	}
	return strings.HasPrefix(m.Version, "5") && m.Version != "5.6"
}

// mendAccess gives the socket to nginx's user, as distributions' packages do.
func mendAccess(st *stack.Stack, f *lint.Finding, w worker, s *socket) {
	pool := s.pool
	if st.Split {
		f.Help = fmt.Sprintf("give the socket an owner or group whose number %s has in nginx's image: names differ between images", w.user)
		return
	}
	if w.at.IsZero() {
		f.Help = fmt.Sprintf("nginx runs as %s because no user directive names another: set user in nginx.conf to the socket's user, or listen.owner = %s in [%s]", w.user, w.user, pool.Name)
		return
	}
	if s.hasACL() {
		f.Help = fmt.Sprintf("add %s to listen.acl_users", w.user)
		if acl := pool.Get("listen.acl_users"); editable(acl.Span.File) && !acl.Span.IsZero() && isPlain(w.user) && isPlain(acl.Text) {
			f.Fix = &lint.Fix{Safe: true, Description: f.Help, Edits: pool.SetEdits("listen.acl_users", acl.Text+","+w.user)}
		}
		return
	}
	f.Help = fmt.Sprintf("set listen.owner = %s and listen.group = %s in [%s]; a reload does not change a socket that exists, a restart does", w.user, w.group, pool.Name)
	if !isPlain(w.user) || !isPlain(w.group) {
		return
	}
	edits := slices.Concat(pool.SetEdits("listen.owner", w.user), pool.SetEdits("listen.group", w.group))
	if s.bits>>6&02 == 0 {
		edits = append(edits, pool.SetEdits("listen.mode", "0660")...)
		f.Help += ", and listen.mode = 0660"
	}
	for _, e := range edits {
		if !editable(e.Span.File) {
			f.Help += generatedNote(e.Span.File)
			return
		}
	}
	if len(edits) > 0 {
		f.Fix = &lint.Fix{Safe: true, Description: fmt.Sprintf("let nginx's user %s connect to the socket of [%s]", w.user, pool.Name), Edits: edits}
	}
}

// editable says whether a file may be edited: a generator's output is not.
func editable(f *source.File) bool { return f != nil && lint.Generated(f) == "" }

// generatedNote says where to change a generated file.
func generatedNote(f *source.File) string {
	if f == nil {
		return ""
	}
	if who := lint.Generated(f); who != "" {
		return "; " + f.Display + " is generated by " + who + ": change it there"
	}
	return ""
}
