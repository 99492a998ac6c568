package nginx

import "strings"

// SameLocation is a location that its server, or the location around it, has already.
type SameLocation struct {
	Path          string
	First, Second *Statement
}

// SameLocations are the locations that nginx refuses as duplicates (ngx_http_cmp_locations): of one path
// with = or without; ^~ makes no other path, and regular expressions may repeat.
func (c *Config) SameLocations() []SameLocation {
	var out []SameLocation
	for s := range c.Scopes {
		if s.Kind != "server" && s.Kind != "location" {
			continue
		}
		var first map[string]*Statement
		for _, child := range s.Children {
			if child.Kind != "location" || child.Statement == nil {
				continue
			}
			key, path, ok := child.Statement.location()
			if !ok {
				continue
			}
			if first == nil {
				first = map[string]*Statement{}
			}
			if first[key] != nil {
				out = append(out, SameLocation{path, first[key], child.Statement})
				continue
			}
			first[key] = child.Statement
		}
	}
	return out
}

// location is the path of a location and what nginx compares of it; ok is false for a regular
// expression, and for a name, of which nginx takes the first.
func (s *Statement) location() (key, path string, ok bool) {
	modifier, path := "", s.Arg(0)
	if len(s.Args) == 2 {
		modifier, path = s.Arg(0), s.Arg(1)
	} else if rest, exact := strings.CutPrefix(path, "="); exact {
		modifier, path = "=", rest
	} else if rest, prefix := strings.CutPrefix(path, "^~"); prefix {
		modifier, path = "^~", rest
	}
	switch {
	case !strings.HasPrefix(path, "/"):
	case modifier == "=":
		return "=" + path, path, true
	case modifier == "^~" || modifier == "":
		return path, path, true
	}
	return "", "", false
}
