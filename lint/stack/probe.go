package stack

import "strings"

// isProbe says whether a hand-off serves only a pool's status or ping page, as far as its
// location's pattern shows. Such pages answer at once and need no script.
func isProbe(h *Handoff) bool {
	if h.Scope.Statement == nil || h.Scope.Kind != "location" {
		return false
	}
	pattern := h.Scope.Statement.Arg(len(h.Scope.Statement.Args) - 1)
	for _, b := range h.Backends {
		for _, m := range b.Pools {
			for _, key := range []string{"pm.status_path", "ping.path"} {
				if s := m.Pool.Get(key); s.Text != "" && strings.Contains(pattern, strings.TrimPrefix(s.Text, "/")) {
					return true
				}
			}
		}
	}
	if strings.Contains(pattern, ".php") {
		return false
	}
	words := strings.FieldsFunc(strings.ToLower(pattern), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, w := range words {
		if w == "status" || w == "ping" || w == "healthcheck" || w == "healthz" || w == "health" || w == "fpmstatus" {
			return true
		}
	}
	return false
}
