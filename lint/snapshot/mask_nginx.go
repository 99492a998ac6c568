package snapshot

import (
	"bytes"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/nginx"
)

// plainParams are FastCGI parameters whose constant values are no secrets.
var plainParams = []string{
	"gateway_interface", "server_software", "server_protocol", "server_name", "server_port", "server_addr", "https", "redirect_status",
	"request_method", "request_scheme", "script_filename", "script_name", "document_root", "document_uri", "path_info", "path_translated",
	"query_string", "http_proxy", "http_host", "remote_addr", "remote_port", "app_env", "modheadersavailable", "front_controller_active",
	"content_type", "content_length", "request_uri",
}

// plainHeaders are headers whose constant values are no secrets.
var plainHeaders = []string{
	"host", "connection", "upgrade", "proxy", "accept-encoding", "content-type", "content-length", "x-real-ip", "x-scheme", "early-data", "te",
	"x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-forwarded-server", "x-forwarded-ssl", "x-forwarded-prefix",
}

var (
	// secretDirective is a directive, of any module, whose arguments are secrets.
	secretDirective = lazy.Regexp(`(?i)secret|token|passw|credential|salt|api_?key|(?:_key|_iv|_md5)$|_set_body$|_by_lua$|^perl|^redis2_`)
	// plainDirective are those that only sound so.
	plainDirective = lazy.Regexp(`_tokens$|certificate_key$|cache_key$|_password_file$|ticket_key$|^auth_jwt_key_`)
	// secretVariable is a variable with which a request shows a secret.
	secretVariable = lazy.Regexp(`(?i)\$\{?(?:arg_|cookie_|http_x_|http_authorization|http_proxy_authorization)`)
	plainVariable  = lazy.Regexp(`(?i)\$\{?http_x_(?:forwarded|requested_with|real_ip|scheme|wap|moz|purpose|http)`)
	// urlName is a variable for an address, whose value shows by its form whether it is a secret.
	urlName = lazy.Regexp(`(?i)ur[il]$`)
	// identifier is a directive's name.
	identifier = lazy.Regexp(`^[A-Za-z_]\w*$`)
	// commentedOut is a directive in a comment, of which its name is kept: a fix goes there.
	commentedOut = lazy.Regexp(`^([ \t]*(?:fastcgi|client|proxy|worker|keepalive)_[a-z_]+)[ \t][^;]*;`)
)

// nginx masks a file of nginx's: its statements one by one, what stands between them, and what
// does not parse.
func (m *masker) nginx() {
	last := m.statements(nginx.Parse(m.file).Statements, plainBlock, 0)
	m.between(last, len(m.file.Data), len(m.file.Data))
}

// block says what the statements of a block are.
type block int

const (
	plainBlock  block = iota
	dataBlock         // pairs of values
	keysBlock         // pairs of a secret and a value
	secretBlock       // pairs of a value and a secret
)

// statements masks a list of statements, and what stands before and between them from an offset
// on. It returns where the last one's last token ends.
func (m *masker) statements(list []*nginx.Statement, within block, from int) int {
	for _, s := range list {
		from = m.between(from, int(s.Start), int(s.NameEnd))
		for _, a := range s.Args {
			from = m.between(from, int(a.Start), int(a.End()))
		}
		m.statement(s, within)
		switch {
		case s.Lua:
			m.hide(int(s.Open)+1, max(int(s.Open)+1, int(s.End)-1))
			from = int(s.End)
		case s.IsBlock():
			from = m.statements(s.Block, blockOf(s), int(s.Open)+1)
		}
	}
	return from
}

// between masks what stands between two tokens and returns where the second ends: white space,
// braces, semicolons and comments, and behind a fault what was not understood.
func (m *masker) between(from, start, end int) int {
	for from < start {
		line := m.file.Data[from:start]
		next := start
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, next = line[:i], from+i+1
		}
		if i := bytes.IndexByte(line, '#'); i >= 0 {
			comment, stop := from+i+1, from+len(bytes.TrimRight(line, "\r"))
			if kept := commentedOut().FindSubmatch(m.file.Data[comment:max(comment, stop)]); kept != nil {
				m.drop(comment, stop, string(kept[1])+" ")
			} else {
				m.drop(comment, stop, m.keep(comment, max(comment, stop)))
			}
			line = line[:i]
		}
		m.blur(from, from+len(line))
		from = next
	}
	return end
}

func blockOf(s *nginx.Statement) block {
	switch strings.ToLower(s.Name) {
	case "map":
		switch {
		case len(s.Args) > 1 && sensitive(s.Arg(0)):
			return keysBlock
		case len(s.Args) > 1 && secretName().MatchString(s.Arg(1)):
			return secretBlock
		}
		return dataBlock
	case "geo":
		if n := len(s.Args); n > 0 && secretName().MatchString(s.Arg(n-1)) {
			return secretBlock
		}
		return dataBlock
	case "types", "split_clients", "charset_map":
		return dataBlock
	}
	return plainBlock
}

// sensitive says whether a value has a variable with which a request shows a secret.
func sensitive(value string) bool {
	return strings.Contains(value, "$") && !plainVariable().MatchString(value) && (secretVariable().MatchString(value) || secretName().MatchString(value))
}

func (m *masker) statement(s *nginx.Statement, within block) {
	switch within {
	case secretBlock:
		m.arguments(s, 0)
	case keysBlock:
		if !slices.Contains([]string{"default", "hostnames", "volatile", "include"}, strings.ToLower(s.Name)) {
			m.token(s.Name, s.Start, s.NameEnd)
		}
	case dataBlock:
		m.text(int(s.Start), int(s.NameEnd))
		for _, a := range s.Args {
			m.text(int(a.Start), int(a.End()))
		}
	default:
		m.directive(s)
	}
}

func (m *masker) directive(s *nginx.Statement) {
	name := strings.ToLower(s.Name)
	switch {
	case !identifier().MatchString(s.Name): // a file of another kind, included
		// What nginx refuses in a name is told from it: one of its own after a strange space, or {4} of
		// a regular expression without quotes.
		m.blurBut(int(s.Start), int(s.NameEnd), func(word string) bool {
			return nginx.Directive(word) || len(word) < 3 && strings.Trim(word, "0123456789") == ""
		})
		for _, a := range s.Args {
			m.blur(int(a.Start), int(a.End()))
		}
	case name == "fastcgi_param" || name == "uwsgi_param" || name == "scgi_param":
		m.param(s)
	case name == "proxy_set_header", name == "grpc_set_header", name == "auth_http_header":
		if !slices.Contains(plainHeaders, strings.ToLower(s.Arg(0))) {
			m.arguments(s, 1)
		}
	case name == "add_header" || strings.HasPrefix(name, "more_set_"):
		if secretName().MatchString(s.Arg(0)) && name == "add_header" {
			m.arguments(s, 1)
		}
		m.texts(s)
	case name == "set" || name == "js_var" || name == "set_unescape_uri":
		if n := s.Arg(0); secretName().MatchString(n) && !urlName().MatchString(n) {
			m.arguments(s, 1)
		}
		m.texts(s)
	case name == "if":
		if len(s.Args) > 2 && sensitive(s.Arg(0)) {
			m.arguments(s, 2)
		}
		m.texts(s)
	case name == "env":
		m.env(s)
	case secretDirective().MatchString(name) && !plainDirective().MatchString(name):
		m.arguments(s, 0)
	case strings.HasSuffix(name, "_certificate_key") && (strings.HasPrefix(s.Arg(0), "data:") || keyBlock().MatchString(s.Arg(0))):
		m.arguments(s, 0)
	case isAddress(name):
		// An address or a path may look like an assignment or like a random word.
		for _, a := range s.Args {
			m.forms(int(a.Start), int(a.End()))
			if i := bytes.IndexByte(m.file.Data[a.Start:a.End()], '?'); i >= 0 {
				m.text(int(a.Start)+i, int(a.End()))
			}
		}
	default:
		m.texts(s)
	}
}

// env masks the value of an environment variable that nginx hands on.
func (m *masker) env(s *nginx.Statement) {
	if key, _, ok := strings.Cut(s.Arg(0), "="); ok && !slices.Contains(plainEnv, strings.ToLower(key)) {
		a := s.Args[0]
		if i := bytes.IndexByte(m.file.Data[a.Start:a.End()], '='); i >= 0 {
			end := int(a.End())
			if a.Quote != 0 {
				end--
			}
			m.hide(int(a.Start)+i+1, end)
		}
	}
	m.texts(s)
}

// isAddress says whether a directive's arguments are addresses or paths that rules follow.
func isAddress(name string) bool {
	switch name {
	case "include", "root", "alias", "server", "server_name", "listen", "upstream", "load_module":
		return true
	}
	return strings.HasSuffix(name, "_pass") || strings.HasPrefix(name, "ssl_certificate")
}

// param masks a FastCGI parameter. PHP_VALUE holds settings of php.ini, one in a line.
func (m *masker) param(s *nginx.Statement) {
	name := strings.ToLower(s.Arg(0))
	switch {
	case len(s.Args) < 2:
		m.texts(s)
	case name == "php_value" || name == "php_admin_value":
		a := s.Args[1]
		start, end := int(a.Start), int(a.End())
		if a.Quote != 0 {
			start, end = start+1, end-1
		}
		for start < end {
			next := end
			for _, sep := range []string{"\n", `\n`} {
				if at := bytes.Index(m.file.Data[start:next], []byte(sep)); at >= 0 {
					next = start + at
				}
			}
			key, value, ok := bytes.Cut(m.file.Data[start:next], []byte("="))
			if ok && iniSecret(strings.ToLower(string(bytes.Trim(key, "\\n \t\r"))), bytes.TrimLeft(value, " \t")) {
				m.hide(next-len(bytes.TrimLeft(value, " \t")), next)
			} else {
				m.text(start, next)
			}
			start = next + 1
		}
	case !slices.Contains(plainParams, name):
		m.arguments(s, 1)
	default:
		m.texts(s)
	}
}

// texts masks what is a credential within a statement's arguments.
func (m *masker) texts(s *nginx.Statement) {
	for _, a := range s.Args {
		if keyBlock().MatchString(a.Value) {
			m.quoted(int(a.Start), int(a.End()))
			continue
		}
		m.text(int(a.Start), int(a.End()))
	}
}

// arguments hides the arguments from one on that are neither variables nor trivial.
func (m *masker) arguments(s *nginx.Statement, from int) {
	for i := from; i < len(s.Args); i++ {
		m.token(s.Args[i].Value, s.Args[i].Start, s.Args[i].End())
	}
}

func (m *masker) token(value string, start, end int32) {
	if value == "if_not_empty" || value == "always" || isTrivial(value) || variables().MatchString(value) {
		return
	}
	// The condition of an if ends with a parenthesis.
	if data := m.file.Data[start:end]; data[len(data)-1] == ')' && data[0] != '(' {
		end--
	}
	m.quoted(int(start), int(end))
}
