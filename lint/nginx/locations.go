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
	var few []located // most levels have few: looking through them costs less than a map
	for s := range c.Scopes {
		if s.Kind != "server" && s.Kind != "location" {
			continue
		}
		few = few[:0]
		var many map[locationPath]*Statement
		for _, child := range s.Children {
			if child.Kind != "location" || child.Statement == nil {
				continue
			}
			path, ok := child.Statement.location()
			if !ok {
				continue
			}
			first := many[path]
			for _, l := range few {
				if l.path == path {
					first = l.at
				}
			}
			switch {
			case first != nil:
				out = append(out, SameLocation{path.text, first, child.Statement})
			case len(few) < 16:
				few = append(few, located{path, child.Statement})
			default:
				if many == nil {
					many = map[locationPath]*Statement{}
				}
				many[path] = child.Statement
			}
		}
	}
	return out
}

// locationPath is what nginx compares of a location.
type locationPath struct {
	exact bool
	text  string
}

type located struct {
	path locationPath
	at   *Statement
}

// location is the path of a location; ok is false for a regular expression, and for a name, of which
// nginx takes the first.
func (s *Statement) location() (p locationPath, ok bool) {
	if len(s.Args) == 0 || strings.HasPrefix(s.Args[0].Value, "~") {
		return p, false
	}
	modifier, path := "", s.Arg(0)
	if len(s.Args) == 2 {
		modifier, path = s.Arg(0), s.Arg(1)
	} else if rest, exact := strings.CutPrefix(path, "="); exact {
		modifier, path = "=", rest
	} else if rest, prefix := strings.CutPrefix(path, "^~"); prefix {
		modifier, path = "^~", rest
	}
	known := modifier == "" || modifier == "=" || modifier == "^~"
	return locationPath{modifier == "=", path}, known && strings.HasPrefix(path, "/")
}
