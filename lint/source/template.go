package source

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
)

// marks match what a template leaves to be filled in and what neither daemon's files have outside
// comments: Jinja and Go ({{ x }}, {% if %}), ERB and EPP (<% %>), autoconf and sed (@NAME@,
// __NAME__, !NAME!, %name%, @{NAME}, #{NAME}). A %XX of a URL is none.
var marks = lazy.Regexp(`^(?:\{\{[^{}\n]*\}\}|\{%[^{}\n]*%\}|<%[=#-]?\s|@[A-Za-z][A-Za-z0-9_]*@|__[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*__|![A-Z][A-Z0-9_]*!|%[A-Za-z_]{3,}%|%ip%|[@#]\{[A-Za-z_][A-Za-z0-9_.]*\})`)

// maxMark bounds a mark, in bytes.
const maxMark = 256

// TemplateMarks are the places of all marks of templates in a text, comments and all.
func TemplateMarks(text string) (found [][2]int) {
	for at := 0; at < len(text); at++ {
		if !mayBegin(text[at:]) {
			continue
		}
		if m := marks().FindString(text[at:min(len(text), at+maxMark)]); m != "" {
			m = strings.TrimRight(m, " \t\r\n")
			found = append(found, [2]int{at, at + len(m)})
			at += len(m) - 1
		}
	}
	return found
}

// mayBegin spares most places the regular expression.
func mayBegin(text string) bool {
	switch text[0] {
	case '{', '<', '_', '#', '@', '!', '%':
	default:
		return false
	}
	if len(text) < 3 {
		return false
	}
	letter := text[1]|0x20 >= 'a' && text[1]|0x20 <= 'z'
	switch text[0] {
	case '{':
		return text[1] == '{' || text[1] == '%'
	case '<':
		return text[1] == '%'
	case '_':
		return text[1] == '_'
	case '#':
		return text[1] == '{'
	case '@':
		return letter || text[1] == '{'
	}
	return letter || text[1] == '_' // ! and %
}

// templateExtensions are those that people give templates of configuration files.
var templateExtensions = []string{".template", ".tmpl", ".tpl", ".j2", ".jinja", ".jinja2", ".erb", ".epp", ".ctmpl", ".gotmpl", ".dist", ".in", ".mustache", ".hbs", ".envsubst"}

// TemplateName says whether a file's name is one of a template. Its content may yet be plain.
func TemplateName(p string) bool {
	return slices.Contains(templateExtensions, strings.ToLower(path.Ext(p)))
}

// NewTemplate is the problem of a file that is a template, by the mark that shows it.
func NewTemplate(mark Span) Problem {
	return Problem{
		Kind: Template, Span: mark,
		Message: fmt.Sprintf("a template, as %s shows: lint what it is rendered to", mark.Text()),
	}
}
