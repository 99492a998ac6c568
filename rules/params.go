package rules

import (
	"path"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// hasParam looks from both ends: the parameters that matter stand first or last.
func hasParam(list []*nginx.Statement, name string) bool {
	for i, d := range list {
		if d.Arg(0) == name || list[len(list)-1-i].Arg(0) == name {
			return true
		}
	}
	return false
}

// lastParam is the line that counts where a parameter is set more than once: nginx sends all of
// them, and PHP keeps the last.
func lastParam(list []*nginx.Statement, name string) *nginx.Statement {
	for _, d := range slices.Backward(list) {
		if d.Arg(0) == name {
			return d
		}
	}
	return nil
}

// addParams are the edits that bring lines of parameters into effect for a hand-off whose list
// stands at the level at, nil where there is none. They go to that very level: on an inner one they
// would replace the list.
func addParams(h *stack.Handoff, at *nginx.Scope, lines ...string) []source.Edit {
	target, before := h.Scope, h.Pass
	for target.Kind == "if" || target.Kind == "limit_except" { // parameters are not allowed there
		target, before = target.Parent, target.Statement
	}
	if at != nil && at != target {
		target, before = at, ownParams(at)
	}
	if before == nil {
		return nil
	}
	return target.InsertBefore(before, strings.Join(lines, "\n"))
}

// ownParams is the first statement in a block's own text that sets parameters or includes them.
func ownParams(s *nginx.Scope) *nginx.Statement {
	if s.Statement == nil {
		return nil
	}
	for _, d := range s.Statement.Block {
		if d.Name == "fastcgi_param" || d.Name == "include" && strings.Contains(path.Base(d.Arg(0)), "fastcgi") {
			return d
		}
	}
	return nil
}

// unreadAround names an include around the hand-off that was not read and may set its parameters.
// fastcgi_params is known not to set SCRIPT_FILENAME where nginx.org or a current distribution
// ships it, but only its owner knows which one it is, unless it is that of nginx's own image.
func unreadAround(p *lint.Pass, h *stack.Handoff) string {
	for s := h.Scope; s != nil; s = s.Parent {
		image := false
		for _, inc := range s.Unread {
			if !p.Stack.ImageParams(inc) {
				return path.Base(inc.Arg(0))
			}
			image = true
		}
		if image || len(s.FindAll("fastcgi_param")) > 0 {
			return "" // what the blocks around set does not reach here
		}
	}
	return ""
}

// imageParamsAt is the level at which fastcgi_params of nginx's own image, which was not read, sets the
// parameters in effect; nil where it does not.
func imageParamsAt(p *lint.Pass, h *stack.Handoff) *nginx.Scope {
	for s := h.Scope; s != nil; s = s.Parent {
		if slices.ContainsFunc(s.Unread, p.Stack.ImageParams) {
			return s
		}
		if len(s.FindAll("fastcgi_param")) > 0 {
			return nil
		}
	}
	return nil
}

// isStandardParams says whether a parameter stands in one of the files that come with nginx.
func isStandardParams(d *nginx.Statement) bool {
	switch path.Base(d.Src.Path) {
	case "fastcgi.conf", "fastcgi_params":
		return true
	}
	return false
}
