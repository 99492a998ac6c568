package snapshot

import (
	"bytes"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
)

// plainEnv are environment variables whose values are no secrets.
var plainEnv = []string{"path", "hostname", "tmp", "temp", "tmpdir", "home", "lang", "lc_all", "tz", "user", "shell", "http_proxy", "https_proxy"}

var (
	// entry is a setting: its name, its index and what comes before the value. Names hold almost
	// any sign in PHP's grammar.
	entry = lazy.Regexp(`^([ \t]*(?:\[[^\]=]*\][ \t]*)?)([^=;\["]*?)[ \t]*(\[[^\]]*\]?[^=]*)?=[ \t]*`)
	// header is a section.
	header = lazy.Regexp(`^[ \t]*\[[^\]=]*\][ \t]*(?:[;#].*)?$`)
	// environmental is a name as environment variables have it; PHP's settings are in lower case.
	environmental = lazy.Regexp(`^(?:export[ \t]+)?[A-Z][A-Z0-9_]*$`)
	// commentedEntry is a setting that is commented out: its name stays, a fix goes there.
	commentedEntry = lazy.Regexp(`^[ \t]*[;#][ \t]*[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*(?:\[[A-Za-z0-9_.]*\])?[ \t]*=`)
	// plainIni are settings of PHP that only sound like secrets.
	plainIni = lazy.Regexp(`^(session\.(?:use_|cookie_|cache_|auto_|gc_|name|save_handler|sid_|hash_|entropy_|upload)|auto_|pm\.|listen\.|access\.|opcache\.|security\.|mysqli\.allow|url_rewriter|openssl\.ca|curl\.ca|mysqlnd\.|highlight\.)`)
)

// ini masks a file of PHP's: environment variables that are not known to be plain, settings whose
// name or value is like a secret's, comments, and lines that are no settings.
func (m *masker) ini() {
	m.paths = true
	data := m.file.Data
	for start := 0; start < len(data); {
		end := len(data)
		if i := bytes.IndexAny(data[start:], "\r\n"); i >= 0 {
			end = start + i
		}
		start = max(end, m.iniLine(start, end)) + 1
	}
}

// iniLine masks a line and returns where it, or the value that begins in it, ends.
func (m *masker) iniLine(start, end int) int {
	line := m.file.Data[start:end]
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), " \t")
	at := entry().FindSubmatchIndex(line)
	switch {
	case len(trimmed) == 0:
	case trimmed[0] == ';':
		kept := commentedEntry().FindIndex(line)
		if kept != nil && !bytes.Contains(line, []byte("fpmlint:")) {
			m.drop(start+kept[1], end, "")
			break
		}
		from := end - len(trimmed) + 1
		m.drop(from, end, m.keep(from, end))
	case trimmed[0] == '#':
		m.hash(end-len(trimmed), end)
	case header().Match(line):
		from := start + bytes.IndexByte(line, ']') + 1
		if rest := bytes.TrimLeft(m.file.Data[from:end], " \t"); len(rest) > 0 && rest[0] == '#' {
			m.hash(end-len(rest), end)
		} else {
			m.drop(from, end, "")
		}
	case at != nil:
		return m.iniEntry(start, end, at)
	default:
		m.blur(start, end)
	}
	return end
}

// hash masks what begins with a #, which begins no comment since PHP 7: its signs decide what FPM
// says, and so does a setting's name.
func (m *masker) hash(start, end int) {
	text := m.file.Data[start:end]
	kept := []int{0, 0}
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(text, "# \t"), []byte("fpmlint:")):
		return
	case commentedEntry().Match(text):
		kept = commentedEntry().FindIndex(text)
	case start < generatedHead && generated().Match(text):
		kept = generated().FindIndex(text)
	}
	m.blur(start, start+kept[0])
	m.blur(start+kept[1], end)
}

// iniEntry masks an entry's value and returns where that ends, which may be lines further on.
func (m *masker) iniEntry(start, end int, at []int) int {
	data := m.file.Data
	name := strings.Trim(string(data[start+at[4]:start+at[5]]), "\xef\xbb\xbf \t\"'")
	key, index := strings.ToLower(name), ""
	if at[6] >= 0 {
		index, _, _ = strings.Cut(strings.ToLower(string(data[start+at[6]+1:start+at[7]])), "]")
		index = strings.Trim(index, " \t\"'")
	}
	from := start + at[1]
	value := data[from:end]
	stop, comment := iniValue(value)
	secret := false
	switch key {
	case "env":
		secret = !slices.Contains(plainEnv, index) && !variables().Match(value[:stop])
	case "php_value", "php_admin_value", "php_flag", "php_admin_flag":
		secret = iniSecret(index, value)
	default:
		secret = iniSecret(key, value) || environmental().MatchString(name) && !strings.HasPrefix(name, "SMTP")
	}
	secret = secret || at[6] >= 0 && bytes.IndexByte(data[start+at[6]:start+at[7]], ']') < 0 // no setting
	// A quote that does not end in the line goes on in the next ones.
	if len(value) > 0 && comment < 0 {
		if q := value[0]; (q == '"' || q == '\'') && bytes.Count(value, value[:1])%2 == 1 {
			if i := bytes.IndexByte(data[end:], q); i >= 0 && secret {
				m.hide(from+1, end+i)
				return end + i
			}
		}
	}
	switch {
	case !secret || isTrivial(string(value[:stop])):
		m.text(from, from+stop)
	case m.faults[m.file.Position(start).Line]:
		m.blur(from, from+stop) // its signs are the fault
	default:
		m.quoted(from, from+stop)
	}
	if comment >= 0 {
		m.drop(from+comment+1, end, m.keep(from+comment+1, end))
	}
	return end
}

// iniValue is where a value ends without the white space behind it, and where a comment begins in
// its line, -1 where none does.
func iniValue(value []byte) (end, comment int) {
	var quote byte
	comment = -1
	for i := 0; i < len(value) && comment < 0; i++ {
		switch c := value[i]; {
		case quote == '"' && c == '\\':
			i++
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\'' && bytes.IndexByte(value[i+1:], c) >= 0):
			quote = c
		case quote == 0 && c == ';':
			comment = i
		}
	}
	if comment >= 0 {
		value = value[:comment]
	}
	return len(bytes.TrimRight(value, " \t")), comment
}

// sessionDir is a directory of sessions: levels and a mode may stand before it.
var sessionDir = lazy.Regexp(`^["']?(?:\d+;){0,2}/`)

func iniSecret(key string, value []byte) bool {
	switch {
	case key == "session.save_path":
		return !sessionDir().Match(value)
	case plainIni().MatchString(key):
		return false
	}
	return key == "sendmail_path" || secretName().MatchString(key)
}
