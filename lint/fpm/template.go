package fpm

import (
	"bytes"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

var (
	// hole is a name in braces, which PHP's INI grammar takes for neither a value nor ${NAME};
	// %{NAME} is FPM's own in access.format.
	hole = lazy.Regexp(`(?:^|[^$%{])(\{[A-Za-z_][A-Za-z0-9_.]*\})`)
	// environment is a variable in capitals without braces, which FPM expands in env[...] only.
	environment = lazy.Regexp(`\$[A-Z][A-Z0-9_]+`)
	// variable is any without braces. FPM expands $pool alone.
	variable = lazy.Regexp(`\$[A-Za-z_][A-Za-z0-9_]*`)
	// port is a name in capitals where only a number may stand.
	port = lazy.Regexp(`:([A-Z][A-Z0-9_]+)[ \t\r\n]*$`)
	// count is a name in capitals for a number of workers, in a file that is called a template.
	count = lazy.Regexp(`^[ \t]*pm\.(?:max|min|start)_[a-z_]+[ \t]*=[ \t]*([A-Z][A-Z0-9_]+)[ \t\r\n]*$`)
	// likely are lines that FPM's files are full of.
	likely = lazy.Regexp(`(?m)^[ \t]*(?:pm(?:\.[a-z_]+)?|listen(?:\.[a-z_]+)?|request_(?:terminate|slowlog)_timeout|catch_workers_output|php_(?:admin_)?(?:value|flag)\[[^\]\n]*\]|emergency_restart_[a-z]+)[ \t]*=`)
)

// TemplateMark finds what shows that a file is a template that becomes FPM's. Comments are not
// looked at; a binary file is none.
func TemplateMark(f *source.File) (mark source.Span, ok bool) {
	if bytes.IndexByte(f.Data, 0) >= 0 {
		return source.Span{}, false
	}
	at, named := 0, source.TemplateName(f.Path)
	for line := range strings.Lines(f.Text()) {
		if start, end, ok := markIn(line); ok {
			return f.Span(at+start, at+end), true
		}
		if named {
			if m := count().FindStringSubmatchIndex(line); m != nil {
				return f.Span(at+m[2], at+m[3]), true
			}
		}
		at += len(line)
	}
	return source.Span{}, false
}

func markIn(line string) (start, end int, ok bool) {
	text := strings.TrimLeft(line, " \t")
	if strings.HasPrefix(text, ";") || strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "#{") {
		return 0, 0, false
	}
	key, _, _ := strings.Cut(text, "=")
	setting, _, _ := strings.Cut(line, ";")
	if found := source.TemplateMarks(line); found != nil {
		return found[0][0], found[0][1], true
	}
	if strings.HasPrefix(key, "access.format") || strings.ContainsAny(line, `"'`) {
		return 0, 0, false
	}
	if strings.IndexByte(line, '{') >= 0 {
		if m := hole().FindStringSubmatchIndex(line); m != nil {
			return m[2], m[3], true
		}
	}
	if strings.IndexByte(line, '$') >= 0 && !strings.HasPrefix(key, "env[") {
		if m := environment().FindStringIndex(line); m != nil {
			return m[0], m[1], true
		}
		if m := variable().FindStringIndex(setting); m != nil && !strings.Contains(key, "[") && !strings.HasPrefix(line[m[0]:], "$pool") {
			return m[0], m[1], true
		}
	}
	if strings.TrimRight(key, " \t") == "listen" {
		if m := port().FindStringSubmatchIndex(setting); m != nil {
			return m[2], m[3], true
		}
	}
	return 0, 0, false
}

// Likely says whether a file that fpmlint cannot read, such as a template, has lines as FPM's have.
func Likely(data []byte) bool { return len(likely().FindAllIndex(data, 2)) == 2 }
