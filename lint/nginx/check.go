package nginx

import (
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint/source"
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
	var walk func(list []*Statement, opaque bool)
	walk = func(list []*Statement, opaque bool) {
		var seen []nameID
		for _, s := range list {
			if strings.HasPrefix(s.Name, "\xef\xbb\xbf") {
				report(s.NameSpan(), `unknown directive "%s"`, s.Name) // nginx does not skip a byte order mark
			}
			if s.IsBlock() {
				if s.is(simple) && !opaque {
					structural = true
					report(s.Span(), `directive "%s" is not terminated by ";"`, s.Name)
				}
				// The bodies of map and its likes hold data, whose keys may look like directives.
				walk(s.Block, s.is(data))
				continue
			}
			if opaque {
				continue
			}
			switch {
			case wrongCount(s):
				report(s.Span(), `invalid number of arguments in "%s" directive`, s.Name)
			case s.is(block) && (s.Name != "server" && s.Name != "if" || len(s.Args) == 0):
				structural = true
				report(s.Span(), `directive "%s" has no opening "{"`, s.Name)
			case s.is(unique) && slices.Contains(seen, s.id):
				report(s.Span(), `"%s" directive is duplicate`, s.Name)
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
	walk(statements, false)
	return problems, structural
}

// wrongCount says whether a directive has more or fewer arguments than it takes.
func wrongCount(s *Statement) bool {
	n := len(s.Args)
	switch s.Name {
	case "fastcgi_buffers", "proxy_buffers":
		return n != 2
	case "fastcgi_param":
		return n != 2 && n != 3
	}
	return n != 1 && s.is(one)
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
