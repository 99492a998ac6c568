package nginx

import (
	"slices"
	"strings"
)

// traits are what the reader knows of a directive.
type traits uint16

const (
	block       traits = 1 << iota // has a body
	data                           // the body holds data, whose keys may look like directives
	simple                         // has no body
	timeValue                      // the argument is a time
	sizeValue                      // a size
	offsetValue                    // a size that may have g
	flagValue                      // on or off
	one                            // has one argument
	unique                         // stands once on a level
	local                          // counts on its own level only
	pattern                        // an argument is, or may be, a regular expression
	words                          // arguments are of a few words
)

// stock are the directives of stock nginx that matter to a hand-off, and others that are often looked
// for. What is not listed may belong to any module and is left alone.
var stock = []struct {
	traits traits
	names  string
}{
	{block, "http events server location if limit_except upstream"},
	{block | data, "map geo split_clients types"},
	{data, "charset_map"},
	{simple, `listen server_name root index include user worker_processes error_log access_log server_tokens sendfile
		keepalive_timeout client_max_body_size try_files error_page return rewrite set resolver log_format gzip
		fastcgi_pass fastcgi_param fastcgi_index fastcgi_split_path_info proxy_pass proxy_set_header fastcgi_read_timeout
		fastcgi_send_timeout fastcgi_connect_timeout fastcgi_buffers fastcgi_buffer_size fastcgi_keep_conn keepalive`},
	{timeValue | one | unique, `fastcgi_read_timeout fastcgi_send_timeout fastcgi_connect_timeout proxy_read_timeout
		proxy_send_timeout proxy_connect_timeout client_body_timeout send_timeout`},
	{timeValue | unique, "client_header_timeout"},
	{sizeValue | one | unique, `fastcgi_buffer_size fastcgi_busy_buffers_size fastcgi_temp_file_write_size fastcgi_max_temp_file_size
		proxy_buffer_size proxy_busy_buffers_size proxy_temp_file_write_size proxy_max_temp_file_size`},
	{offsetValue | one, "client_max_body_size"},
	{flagValue | one | unique, `fastcgi_keep_conn fastcgi_buffering fastcgi_intercept_errors fastcgi_ignore_client_abort
		fastcgi_cache_lock fastcgi_cache_revalidate fastcgi_cache_background_update fastcgi_force_ranges fastcgi_socket_keepalive
		fastcgi_pass_request_body fastcgi_pass_request_headers fastcgi_request_buffering proxy_buffering proxy_request_buffering`},
	{one | unique, "fastcgi_pass fastcgi_index root alias"},
	{unique, "fastcgi_buffers try_files"},
	{one, "proxy_pass include"},
	{local, `fastcgi_pass proxy_pass uwsgi_pass scgi_pass try_files return rewrite set break internal alias server_name
		listen include`},
	{pattern, "location rewrite fastcgi_split_path_info"},
	{words, "fastcgi_next_upstream fastcgi_cache_use_stale fastcgi_param"},
	{0, `add_header allow auth_basic auth_request default_type deny expires fastcgi_busy_buffers_size fastcgi_cache
		fastcgi_cache_lock fastcgi_cache_use_stale fastcgi_next_upstream fastcgi_next_upstream_timeout fastcgi_next_upstream_tries
		fastcgi_temp_path limit_conn limit_req log_not_found proxy_buffers proxy_next_upstream real_ip_header set_real_ip_from
		ssl_certificate ssl_certificate_key ssl_verify_client worker_connections worker_rlimit_nofile`},
}

// defaults are the values of directives that are not set (ngx_http_fastcgi_merge_loc_conf,
// ngx_http_proxy_merge_loc_conf, ngx_http_core_module). A page is 4k on most machines.
var defaults = map[string]string{
	"fastcgi_connect_timeout":       "60s",
	"fastcgi_send_timeout":          "60s",
	"fastcgi_read_timeout":          "60s",
	"fastcgi_buffer_size":           "4k",
	"fastcgi_buffers":               "8 4k",
	"fastcgi_max_temp_file_size":    "1024m",
	"fastcgi_buffering":             "on",
	"fastcgi_request_buffering":     "on",
	"fastcgi_keep_conn":             "off",
	"fastcgi_ignore_client_abort":   "off",
	"fastcgi_intercept_errors":      "off",
	"fastcgi_next_upstream":         "error timeout",
	"fastcgi_next_upstream_tries":   "0",
	"fastcgi_next_upstream_timeout": "0",
	"proxy_connect_timeout":         "60s",
	"proxy_send_timeout":            "60s",
	"proxy_read_timeout":            "60s",
	"proxy_next_upstream":           "error timeout",
	"proxy_next_upstream_tries":     "0",
	"proxy_next_upstream_timeout":   "0",
	"proxy_buffer_size":             "4k",
	"proxy_buffers":                 "8 4k",
	"proxy_max_temp_file_size":      "1024m",
	"proxy_buffering":               "on",
	"keepalive_timeout":             "75s",
	"client_max_body_size":          "1m",
	"error_log":                     "logs/error.log error",
}

// directive is a name that is known.
type directive struct {
	name string
	// id stands for the name in scopes: most questions about a configuration are whether a level
	// has a directive of a name. All names that are not known have id 0.
	id     nameID
	traits traits
	// in are the blocks in which nginx takes it, 0 where that is not judged.
	in contexts
	// least and most are the numbers of arguments that it takes, where they are counted.
	least, most int
	counted     bool
	// text is the default, args its arguments, which nobody may change.
	text string
	args []string
}

type nameID uint16

// table are the directives by number, and those of a few bytes in common by name: a name is looked up
// for each statement and each question of a rule, in less than half of a map's time.
var (
	table  = []*directive{{}}
	byName [512][]*directive
)

func init() {
	get := func(name string) *directive {
		d := lookup(name)
		if d == table[0] {
			d = &directive{name: name, id: nameID(len(table))}
			table = append(table, d)
			in := &byName[place(name)]
			*in = append(*in, d)
		}
		return d
	}
	for _, group := range stock {
		for name := range strings.FieldsSeq(group.names) {
			get(name).traits |= group.traits
		}
	}
	for name, text := range defaults {
		d := get(name)
		d.text, d.args = text, slices.Clip(strings.Fields(text))
	}
	for _, group := range taken {
		for name := range strings.FieldsSeq(group.names) {
			get(name).in = group.in
		}
	}
	for _, name := range fastcgi {
		if d := get(name); d.in == 0 && name != "fastcgi_cache_purge" { // which is another module's
			d.in = inAny
		}
	}
	for _, group := range counts {
		for name := range strings.FieldsSeq(group.names) {
			d := get(name)
			d.least, d.most, d.counted = group.least, group.most, true
		}
	}
	for _, d := range table {
		if d.traits&one != 0 {
			d.least, d.most, d.counted = 1, 1, true
		}
	}
}

// place is where a name is in byName.
func place(name string) int {
	n := len(name)
	if n == 0 {
		return 0
	}
	return (31*n + int(name[0]) + int(name[n-1]) + 7*int(name[n/2])) % len(byName)
}

// Directive says whether a name is one of stock nginx's directives that are known here.
func Directive(name string) bool { return lookup(name).id != 0 }

// lookup is what is known of a name.
func lookup(name string) *directive {
	for _, d := range byName[place(name)] {
		if d.name == name {
			return d
		}
	}
	return table[0]
}
