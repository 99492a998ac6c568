package nginx

import (
	"fmt"
	"strings"

	"fpmlint/lint/source"
)

// blocks and simples are directives of stock nginx that matter to a hand-off, by whether they
// have a body. Others may belong to any module and are left alone.
var (
	blocks  = set("http", "events", "server", "location", "if", "limit_except", "upstream", "map", "geo", "split_clients", "types")
	simples = set("listen", "server_name", "root", "alias", "index", "include", "user", "worker_processes", "error_log", "access_log",
		"server_tokens", "sendfile", "keepalive_timeout", "client_max_body_size", "try_files", "error_page", "return", "rewrite",
		"set", "resolver", "log_format", "gzip", "fastcgi_pass", "fastcgi_param", "fastcgi_index", "fastcgi_split_path_info", "proxy_pass", "proxy_set_header",
		"fastcgi_read_timeout", "fastcgi_send_timeout", "fastcgi_connect_timeout", "fastcgi_buffers", "fastcgi_buffer_size", "fastcgi_keep_conn", "keepalive")
	times = set("fastcgi_read_timeout", "fastcgi_send_timeout", "fastcgi_connect_timeout", "proxy_read_timeout", "proxy_send_timeout",
		"proxy_connect_timeout", "client_body_timeout", "client_header_timeout", "send_timeout")
	sizes = set("fastcgi_buffer_size", "fastcgi_busy_buffers_size", "fastcgi_temp_file_write_size", "fastcgi_max_temp_file_size",
		"proxy_buffer_size", "proxy_busy_buffers_size", "proxy_temp_file_write_size", "proxy_max_temp_file_size")
	offsets = set("client_max_body_size")
	flags   = set("fastcgi_keep_conn", "fastcgi_buffering", "fastcgi_intercept_errors", "fastcgi_ignore_client_abort",
		"fastcgi_pass_request_body", "fastcgi_pass_request_headers", "fastcgi_request_buffering", "proxy_buffering", "proxy_request_buffering")
	unique = union(times, sizes, flags, set("fastcgi_pass", "fastcgi_buffers", "fastcgi_index", "root", "alias"))
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

func union(sets ...map[string]bool) map[string]bool {
	m := map[string]bool{}
	for _, s := range sets {
		for n := range s {
			m[n] = true
		}
	}
	return m
}

// check finds what nginx -t refuses in a single file although the tokens are right: a block
// without a body, a value that is none. Only directives that nginx itself defines are judged,
// and only in ways that do not depend on its version or modules. structural says that a fault is
// about braces.
func check(statements []*Statement) (problems []source.Problem, structural bool) {
	report := func(at source.Span, format string, args ...any) {
		problems = append(problems, source.Problem{Kind: source.Syntax, Message: fmt.Sprintf(format, args...), Span: at})
	}
	var walk func(list []*Statement, opaque bool)
	walk = func(list []*Statement, opaque bool) {
		var seen map[string]bool
		for _, s := range list {
			if strings.HasPrefix(s.Name, "\xef\xbb\xbf") {
				report(s.NameSpan(), `unknown directive "%s"`, s.Name) // nginx does not skip a byte order mark
			}
			if s.IsBlock() {
				if simples[s.Name] && !opaque {
					structural = true
					report(s.Span(), `directive "%s" is not terminated by ";"`, s.Name)
				}
				// The bodies of map and its likes hold data, whose keys may look like directives.
				walk(s.Block, dataBlock(s.Name))
				continue
			}
			if opaque {
				continue
			}
			switch {
			case wrongCount(s):
				report(s.Span(), `invalid number of arguments in "%s" directive`, s.Name)
			case blocks[s.Name] && (s.Name != "server" && s.Name != "if" || len(s.Args) == 0):
				structural = true
				report(s.Span(), `directive "%s" has no opening "{"`, s.Name)
			case unique[s.Name] && seen[s.Name]:
				report(s.Span(), `"%s" directive is duplicate`, s.Name)
			case len(s.Args) == 1 && badValue(s):
				report(s.ArgSpan(0), `"%s" directive invalid value`, s.Name)
			case flags[s.Name] && len(s.Args) == 1 && !strings.EqualFold(s.Arg(0), "on") && !strings.EqualFold(s.Arg(0), "off"):
				report(s.ArgSpan(0), `invalid value "%s" in "%s" directive, it must be "on" or "off"`, s.Arg(0), s.Name)
			}
			if unique[s.Name] {
				if seen == nil {
					seen = map[string]bool{}
				}
				seen[s.Name] = true
			}
		}
	}
	walk(statements, false)
	return problems, structural
}

// wrongCount says whether a directive has more or fewer arguments than it takes.
func wrongCount(s *Statement) bool {
	n := len(s.Args)
	switch s.Name {
	case "fastcgi_buffers", "proxy_buffers":
		return n != 2
	case "fastcgi_param":
		return n != 2 && n != 3
	case "fastcgi_pass", "proxy_pass", "fastcgi_index", "root", "alias", "include":
		return n != 1
	}
	return n != 1 && (times[s.Name] && s.Name != "client_header_timeout" || sizes[s.Name] || offsets[s.Name] || flags[s.Name])
}

func dataBlock(name string) bool {
	switch name {
	case "map", "geo", "split_clients", "types", "charset_map":
		return true
	}
	return false
}

func badValue(s *Statement) bool {
	var err error
	switch v := s.Arg(0); {
	case times[s.Name]:
		_, err = ParseTime(v)
	case sizes[s.Name]:
		_, err = ParseSize(v)
	case offsets[s.Name]:
		_, err = ParseOffset(v)
	}
	return err != nil
}
