package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed socket-world-writable.md
var socketWorldWritableDoc string

// SocketWorldWritable reports sockets that every local user can write to.
var SocketWorldWritable = lint.Rule{
	ID:       "socket-world-writable",
	Severity: lint.Warning,
	Family:   "exposure",
	Summary:  "every local user can run code as the pool's user",
	Doc:      socketWorldWritableDoc,
	Check:    checkSocketWorldWritable,
}

func checkSocketWorldWritable(p *lint.Pass) {
	ways := waysTo(p.Stack)
	for _, pool := range servingPools(p.Stack) {
		addr, listen, err := pool.Listen()
		if listen.Unknown != "" {
			p.Skip("%s: %s", poolName(pool), listen.Unknown)
			continue
		}
		if err != nil || !addr.IsUnix() {
			continue
		}
		s, why := readSocket(pool)
		if why != "" {
			p.Skip("%s: %s", poolName(pool), why)
			continue
		}
		if s.bits&02 == 0 || s.mode.Span.IsZero() {
			continue
		}
		f := lint.Finding{
			Message: fmt.Sprintf("listen.mode %s lets every local user connect to %s and run code as %s", s.mode.Text, addr, runsAs(pool)),
			Help:    "set listen.mode = 0660, with listen.owner or listen.group nginx's",
			Span:    s.mode.Span,
			Related: []source.Related{{Span: listen.Span, Message: "the socket"}},
		}
		if p.Stack.Split || p.Stack.Loose && p.Stack.Image {
			// Users' numbers differ between images, so sharing a socket may leave no other way.
			f.Severity = lint.Info
		}
		if editable(s.mode.Span.File) {
			f.Fix = &lint.Fix{
				Safe:        narrowingIsSafe(p.Stack, s, ways[pool]),
				Description: fmt.Sprintf("listen.mode = 0660 in [%s]", pool.Name),
				Edits:       pool.SetEdits("listen.mode", "0660"),
			}
		}
		p.Report(f)
	}
}

func runsAs(pool *fpm.Pool) string {
	if u := pool.Get("user"); u.Unknown == "" && u.Text != "" {
		return u.Text
	}
	return "the pool's user"
}

// narrowingIsSafe says whether every nginx that passes to the pool still gets in with mode 0660.
func narrowingIsSafe(st *stack.Stack, s *socket, ways []way) bool {
	narrow := *s
	narrow.bits = 0660
	judged := map[*nginx.Config]bool{}
	for _, to := range ways {
		if judged[to.handoff.Config] {
			continue
		}
		judged[to.handoff.Config] = true
		w, why := nginxWorker(st, to.handoff.Config)
		if why != "" {
			return false
		}
		if verdict, _ := mayConnect(st, w, &narrow); verdict != allowed {
			return false
		}
	}
	return len(ways) > 0 && !st.Split
}
