package snapshot

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
)

// Mask stands for a value that was left out. It says nothing of the value's length.
const Mask = "MASKED"

var (
	// secretName is a name whose value is likely a credential.
	secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|salt|credential|private|bearer|dsn|auth|signature|session_?id|cookie|api_?key|access_?key|[_.-]key|^key|_pw$|_url$|_uri$|connection`)
	// keyBlock is a private key in PEM.
	keyBlock = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY`)
	// secretValue are values that are credentials by their form: a URL's password, keys and tokens
	// of well-known services, signed tokens, HTTP credentials, long random words.
	secretValue = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://[^\s/@"']*:)[^\s/@"']+@` +
		`|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\b(?:ghp|gho|ghs|ghu|glpat|sk_live|sk_test|rk_live|xox[abprs])[_-][A-Za-z0-9_-]{8,}` +
		`|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?|\b(?:basic|bearer)\s+[A-Za-z0-9+/_.=-]{6,}` +
		`|\b[0-9a-f]{32,}\b|\b[A-Za-z0-9+/]{40,}={0,2}`)
	// assignment is a name and a value in a comment, in Lua, in a shell's words. Only names like
	// secrets' are masked.
	assignment = regexp.MustCompile(`(?i)([A-Za-z0-9_.\[\]-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|salt|credential|auth|api_?key|access_?key|private_?key)[A-Za-z0-9_.\]-]*["']?)(\s*(?:=>|[=:,])\s*|\s+)("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s;"']+)`)
	// parameter is a directive that hands a value over, wherever it stands: in a comment too.
	parameter = regexp.MustCompile(`(?i)\b(fastcgi_param|uwsgi_param|scgi_param|proxy_set_header|grpc_set_header|add_header|env)\s+(\S+)\s+(?:#[^\n]*\n\s*)*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^;#\s][^;\s]*)`)
	// entry is a line of an INI file, commented out or not.
	entry = regexp.MustCompile(`(?m)^([ \t;#]*)([A-Za-z_][\w.-]*)(\[[^\]\n]*\])?([ \t]*=[ \t]*)([^\r\n]*)`)
)

// plainParams are FastCGI parameters whose constant values are no secrets.
var plainParams = []string{
	"gateway_interface", "server_software", "server_protocol", "server_name", "server_port", "server_addr", "https", "redirect_status",
	"request_method", "request_scheme", "script_filename", "script_name", "document_root", "document_uri", "path_info", "path_translated",
	"query_string", "http_proxy", "http_host", "remote_addr", "remote_port", "app_env", "modheadersavailable", "front_controller_active",
	"php_value", "php_admin_value", "content_type", "content_length", "request_uri",
}

// plainEnv are environment variables whose values are no secrets.
var plainEnv = []string{"path", "hostname", "tmp", "temp", "tmpdir", "home", "lang", "lc_all", "tz", "user", "shell", "http_proxy", "https_proxy"}

// masker replaces what may be a secret in one file.
type masker struct {
	file  *source.File
	edits []span
	lines map[int]bool
}

type span struct{ start, end int }

func newMasker(f *source.File) *masker { return &masker{file: f, lines: map[int]bool{}} }

func (m *masker) hide(start, end int) {
	if start < end {
		m.edits = append(m.edits, span{start, end})
		m.lines[m.file.Position(start).Line] = true
	}
}

// result is the file with what was hidden replaced. A value keeps its line feeds, so that
// everything keeps its line.
func (m *masker) result() []byte {
	slices.SortFunc(m.edits, func(a, b span) int { return a.start - b.start })
	var out bytes.Buffer
	at := 0
	for _, e := range m.edits {
		if e.end <= at {
			continue
		}
		e.start = max(e.start, at)
		out.Write(m.file.Data[at:e.start])
		if e.start > at || at == 0 {
			out.WriteString(Mask)
		}
		out.WriteString(strings.Repeat("\n", bytes.Count(m.file.Data[e.start:e.end], []byte("\n"))))
		at = e.end
	}
	out.Write(m.file.Data[at:])
	return out.Bytes()
}

// quoted hides a value inside its quotes.
func (m *masker) quoted(start, end int) {
	if b := m.file.Data[start:end]; len(b) >= 2 && (b[0] == '"' || b[0] == '\'') && b[len(b)-1] == b[0] {
		start, end = start+1, end-1
	}
	m.hide(start, end)
}

// values hides what is a credential by its form, anywhere in the file.
func (m *masker) values() {
	for _, at := range secretValue.FindAllSubmatchIndex(m.file.Data, -1) {
		if at[2] >= 0 { // a URL keeps its user
			m.hide(at[3], at[1]-1)
		} else {
			m.hide(at[0], at[1])
		}
	}
}

// nginx masks a file of nginx's. Its statements are looked at one by one; comments, Lua and what
// does not parse by their words.
func (m *masker) nginx() {
	m.statements(nginx.Parse(m.file).Statements, false)
	data := m.file.Data
	for _, at := range parameter.FindAllSubmatchIndex(data, -1) {
		name := string(data[at[4]:at[5]])
		if value := string(data[at[6]:at[7]]); hands(string(data[at[2]:at[3]]), name, value) {
			m.quoted(at[6], at[7])
		}
	}
	m.assignments()
	m.values()
}

// assignments hides the values of names like secrets' where no grammar says what is a value: in
// comments and in Lua.
func (m *masker) assignments() {
	offset := 0
	for line := range bytes.Lines(m.file.Data) {
		start := bytes.IndexByte(line, '#')
		if i := bytes.IndexByte(line, ';'); start < 0 && i == 0 {
			start = 0
		}
		if bytes.Contains(line, []byte("=")) && !bytes.Contains(line, []byte("fastcgi_pass")) {
			start = 0
		}
		if start >= 0 {
			for _, at := range assignment.FindAllSubmatchIndex(line[start:], -1) {
				if value := line[start+at[6] : start+at[7]]; !bytes.HasPrefix(value, []byte("$")) {
					m.quoted(offset+start+at[6], offset+start+at[7])
				}
			}
		}
		offset += len(line)
	}
}

// hands says whether a directive hands over what may be a secret.
func hands(directive, name, value string) bool {
	constant := strings.Trim(value, `"'`)
	if strings.HasPrefix(constant, "$") && !strings.ContainsAny(constant[1:], "$ :/") || constant == "" {
		return false
	}
	switch strings.ToLower(directive) {
	case "fastcgi_param", "uwsgi_param", "scgi_param":
		return !slices.Contains(plainParams, strings.ToLower(name)) && !strings.Contains(constant, "$")
	}
	return secretName.MatchString(name) && !strings.EqualFold(name, "cookie")
}

func (m *masker) statements(list []*nginx.Statement, secret bool) {
	for _, s := range list {
		name := strings.ToLower(s.Name)
		switch {
		case secret: // an entry of a map whose variable is named like a secret
			for i := range s.Args {
				m.argument(s, i)
			}
		case len(s.Args) >= 2 && hands(name, s.Arg(0), s.Arg(1)) && isHandover(name):
			m.argument(s, 1)
		case name == "set" && secretName.MatchString(s.Arg(0)) && !strings.HasPrefix(s.Arg(1), "$"):
			m.argument(s, 1)
		case name == "secure_link_md5", name == "secure_link_secret", name == "auth_jwt_key", name == "js_var" && secretName.MatchString(s.Arg(0)):
			m.argument(s, len(s.Args)-1)
		case name == "env":
			if key, _, ok := strings.Cut(s.Arg(0), "="); ok && !slices.Contains(plainEnv, strings.ToLower(key)) {
				m.hide(int(s.Args[0].Start)+len(key)+1, int(s.Args[0].End))
			}
		case strings.HasPrefix(name, "ssl_") && strings.HasPrefix(s.Arg(0), "data:"):
			m.argument(s, 0)
		}
		inner := s.IsBlock() && (name == "map" || name == "geo") && len(s.Args) > 0 && secretName.MatchString(s.Arg(len(s.Args)-1))
		m.statements(s.Block, inner)
	}
}

func isHandover(name string) bool {
	switch name {
	case "fastcgi_param", "uwsgi_param", "scgi_param", "proxy_set_header", "grpc_set_header", "add_header":
		return true
	}
	return false
}

func (m *masker) argument(s *nginx.Statement, i int) {
	if i >= 0 && i < len(s.Args) {
		m.quoted(int(s.Args[i].Start), int(s.Args[i].End))
	}
}

// ini masks a file of PHP's: every environment variable that is not known to be plain, and
// settings whose name or value is like a secret's.
func (m *masker) ini() {
	data := m.file.Data
	for _, at := range entry.FindAllSubmatchIndex(data, -1) {
		key, index := strings.ToLower(string(data[at[4]:at[5]])), ""
		if at[6] >= 0 {
			index = strings.ToLower(strings.Trim(string(data[at[6]:at[7]]), "[] "))
		}
		value := bytes.TrimSpace(data[at[10]:at[11]])
		secret := false
		switch key {
		case "env":
			secret = !slices.Contains(plainEnv, index) && !bytes.HasPrefix(value, []byte("$"))
		case "php_value", "php_admin_value":
			secret = iniSecret(index)
		default:
			secret = iniSecret(key)
		}
		// A quote that does not end in the line goes on in the next ones.
		if end := at[11]; secret && len(value) > 0 {
			if q := value[0]; (q == '"' || q == '\'') && bytes.Count(value, value[:1])%2 == 1 {
				if i := bytes.IndexByte(data[end:], q); i >= 0 {
					end += i + 1
				}
			}
			m.quoted(at[10], end)
		}
	}
	m.values()
}

// plainIni are settings of PHP that only sound like secrets.
var plainIni = regexp.MustCompile(`^(session\.(?:use_|cookie_|cache_|auto_|gc_|name|save_handler|sid_|hash_|entropy_|upload)|auto_|pm\.|listen\.|opcache\.|security\.|mysqli\.allow|url_rewriter|openssl\.ca|curl\.ca|mysqlnd\.)`)

func iniSecret(key string) bool {
	return !plainIni.MatchString(key) && (secretName.MatchString(key) || key == "session.save_path" || key == "sendmail_path" || strings.HasSuffix(key, ".pw"))
}
