package rules

import (
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"fpmlint/lint/nginx"
)

// readLocation splits a location's arguments into modifier and pattern (ngx_http_core_location):
// "=", "~", "~*", "^~", "@" for a named one, "" for a prefix. The modifier may stand apart or not.
func readLocation(s *nginx.Scope) (modifier, pattern string) {
	if s.Statement == nil {
		return "", ""
	}
	first := s.Statement.Arg(0)
	switch len(s.Statement.Args) {
	case 2:
		return first, s.Statement.Arg(1)
	case 1:
		for _, m := range [...]string{"=", "^~", "~*", "~", "@"} {
			if rest, ok := strings.CutPrefix(first, m); ok {
				return m, rest
			}
		}
		return "", first
	}
	return "", ""
}

// matcher says whether a location's pattern matches a path. Patterns that PCRE alone understands,
// or that take too long, are not known.
type matcher func(uri string) (yes, known bool)

// matchers are those of the locations that were asked for so far, with their answers: thousands of
// sites have the same few patterns, and the same few paths are looked up in each.
type matchers struct {
	have    map[pattern]matcher
	answers map[question]answer
	// slow counts the patterns that were given up, asked the questions that had no answer yet.
	slow, asked int
}

type pattern struct{ modifier, text string }

type question struct {
	pattern
	uri string
}

type answer struct{ yes, known bool }

// match says whether a location's pattern matches a path.
func (m *matchers) match(s *nginx.Scope, uri string) (yes, known bool) {
	modifier, text := readLocation(s)
	q := question{pattern{modifier, text}, uri}
	a, have := m.answers[q]
	if !have {
		if m.asked++; m.asked > maxAsked {
			return false, false
		}
		a.yes, a.known = m.of(s)(uri)
		if m.answers == nil {
			m.answers = map[question]answer{}
		}
		if len(m.answers) < maxAnswers {
			m.answers[q] = a
		}
	}
	return a.yes, a.known
}

const (
	// maxAnswers bounds the answers that are kept.
	maxAnswers = 100_000
	// maxAsked bounds the questions: thousands of paths may be looked up among thousands of locations.
	// Beyond it nothing is known. A location that is looked past counts as a part of one.
	maxAsked   = 1_000_000
	lookedPast = 32
)

func (m *matchers) of(s *nginx.Scope) matcher {
	modifier, text := readLocation(s)
	p := pattern{modifier, text}
	if have := m.have[p]; have != nil {
		return have
	}
	if m.have == nil {
		m.have = map[pattern]matcher{}
	}
	m.have[p] = m.compile(p.modifier, p.text)
	return m.have[p]
}

func (m *matchers) compile(modifier, pattern string) matcher {
	switch modifier {
	case "=":
		return func(uri string) (yes, known bool) { return uri == pattern, true }
	case "@":
		return func(string) (yes, known bool) { return false, true }
	case "~":
		return m.regex(pattern)
	case "~*":
		return m.regex("(?i)" + pattern)
	default:
		return func(uri string) (yes, known bool) { return strings.HasPrefix(uri, pattern), true }
	}
}

const (
	// maxPattern bounds a pattern for the engine that goes back, in bytes; nginx reads words of 4 KiB.
	maxPattern = 4096
	// patternTime bounds one match, maxSlow how many patterns may take that long.
	patternTime = 20 * time.Millisecond
	maxSlow     = 5
)

// regex matches in linear time where it can. Patterns with look-around and the like, such as
// /\.(?!well-known), need an engine that goes back, which is given little time.
func (m *matchers) regex(pattern string) matcher {
	if re, err := regexp.Compile(pattern); err == nil {
		return func(uri string) (yes, known bool) { return re.MatchString(uri), true }
	}
	unknown := func(string) (yes, known bool) { return false, false }
	if len(pattern) > maxPattern {
		return unknown
	}
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return unknown
	}
	re.MatchTimeout = patternTime
	return func(uri string) (yes, known bool) {
		if m.slow >= maxSlow {
			return false, false
		}
		yes, err := re.MatchString(uri)
		if err != nil {
			m.slow++
		}
		return yes, err == nil
	}
}

// isRegex says whether a location is given by a regular expression.
func isRegex(s *nginx.Scope) bool {
	modifier, _ := readLocation(s)
	return strings.HasPrefix(modifier, "~")
}

// locationFor finds the location below a level that serves a path, the level itself where none
// does (ngx_http_core_find_location). known is false where a pattern could not be judged.
func (m *matchers) locationFor(level *nginx.Scope, uri string) (found *nginx.Scope, known bool) {
	var longest *nginx.Scope
	var regexes []*nginx.Scope
	if m.asked += len(level.Children) / lookedPast; m.asked > maxAsked {
		return nil, false
	}
	for _, c := range level.Children {
		if c.Kind != "location" {
			continue
		}
		modifier, pattern := readLocation(c)
		switch {
		case isRegex(c):
			regexes = append(regexes, c)
		case modifier == "@":
		case modifier == "=" && uri == pattern:
			return c, true
		case modifier != "=" && strings.HasPrefix(uri, pattern):
			if longest == nil || len(pattern) > longestPrefix(longest) {
				longest = c
			}
		}
	}
	found = level
	if longest != nil {
		inner, known := m.locationFor(longest, uri)
		if modifier, _ := readLocation(longest); !known || modifier == "^~" || inner != longest && (isRegex(inner) || isExact(inner)) {
			return inner, known
		}
		found = inner
	}
	for _, c := range regexes {
		yes, known := m.match(c, uri)
		if !known {
			return nil, false
		}
		if yes {
			return m.locationFor(c, uri)
		}
	}
	return found, true
}

func longestPrefix(s *nginx.Scope) int {
	_, pattern := readLocation(s)
	return len(pattern)
}

func isExact(s *nginx.Scope) bool {
	modifier, _ := readLocation(s)
	return modifier == "="
}

// answers says whether a location's own directives decide what happens to a request, so that no
// file is served: it hands it on, redirects, refuses, or runs code.
func answers(s *nginx.Scope) bool {
	for _, d := range s.Directives {
		switch d.Name {
		case "return", "rewrite", "internal", "empty_gif", "stub_status", "perl", "js_content", "echo":
			return true
		case "try_files":
			// nginx serves the file itself where the first name is the request's own.
			if own := requestsFile(d.Arg(0)); !own {
				return true
			}
		}
		if strings.HasSuffix(d.Name, "_pass") || strings.HasPrefix(d.Name, "content_by_lua") {
			return true
		}
	}
	for _, c := range s.Children {
		if c.Kind != "location" && (strings.Contains(c.Kind, "_by_lua") || answers(c)) {
			return true
		}
	}
	list, _ := s.EffectiveList("allow")
	denied, _ := s.EffectiveList("deny")
	for _, d := range denied {
		if d.Arg(0) == "all" && len(list) == 0 {
			return true
		}
	}
	return false
}

// requestsFile says whether a path names the file that the request asks for.
func requestsFile(text string) bool {
	for _, v := range []string{"$uri", "$document_uri", "$fastcgi_script_name", "$request_filename"} {
		if strings.Contains(text, v) {
			return true
		}
	}
	return false
}
