package snapshot

import (
	"bytes"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// Mask stands for a value that was left out. It says nothing of the value's length.
const Mask = "MASKED"

var (
	// secretName is a name whose value is likely a credential.
	secretName = lazy.Regexp(`(?i)pass|pwd|secret|token|salt|credential|private|bearer|dsn|auth|signature|licen[sc]e|session_?id|cookie|api_?key|access_?key|[_.-]key|key$|^key|pw$|cloud_id|_url$|_uri$|connection_?str`)
	// keyBlock is a private key in PEM.
	keyBlock = lazy.Regexp(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY`)
	// credentials are values that are credentials by their form: HTTP credentials, keys and tokens of
	// well-known services, signed tokens.
	credentials = lazy.Regexp(`(?i)\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\b(?:ghp|gho|ghs|ghu|glpat|sk_live|sk_test|rk_live|xox[abprs])[_-][A-Za-z0-9_-]{8,}` +
		`|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?|\b(?:basic|bearer)\s+[A-Za-z0-9+/_.=-]{6,}|\b\d{8,10}:[A-Za-z0-9_-]{35}`)
	// userinfo is what stands before a URL's host. A password may hold any sign, so that it ends at
	// the last @.
	userinfo = lazy.Regexp(`[A-Za-z][A-Za-z0-9+.-]*://([^\s:/@"']*:[^\s"';]+|[^\s:/@"']{16,})@`)
	// random is a word that may be drawn by lot; isRandom decides.
	random = lazy.Regexp(`[A-Za-z0-9+/_-]{32,}={0,2}`)
	// assignment is a name and a value within a text: a DSN, a URL's query, JSON, a header. Only names
	// like secrets' are in it.
	assignment = lazy.Regexp(`(?i)(?:[A-Za-z0-9_.\[\]-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|salt|credential|auth(?:orization)?|api_?key|access_?key|private_?key|signature)[A-Za-z0-9_.\]-]*|[?&](?:key|sig|code|pw))` +
		`\\?["']?\s*(?:=>|[=:])\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\\"(?:[^\\"\n]|\\[^"\n])*|[^\s;"'\\]+)`)
	// variables are values that come from a request or the environment.
	variables = lazy.Regexp(`^(?:\$(?:[A-Za-z_]\w*|\d)|\$\{\w+\}|[^\w$])*$`)
	word      = lazy.Regexp(`[\pL\pN_]+`)
)

// trivial are values that are no credentials whatever their name.
var trivial = []string{"", "0", "1", "on", "off", "yes", "no", "true", "false", "none", "default"}

// masker replaces what may be a secret in one file.
type masker struct {
	file  *source.File
	edits []span
	lines map[int]bool
	// paths says that values that begin with a slash are paths, of which no part is a secret.
	paths bool
	// faults are the lines that PHP's grammar refuses, by number.
	faults map[int]bool
}

// span is replaced by text.
type span struct {
	start, end int
	text       string
}

func newMasker(f *source.File) *masker { return &masker{file: f, lines: map[int]bool{}} }

// hide replaces a value.
func (m *masker) hide(start, end int) {
	if start < end {
		m.edits = append(m.edits, span{start, end, Mask})
		m.lines[m.file.Position(start).Line] = true
	}
}

// drop replaces a text that no rule needs, such as a comment. Manifests do not list these.
func (m *masker) drop(start, end int, kept string) {
	if start < end {
		m.edits = append(m.edits, span{start, end, kept})
	}
}

// blur replaces the words of a text that has no grammar and keeps its signs: what was no setting
// before is none after, for the same reason.
func (m *masker) blur(start, end int) { m.blurBut(start, end, func(string) bool { return false }) }

// blurBut is blur without the words that are no secrets.
func (m *masker) blurBut(start, end int, plain func(word string) bool) {
	for _, at := range word().FindAllIndex(m.file.Data[start:end], -1) {
		if plain(string(m.file.Data[start+at[0] : start+at[1]])) {
			continue
		}
		m.edits = append(m.edits, span{start + at[0], start + at[1], "x"})
		m.lines[m.file.Position(start+at[0]).Line] = true
	}
}

// result is the file with what was hidden replaced. A value keeps its line feeds, so that
// everything keeps its line.
func (m *masker) result() []byte {
	slices.SortStableFunc(m.edits, func(a, b span) int { return a.start - b.start })
	var out bytes.Buffer
	at := 0
	for _, e := range m.edits {
		if e.end <= at {
			continue
		}
		if e.start >= at {
			out.Write(m.file.Data[at:e.start])
			out.WriteString(e.text)
		}
		e.start = max(e.start, at)
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

// text hides what is a credential by its form, or by the name before it, within a value.
func (m *masker) text(start, end int) {
	data := m.file.Data[start:end]
	for _, at := range assignment().FindAllSubmatchIndex(data, -1) {
		if !variables().Match(data[at[2]:at[3]]) {
			m.quoted(start+at[2], start+at[3])
		}
	}
	m.forms(start, end)
	if bytes.HasPrefix(bytes.TrimLeft(data, "\"'"), []byte("/")) && m.paths {
		return
	}
	for _, at := range random().FindAllIndex(data, -1) {
		// A path is looked at by its parts: long ones are common.
		path := data[at[0]] == '/' || at[0] > 0 && bytes.IndexByte([]byte("/.:$}"), data[at[0]-1]) >= 0 || bytes.Count(data[at[0]:at[1]], []byte("/")) > 2
		if !path {
			if isRandom(string(data[at[0]:at[1]])) {
				m.hide(start+at[0], start+at[1])
			}
			continue
		}
		from := at[0]
		for part := range strings.SplitSeq(string(data[at[0]:at[1]]), "/") {
			if isRandom(part) {
				m.hide(start+from, start+from+len(part))
			}
			from += len(part) + 1
		}
	}
}

// forms hides the credentials whose form no path and no name has.
func (m *masker) forms(start, end int) {
	data := m.file.Data[start:end]
	for _, at := range userinfo().FindAllSubmatchIndex(data, -1) {
		from := at[2]
		if i := bytes.IndexByte(data[at[2]:at[3]], ':'); i >= 0 {
			from += i + 1 // a URL keeps its user
		}
		m.hide(start+from, start+at[3])
	}
	for _, at := range credentials().FindAllIndex(data, -1) {
		m.hide(start+at[0], start+at[1])
	}
}

// isRandom says whether a word looks drawn by lot: hexadecimal, or of all kinds of signs.
func isRandom(s string) bool {
	var upper, lower, digits, hex int
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
			hex++
		case c >= 'a' && c <= 'z':
			lower++
			if c <= 'f' {
				hex++
			}
		case c >= 'A' && c <= 'Z':
			upper++
			if c <= 'F' {
				hex++
			}
		}
	}
	return len(s) >= 32 && (hex == len(s) && digits > 0 || upper > 2 && lower > 2 && digits > 2)
}

func isTrivial(value string) bool {
	return slices.Contains(trivial, strings.ToLower(strings.Trim(value, "\"' \t")))
}

// generated are the words in a file's head by which lint.Generated tells who writes it.
var generated = lazy.Regexp(`(?i)ansible managed|managed by puppet|generated by chef|cpanel|\bsalt\b|do not edit|don't edit|do not modify|automatically generated|auto-?generated`)

// generatedHead is how far these words count, in bytes.
const generatedHead = 2048

// keep is what a snapshot keeps of a comment's text: fpmlint's own words, and who generates the file.
func (m *masker) keep(start, end int) string {
	text := string(m.file.Data[start:end])
	if strings.HasPrefix(strings.TrimLeft(text, ";# \t"), "fpmlint:") {
		return text
	}
	if start < generatedHead {
		if words := generated().FindString(text); words != "" {
			return " " + words
		}
	}
	return ""
}
