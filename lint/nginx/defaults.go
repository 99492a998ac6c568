package nginx

import (
	"slices"
	"strings"
)

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

// notInherited are directives that count on their own level only.
var notInherited = set("fastcgi_pass", "proxy_pass", "uwsgi_pass", "scgi_pass", "try_files", "return", "rewrite", "set", "break", "internal", "alias", "server_name", "listen", "include")

// defaultArgs are the defaults as arguments. Nobody may change them.
var defaultArgs = func() map[string][]string {
	out := map[string][]string{}
	for name, text := range defaults {
		out[name] = slices.Clip(strings.Fields(text))
	}
	return out
}()
