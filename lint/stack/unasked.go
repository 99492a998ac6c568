package stack

import (
	"slices"
	"strings"

	"fpmlint/lint/nginx"
)

// Unasked says why nginx passes no request to a hand-off, "" where it may.
func (s *Stack) Unasked(h *Handoff) string {
	server := h.Scope.Server()
	if server == nil {
		return ""
	}
	if s.ignored[server] {
		return "nginx passes no request to this server: another one has its names"
	}
	for at := h.Scope; at != nil && at != server; at = at.Parent {
		if at.Kind != "location" {
			continue
		}
		if isNamed(at) { // error_page and try_files lead here past what the server says
			return ""
		}
		if s.shadowed(at) {
			return "nginx passes no request to this location: the one before it has its regular expression"
		}
		if at.Parent == server && returnsFirst(server) {
			return "nginx passes no request on here: the server answers by its return"
		}
	}
	if h.Scope.Kind == "location" && returnsFirst(h.Scope) {
		return "nginx passes no request on here: the location answers by its return"
	}
	return ""
}

func isNamed(location *nginx.Scope) bool {
	return location.Statement != nil && strings.HasPrefix(location.Statement.Arg(0), "@")
}

// shadowed says whether a location's regular expression stands in an earlier one beside it, which nginx
// tries first (ngx_http_core_find_location). Which of two machines' files is read is not known.
func (s *Stack) shadowed(location *nginx.Scope) bool {
	pattern, folded, ok := expression(location)
	if !ok || location.Parent == nil {
		return false
	}
	for _, other := range location.Parent.Children {
		if other == location {
			break
		}
		if text, fold, ok := expression(other); ok && text == pattern && (fold || !folded) && s.OneServers(location.Server(), other.Statement.Span(), location.Statement.Span()) {
			return true
		}
	}
	return false
}

// expression is the regular expression of a location; folded says that it takes both cases.
func expression(location *nginx.Scope) (text string, folded, ok bool) {
	if location.Kind != "location" || location.Statement == nil || len(location.Statement.Args) != 2 {
		return "", false, false
	}
	switch location.Statement.Arg(0) {
	case "~":
		return location.Statement.Arg(1), false, true
	case "~*":
		return location.Statement.Arg(1), true, true
	}
	return "", false, false
}

// returnsFirst says whether a block answers each request by return before a location is looked for, or
// before what its location passes on: nothing beside it may lead away from there.
func returnsFirst(block *nginx.Scope) bool {
	if block.Find("return") == nil || block.Find("rewrite") != nil || block.Find("break") != nil || len(block.Unread) > 0 {
		return false
	}
	return !slices.ContainsFunc(block.Children, func(child *nginx.Scope) bool {
		return child.Kind == "if" && (child.Find("return") == nil || child.Find("rewrite") != nil || child.Find("break") != nil) ||
			strings.Contains(child.Kind, "_by_lua")
	})
}
