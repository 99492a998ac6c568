package stack

import (
	"errors"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/nginx"
)

// ErrPrefix says that a proxy_pass has no scheme; the words are nginx's (ngx_http_proxy_pass).
var ErrPrefix = errors.New("invalid URL prefix")

// Module is the prefix of the directives that rule a hand-off: "fastcgi" or "proxy".
func (h *Handoff) Module() string {
	module, _, _ := strings.Cut(h.Pass.Name, "_")
	return module
}

// All are the hand-offs to FastCGI and to HTTP servers.
func (s *Stack) All(yield func(*Handoff) bool) {
	for _, list := range [][]*Handoff{s.Handoffs, s.Proxied} {
		for _, h := range list {
			if !yield(h) {
				return
			}
		}
	}
}

// inHTTP says whether a scope belongs to http: the stream module has a proxy_pass too.
func inHTTP(s *nginx.Scope) bool {
	for at := s; at != nil; at = at.Parent {
		if at.Kind == "http" {
			return true
		}
	}
	return false
}

// pathVariable matches variables that begin with a slash, and so end a host and port before them.
var pathVariable = lazy.Regexp(`\$\{?(request_uri|uri|document_uri|fastcgi_script_name)\b`)

// proxied finds the addresses of a proxy_pass (ngx_http_proxy_pass, ngx_http_proxy_eval).
func (j *joiner) proxied(h *Handoff) {
	text, span := h.Pass.Arg(0), h.Pass.ArgSpan(0)
	values := []nginx.Constant{{Text: text, Span: span}}
	if strings.Contains(text, "$") {
		// What follows the host and port does not matter.
		if scheme, authority, ok := splitURL(text); ok {
			if at := pathVariable().FindStringIndex(authority); at != nil {
				authority = authority[:at[0]]
			}
			text = scheme + "://" + authority
		}
		values, h.Unknown = h.Scope.Values(text, span)
	}
	for _, v := range values {
		scheme, authority, ok := splitURL(v.Text)
		if !ok {
			h.Backends = append(h.Backends, &Backend{Text: v.Text, Span: v.Span, Err: ErrPrefix})
			continue
		}
		port := 80
		if scheme == "https" {
			port = 443
		}
		for _, b := range j.resolve(h.Config, authority, v.Span) {
			b.takePort(port)
			if b.Err == nil {
				j.find(b)
			}
			h.Backends = append(h.Backends, b)
			if j.count(b); j.full() {
				return
			}
		}
	}
}

// splitURL splits off the scheme, and the URI behind the host and port or the socket.
func splitURL(text string) (scheme, authority string, ok bool) {
	scheme, rest, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return "", "", false
	}
	if len(rest) >= 5 && strings.EqualFold(rest[:5], "unix:") {
		path, _, _ := strings.Cut(rest[5:], ":")
		return scheme, "unix:" + path, true
	}
	ends := "/?"
	if strings.HasPrefix(rest, "[") {
		ends = "/" // ngx_parse_inet6_url
	}
	if i := strings.IndexAny(rest, ends); i >= 0 {
		rest = rest[:i]
	}
	return scheme, rest, true
}
