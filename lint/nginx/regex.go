package nginx

import "strings"

// pattern is the regular expression of a directive and the argument in which it stands; ok is false
// where there is none.
func (s *Statement) pattern() (text string, arg int, ok bool) {
	switch s.Name {
	case "location":
		if len(s.Args) == 2 && (s.Arg(0) == "~" || s.Arg(0) == "~*") {
			return s.Arg(1), 1, true
		}
	case "rewrite", "fastcgi_split_path_info":
		if len(s.Args) > 0 {
			return s.Arg(0), 0, true
		}
	}
	return "", 0, false
}

// badPattern says why PCRE refuses a pattern for sure: brackets that do not pair, and a quantifier that
// has nothing to repeat. "" is all else, what is not understood here too.
func badPattern(p string) string {
	depth := 0
	repeatable, quantified := false, false
	for i := 0; i < len(p); i++ {
		c := p[i]
		wasQuantified := quantified
		quantified = false
		switch c {
		case '\\':
			if i++; i == len(p) || p[i] == 'Q' || p[i] == 'E' {
				return ""
			}
			repeatable = true
		case '[':
			end := classEnd(p, i)
			if end < 0 {
				return "missing terminating ] for character class"
			}
			i, repeatable = end, true
		case '(':
			if strings.HasPrefix(p[i:], "(?") {
				group := p[i+2:]
				n := strings.IndexAny(group, ":=!>)'")
				if n < 0 || strings.ContainsAny(group[:n], "#x(C&R|") {
					return "" // comments, free spacing, conditions, callouts, recursion
				}
				if group[n] == '\'' { // a name in quotes
					m := strings.IndexByte(group[n+1:], '\'')
					if m < 0 {
						return ""
					}
					n += m + 1
				}
				i += 2 + n
				if group[n] == ')' { // (?i) opens no group, and (?1) calls one
					if strings.ContainsAny(group[:n], "0123456789") {
						return ""
					}
					repeatable = false
					continue
				}
			} else if strings.HasPrefix(p[i:], "(*") {
				return ""
			}
			depth++
			repeatable = false
		case ')':
			if depth--; depth < 0 {
				return "unmatched closing parenthesis"
			}
			repeatable = true
		case '|':
			repeatable = false
		case '*', '+', '?':
			switch {
			case wasQuantified && c != '*': // lazy or possessive
			case wasQuantified || !repeatable:
				return "quantifier does not follow a repeatable item"
			default:
				quantified = true
			}
		default:
			repeatable = true
		}
	}
	if depth > 0 {
		return "missing closing parenthesis"
	}
	return ""
}

// classEnd is the place of the bracket that ends a class, -1 where there is none.
func classEnd(p string, start int) int {
	i := start + 1
	if i < len(p) && p[i] == '^' {
		i++
	}
	if i < len(p) && p[i] == ']' {
		i++
	}
	for ; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '[':
			if rest := p[i:]; strings.HasPrefix(rest, "[:") {
				if n := strings.Index(rest, ":]"); n > 0 {
					i += n + 1
				}
			}
		case ']':
			return i
		}
	}
	return -1
}
