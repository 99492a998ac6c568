package nginx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
	"fpmlint/lint/spell"
)

// is says whether the directive has a trait.
func (s *Statement) is(t traits) bool { return table[s.id].traits&t != 0 }

// check finds what nginx -t refuses in a single file although the tokens are right: a block
// without a body, a value that is none. Only directives that nginx itself defines are judged,
// and only in ways that do not depend on its version or modules. structural says that a fault is
// about braces.
func check(statements []*Statement) (problems []source.Problem, structural bool) {
	report := func(at source.Span, format string, args ...any) {
		problems = append(problems, source.Problem{Kind: source.Syntax, Message: fmt.Sprintf(format, args...), Span: at})
	}
	var walk func(list []*Statement, parent string, opaque bool)
	walk = func(list []*Statement, parent string, opaque bool) {
		var seen []nameID
		for _, s := range list {
			if r := invisible(s); r != 0 && !opaque {
				report(s.NameSpan(), `unknown directive "%s", which holds an invisible character, U+%04X: delete it`, s.Name, r)
			}
			if near := misspelled(s); near != "" && !opaque {
				report(s.NameSpan(), `unknown directive "%s"; did you mean "%s"?`, s.Name, near)
				continue
			}
			if s.is(pattern) && !opaque {
				if text, arg, ok := s.pattern(); ok {
					if why := badPattern(text); why != "" {
						report(s.ArgSpan(arg), `invalid regular expression "%s": %s`, text, why)
					}
				}
			}
			if s.IsBlock() {
				if s.is(simple) && !opaque {
					structural = true
					report(s.Span(), `directive "%s" is not terminated by ";"`, s.Name)
				}
				// The bodies of map and its likes hold data, whose keys may look like directives.
				if s.is(pattern) && len(s.Block) > 0 && s.Block[0].id == 0 && repetition().MatchString(s.Block[0].Name) {
					structural = true
					report(s.Block[0].NameSpan(), `unknown directive "%s"`, s.Block[0].Name)
					problems[len(problems)-1].Related = []source.Related{{Span: s.Span(), Message: "the block begins in the regular expression: put that in quotes"}}
					continue
				}
				walk(s.Block, s.Name, s.is(data))
				continue
			}
			if opaque {
				continue
			}
			switch {
			case s.Name == "fastcgi_pass" && (parent == "server" || parent == "http"):
				report(s.NameSpan(), `"%s" directive is not allowed here; it belongs into a location`, s.Name)
			case wrongCount(s):
				report(s.Span(), `invalid number of arguments in "%s" directive`, s.Name)
			case s.is(block) && (s.Name != "server" && s.Name != "if" || len(s.Args) == 0):
				structural = true
				report(s.Span(), `directive "%s" has no opening "{"`, s.Name)
			case s.is(unique) && slices.Contains(seen, s.id):
				report(s.Span(), `"%s" directive is duplicate`, s.Name)
			case s.Name == "fastcgi_buffers" && badBuffers(s):
				report(s.Span(), `"%s" directive invalid value`, s.Name)
			case s.is(words) && badWord(s) >= 0:
				i := badWord(s)
				what := "value"
				if s.Name == "fastcgi_param" {
					what = "parameter"
				}
				report(s.ArgSpan(i), `invalid %s "%s"`, what, s.Arg(i))
			case len(s.Args) == 1 && badValue(s):
				report(s.ArgSpan(0), `"%s" directive invalid value`, s.Name)
			case s.is(flagValue) && len(s.Args) == 1 && !strings.EqualFold(s.Arg(0), "on") && !strings.EqualFold(s.Arg(0), "off"):
				report(s.ArgSpan(0), `invalid value "%s" in "%s" directive, it must be "on" or "off"`, s.Arg(0), s.Name)
			}
			if s.is(unique) {
				seen = append(seen, s.id)
			}
		}
	}
	walk(statements, "", false)
	return problems, structural
}

// invisible is the first character of a directive's name that people do not see, 0 where there is none: a
// byte order mark, or what stands in the name of a directive that nginx has, a space that is none of
// ASCII's or one of no width. nginx takes all of them for letters. Other names may be a map's keys.
func invisible(s *Statement) (found rune) {
	if s.id != 0 {
		return 0
	}
	if strings.HasPrefix(s.Name, "\ufeff") {
		return '\ufeff'
	}
	rest := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)) {
			found = cmp.Or(found, r)
			return -1
		}
		return r
	}, s.Name)
	if found != 0 && lookup(rest).id == 0 && !slices.Contains(fastcgi, rest) {
		return 0
	}
	return found
}

// repetition is what is left of one, such as {2,4}, where a regular expression without quotes ends at
// its brace.
var repetition = lazy.Regexp(`^\d*,?\d*\}`)

// fastcgi are the directives that begin with fastcgi_, of nginx up to 1.29 and of cache purging.
var fastcgi = strings.Fields(`fastcgi_bind fastcgi_buffer_size fastcgi_buffering fastcgi_buffers fastcgi_busy_buffers_size
	fastcgi_cache fastcgi_cache_background_update fastcgi_cache_bypass fastcgi_cache_key fastcgi_cache_lock
	fastcgi_cache_lock_age fastcgi_cache_lock_timeout fastcgi_cache_max_range_offset fastcgi_cache_methods
	fastcgi_cache_min_uses fastcgi_cache_path fastcgi_cache_purge fastcgi_cache_revalidate fastcgi_cache_use_stale
	fastcgi_cache_valid fastcgi_catch_stderr fastcgi_connect_timeout fastcgi_force_ranges fastcgi_hide_header
	fastcgi_ignore_client_abort fastcgi_ignore_headers fastcgi_index fastcgi_intercept_errors fastcgi_keep_conn
	fastcgi_limit_rate fastcgi_max_temp_file_size fastcgi_next_upstream fastcgi_next_upstream_timeout
	fastcgi_next_upstream_tries fastcgi_no_cache fastcgi_param fastcgi_pass fastcgi_pass_header fastcgi_pass_request_body
	fastcgi_pass_request_headers fastcgi_read_timeout fastcgi_request_buffering fastcgi_send_lowat fastcgi_send_timeout
	fastcgi_socket_keepalive fastcgi_split_path_info fastcgi_store fastcgi_store_access fastcgi_temp_file_write_size
	fastcgi_temp_path`)

// misspelled is the directive that an unknown one was meant to be. One that is near to none of
// nginx's may be another module's.
func misspelled(s *Statement) string {
	if s.id != 0 || !strings.HasPrefix(s.Name, "fastcgi") || slices.Contains(fastcgi, s.Name) {
		return ""
	}
	return spell.Nearest(s.Name, fastcgi, 2)
}

// wrongCount says whether a directive has more or fewer arguments than it takes.
func wrongCount(s *Statement) bool {
	d, n := table[s.id], len(s.Args)
	return d.counted && (n < d.least || n > d.most)
}

// many is a bound that no line reaches.
const many = 1 << 20

// counts are the least and the most arguments of directives that have not always one.
var counts = []struct {
	least, most int
	names       string
}{
	{0, 0, "internal"},
	{1, 1, "allow deny fastcgi_split_path_info fastcgi_cache_key fastcgi_hide_header fastcgi_pass_header fastcgi_cache"},
	{1, 2, "return"},
	{1, many, `index server_name listen error_log access_log resolver fastcgi_cache_bypass fastcgi_no_cache fastcgi_next_upstream
		fastcgi_cache_use_stale fastcgi_cache_valid fastcgi_ignore_headers`},
	{2, 2, "set fastcgi_buffers proxy_buffers"},
	{2, 3, "rewrite fastcgi_param"},
	{2, many, "try_files error_page log_format add_header"},
}

// nextUpstream are the cases of fastcgi_next_upstream and fastcgi_cache_use_stale: unlike a proxy's
// there is no http_502 and no http_504 (ngx_http_fastcgi_next_upstream_masks).
var nextUpstream = strings.Fields("error timeout invalid_header non_idempotent http_500 http_503 http_403 http_404 http_429 updating off")

// badWord is the place of an argument that is none of the words that a directive takes, -1 where all are.
func badWord(s *Statement) int {
	switch s.Name {
	case "fastcgi_next_upstream", "fastcgi_cache_use_stale":
		return slices.IndexFunc(s.Args, func(a Arg) bool { return !slices.Contains(nextUpstream, a.Value) })
	case "fastcgi_param":
		if len(s.Args) == 3 && s.Arg(2) != "if_not_empty" {
			return 2
		}
	}
	return -1
}

// badBuffers says whether a number of buffers or their size is none (ngx_conf_set_bufs_slot).
func badBuffers(s *Statement) bool {
	size, err := ParseSize(s.Arg(1))
	return err != nil || size == 0 || number(s.Arg(0)) <= 0
}

func badValue(s *Statement) bool {
	var err error
	switch v := s.Arg(0); {
	case s.is(timeValue):
		_, err = ParseTime(v)
	case s.is(sizeValue):
		_, err = ParseSize(v)
	case s.is(offsetValue):
		_, err = ParseOffset(v)
	}
	return err != nil
}
