package nginx

import (
	"fmt"
	"strings"
	"sync"

	"fpmlint/lint/source"
)

// Bounds on what an expression can expand to.
const (
	maxValues     = 256
	maxValueDepth = 8
	maxValueSize  = 4096 // bytes; nginx's own bound on a literal
	maxSteps      = 4096
)

var (
	tooMany  = fmt.Sprintf("more than %d values are possible", maxValues)
	tooLong  = fmt.Sprintf("a value is longer than %d bytes", maxValueSize)
	tooDeep  = "variables refer to each other too deeply"
	tooSteep = fmt.Sprintf("more than %d combinations of variables lead to its values", maxSteps)
)

// Constant is one value that an expression can have.
type Constant struct {
	Text string
	// Span is where the literal stands that decides the value: the argument itself, or that of
	// a set, a map, a geo or a split_clients.
	Span source.Span
}

// variables are the http block's definitions, collected once.
type variables struct {
	once sync.Once
	maps map[string]*Scope // map, geo, split_clients, by the variable they define
}

// Values expands the variables of a text as far as they are constant. unknown says why not all
// values are known; those that are known are returned even then.
func (s *Scope) Values(text string, at source.Span) (values []Constant, unknown string) {
	return (&expansion{}).expand(s, text, at, 0)
}

// expansion counts the steps that the values of one expression take: each variable may be made of
// others, and these of others, many times each.
type expansion struct{ steps int }

// spend says whether there are steps left.
func (x *expansion) spend(steps int) bool {
	x.steps += steps
	return x.steps <= maxSteps
}

func (x *expansion) expand(s *Scope, text string, at source.Span, depth int) ([]Constant, string) {
	if depth > maxValueDepth {
		return nil, tooDeep
	}
	out := []Constant{{"", at}}
	why := ""
	for text != "" {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			i = len(text)
		}
		for j := range out {
			out[j].Text += text[:i]
		}
		if text = text[i:]; text == "" {
			break
		}
		name, rest := variableName(text[1:])
		if name == "" { // a lone dollar is nginx's error
			return nil, "a \"$\" without a variable's name"
		}
		text = rest
		values, unknown := x.variable(s, name, depth)
		if unknown != "" {
			why = unknown
		}
		switch {
		case len(out)*len(values) > maxValues:
			return nil, tooMany
		case !x.spend(1 + len(out)*len(values)):
			return nil, tooSteep
		}
		next := make([]Constant, 0, len(out)*len(values))
		for _, o := range out {
			for _, v := range values {
				if len(o.Text)+len(v.Text) > maxValueSize {
					return nil, tooLong
				}
				next = append(next, Constant{o.Text + v.Text, v.Span})
			}
		}
		out = next
	}
	return out, why
}

// variableName splits a variable's name off, as ngx_http_script_compile does: digits, letters
// and underscores, or anything in braces.
func variableName(text string) (name, rest string) {
	if strings.HasPrefix(text, "{") {
		if end := strings.IndexByte(text, '}'); end > 0 {
			return text[1:end], text[end+1:]
		}
		return "", text
	}
	end := 0
	for end < len(text) && (text[end] == '_' || text[end] >= '0' && text[end] <= '9' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z') {
		end++
	}
	return text[:end], text[end:]
}

// variable is the values that a variable can have in this place.
func (x *expansion) variable(s *Scope, name string, depth int) (values []Constant, unknown string) {
	if values, unknown, found := x.assigned(s, name, depth); found {
		return values, unknown
	}
	if m := s.Config.definition(name); m != nil {
		return x.table(s, m, name, depth)
	}
	if len(name) > 0 && name[0] >= '0' && name[0] <= '9' {
		return nil, fmt.Sprintf("$%s is a part of the request that a regular expression takes", name)
	}
	return nil, fmt.Sprintf("the value of $%s is not constant", name)
}

// assigned looks for set directives. nginx runs those of the server, then those of the location;
// one inside an if runs only when the condition holds, so that any of its values is possible.
func (x *expansion) assigned(s *Scope, name string, depth int) (values []Constant, unknown string, found bool) {
	var chain []*Scope
	for at := s; at != nil && at.Kind != "http"; at = at.Parent {
		chain = append(chain, at)
	}
	unconditional := false
	add := func(sets []*Statement, conditional bool, scope *Scope) {
		if n := len(sets); !conditional && n > 0 && !strings.Contains(sets[n-1].Arg(1), "$"+name) {
			sets = sets[n-1:] // what ran before it counts no more
		}
		for _, d := range sets {
			if len(values) > maxValues {
				unknown, found = tooMany, true
				return
			}
			if !x.spend(1) {
				unknown, found = tooSteep, true
				return
			}
			if strings.Contains(d.Arg(1), "$"+name) { // set $a "$a..." adds to what was there
				unknown, found = fmt.Sprintf("$%s is put together step by step", name), true
				return
			}
			if !conditional { // it runs always, after those of outer levels
				values, unknown, unconditional = nil, "", true
			}
			v, why := x.expand(scope, d.Arg(1), d.ArgSpan(1), depth+1)
			if why != "" {
				unknown = why
			}
			values = append(values, v...)
			found = true
		}
	}
	for i := len(chain) - 1; i >= 0; i-- {
		scope := chain[i]
		add(scope.assignments().own[name], scope.Kind == "if" && scope != s, scope)
		for _, child := range scope.assignments().within[name] {
			if !contains(chain, child) {
				add(child.assignments().own[name], true, child)
			}
		}
	}
	if found && !unconditional && unknown == "" {
		unknown = fmt.Sprintf("$%s is set only under a condition", name)
	}
	return values, unknown, found
}

// assignments are the set directives of a scope by their variables: many hand-offs ask for them.
type assignments struct {
	own map[string][]*Statement
	// within are the ifs on this level that set the variable.
	within map[string][]*Scope
}

func (s *Scope) assignments() *assignments {
	if a := s.sets.Load(); a != nil {
		return a
	}
	a := &assignments{}
	for _, d := range s.FindAll("set") {
		if len(d.Args) != 2 {
			continue
		}
		if a.own == nil {
			a.own = map[string][]*Statement{}
		}
		name := strings.TrimPrefix(d.Arg(0), "$")
		a.own[name] = append(a.own[name], d)
	}
	for _, child := range s.Children {
		if child.Kind != "if" {
			continue
		}
		if a.within == nil {
			a.within = map[string][]*Scope{}
		}
		for name := range child.assignments().own {
			a.within[name] = append(a.within[name], child)
		}
	}
	s.sets.Store(a)
	return a
}

func contains(chain []*Scope, s *Scope) bool {
	for _, c := range chain {
		if c == s {
			return true
		}
	}
	return false
}

// definition finds the map, geo or split_clients that defines a variable.
func (c *Config) definition(name string) *Scope {
	c.variables.once.Do(func() {
		c.variables.maps = map[string]*Scope{}
		for _, http := range c.Main.Children {
			if http.Kind != "http" {
				continue
			}
			for _, b := range http.Children {
				if b.Statement == nil || len(b.Statement.Args) == 0 {
					continue
				}
				switch b.Kind {
				case "map", "geo", "split_clients":
					args := b.Statement.Args
					defined := strings.TrimPrefix(args[len(args)-1].Value, "$")
					if c.variables.maps[defined] == nil {
						c.variables.maps[defined] = b
					}
				}
			}
		}
	})
	return c.variables.maps[name]
}

// table is the values of a map, a geo or a split_clients. Without a default the empty string is
// one of them. Where a map's source is constant, only the value that matches counts.
func (x *expansion) table(s, m *Scope, name string, depth int) (values []Constant, unknown string) {
	if len(m.Unread) > 0 {
		unknown = fmt.Sprintf("an include in the %s of $%s was not read", m.Kind, name)
	}
	entries := m.Directives
	if m.Kind == "map" && len(m.Statement.Args) == 2 {
		if key, ok := x.constant(s, m.Statement.Arg(0), depth); ok {
			entries = matching(entries, key)
		}
	}
	hasDefault := false
	for _, d := range entries {
		if len(d.Args) != 1 || m.Kind == "geo" && geoSetting[d.Name] {
			continue
		}
		if !x.spend(1) {
			return nil, tooSteep
		}
		hasDefault = hasDefault || d.Name == "default" || d.Name == "*" && m.Kind == "split_clients" || len(entries) == 1 && len(m.Directives) != 1
		v, why := x.expand(s, d.Arg(0), d.ArgSpan(0), depth+1)
		if why != "" {
			unknown = why
		}
		if values = append(values, v...); len(values) > maxValues {
			return nil, tooMany
		}
	}
	if !hasDefault && unknown == "" {
		unknown = fmt.Sprintf("$%s is empty where the %s has no entry", name, m.Kind)
	}
	return values, unknown
}

// geoSetting are lines of a geo block that are no entries.
var geoSetting = map[string]bool{"proxy": true, "proxy_recursive": true, "delete": true, "ranges": true}

// constant evaluates an expression that has exactly one value.
func (x *expansion) constant(s *Scope, text string, depth int) (string, bool) {
	if !strings.Contains(text, "$") {
		return text, true
	}
	v, unknown := x.expand(s, text, source.Span{}, depth+1)
	if unknown != "" || len(v) != 1 {
		return "", false
	}
	return v[0].Text, true
}

// matching are the entries of a map that a constant source selects. Regular expressions are not
// evaluated: with one, all entries stay.
func matching(entries []*Statement, key string) []*Statement {
	var fallback []*Statement
	for _, d := range entries {
		switch {
		case strings.HasPrefix(d.Name, "~") || d.Name == "hostnames":
			return entries
		case d.Name == "default":
			fallback = []*Statement{d}
		case strings.EqualFold(d.Name, key):
			return []*Statement{d}
		}
	}
	return fallback
}
