package nginx

import (
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// Kind is what a file is, by its content.
type Kind int

// The kinds of file.
const (
	// KindNone is a file that is not nginx's, or that could be anything.
	KindNone Kind = iota
	// KindEntry is a main file: it has an http, events or stream block.
	KindEntry
	// KindHTTP is a site: server, upstream or map blocks.
	KindHTTP
	// KindServer is a fragment for inside a server: locations.
	KindServer
	// KindLocation is a fragment for inside a location: a fastcgi_pass.
	KindLocation
)

// Detect tells nginx files from others by the statements at their top level. A file in which
// a fault stands before the first telling statement is none.
func Detect(data []byte) Kind {
	f := &File{Source: &source.File{Data: data}}
	f.scan()
	statements := f.Statements
	best := KindNone
	for _, s := range statements {
		kind := KindNone
		switch {
		case s.IsBlock() && len(s.Args) == 0 && (s.Name == "http" || s.Name == "events" || s.Name == "stream"):
			return KindEntry
		case s.IsBlock() && s.Name == "server" && len(s.Args) == 0 && directives(s),
			s.IsBlock() && s.Name == "upstream" && len(s.Args) == 1 && !assigns(s),
			s.IsBlock() && s.Name == "map" && len(s.Args) == 2,
			s.IsBlock() && s.Name == "geo" && len(s.Args) >= 1:
			kind = KindHTTP
		case s.IsBlock() && s.Name == "location" && len(s.Args) >= 1:
			kind = KindServer
		case !s.IsBlock() && (s.Name == "fastcgi_pass" || s.Name == "proxy_pass") && len(s.Args) == 1:
			kind = KindLocation
		}
		if kind != KindNone && (best == KindNone || kind < best) {
			best = kind
		}
	}
	return best
}

// assigns says whether a block holds assignments, as other programs' blocks called upstream do.
func assigns(s *Statement) bool {
	for _, d := range s.Block {
		if d.Arg(0) == "=" {
			return true
		}
	}
	return false
}

// Upstreams are the names of the upstream blocks at a fragment's top level.
func Upstreams(data []byte) []string {
	f := &File{Source: &source.File{Data: data}}
	f.scan()
	statements := f.Statements
	var names []string
	for _, s := range statements {
		if s.IsBlock() && s.Name == "upstream" && len(s.Args) == 1 {
			names = append(names, s.Arg(0))
		}
	}
	return names
}

// directives says whether a block holds what a server block of nginx holds: other languages have
// blocks called server too.
func directives(s *Statement) bool {
	for _, d := range s.Block {
		switch d.Name {
		case "listen", "server_name", "location", "root", "return", "include", "index", "error_page", "rewrite":
			return true
		}
	}
	return false
}

// families are how the names of nginx's own directives begin, as far as they are not in check's
// tables.
var families = []string{
	"fastcgi_", "proxy_", "uwsgi_", "scgi_", "ssl_", "gzip", "brotli", "add_header", "more_set_headers", "expires", "allow", "deny",
	"client_", "server_", "limit_", "send", "tcp_", "keepalive", "log_", "http2", "open_file_cache", "worker_", "pid", "types_",
	"auth_", "etag", "charset", "load_module", "default_type", "reset_", "real_ip_", "set_real_ip_from", "if_modified_since",
}

var directiveName = lazy.Regexp(`^[a-z][a-z0-9_]*$`)

// Plausible says whether a file that somebody calls nginx's may be a list of directives for inside
// a block, such as fastcgi_params: it has no fault, and some of its directives are nginx's own.
func Plausible(data []byte) bool {
	f := &File{Source: &source.File{Data: data}}
	f.scan()
	if len(f.Problems) > 0 {
		return false
	}
	found := false
	for _, s := range f.Statements {
		if !directiveName().MatchString(s.Name) {
			return false
		}
		found = found || s.is(simple|block)
		for _, f := range families {
			found = found || strings.HasPrefix(s.Name, f)
		}
	}
	return found
}
