package nginx

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fpmlint/lint/source"
)

// Scope is one block in its place, the includes in it spliced in. A snippet that three servers
// include makes three sets of scopes over the same statements.
type Scope struct {
	// What lookups touch stands together.

	Parent *Scope
	// names has a bit for each directive's name, so that most lookups end there. ids are those of the
	// names, side by side, so that the others touch no directive but those that they find.
	names  nameSet
	ids    []nameID
	server *Scope
	// Directives are the simple directives, Children the blocks, in textual order.
	Directives []*Statement
	Children   []*Scope

	// Kind is the block's name: "main", "http", "server", "location", "if", "upstream", ...
	Kind string
	// Statement opened the block; nil for main and for what a fragment is read as inside of.
	Statement *Statement
	// Unread are includes in this block that could not be read.
	Unread []*Statement
	Config *Config

	once  sync.Once
	index map[string][]*Statement
	sets  atomic.Pointer[assignments]
}

// nameSet has a bit for each name that is known, and one for all others.
type nameSet [2]uint64

func (s *nameSet) add(n nameID)      { s[n>>6&1] |= 1 << (n & 63) }
func (s *nameSet) has(n nameID) bool { return s[n>>6&1]>>(n&63)&1 != 0 }

// below makes a block inside a scope.
func (s *Scope) below(kind string) *Scope {
	child := &Scope{}
	s.hold(child, kind)
	return child
}

// hold puts a new block inside a scope.
func (s *Scope) hold(child *Scope, kind string) {
	child.Kind, child.Parent, child.Config, child.server = kind, s, s.Config, s.server
	if kind == "server" {
		child.server = child
	}
	s.Children = append(s.Children, child)
}

func (s *Scope) add(d *Statement) {
	s.Directives = append(s.Directives, d)
	s.ids = append(s.ids, d.id)
	s.names.add(d.id)
}

// indexFrom is the number of directives from which a scope keeps an index of names.
const indexFrom = 64

// FindAll returns the directives of a name on this level, in textual order.
func (s *Scope) FindAll(name string) []*Statement {
	n := lookup(name).id
	if !s.names.has(n) {
		return nil
	}
	if len(s.Directives) >= indexFrom {
		return s.indexed(name)
	}
	first := s.next(0, n, name)
	if first < 0 {
		return nil
	}
	last := first + 1
	for last < len(s.ids) && s.has(last, n, name) {
		last++
	}
	if s.next(last, n, name) < 0 {
		return s.Directives[first:last:last] // they stand together, as those of a snippet do
	}
	var out []*Statement
	for i := first; i >= 0; i = s.next(i+1, n, name) {
		out = append(out, s.Directives[i])
	}
	return out
}

// next is the first directive of a name from a place on, -1 where there is none.
func (s *Scope) next(from int, n nameID, name string) int {
	for i := from; i < len(s.ids); i++ {
		if s.has(i, n, name) {
			return i
		}
	}
	return -1
}

func (s *Scope) has(i int, n nameID, name string) bool {
	return s.ids[i] == n && (n != 0 || s.Directives[i].Name == name)
}

func (s *Scope) indexed(name string) []*Statement {
	s.once.Do(func() {
		s.index = map[string][]*Statement{}
		for _, d := range s.Directives {
			s.index[d.Name] = append(s.index[d.Name], d)
		}
	})
	return s.index[name]
}

// Find returns the first directive of a name on this level, nil where there is none.
func (s *Scope) Find(name string) *Statement { return s.find(lookup(name), name) }

func (s *Scope) find(k *directive, name string) *Statement {
	if !s.names.has(k.id) {
		return nil
	}
	if len(s.Directives) >= indexFrom {
		if all := s.indexed(name); len(all) > 0 {
			return all[0]
		}
		return nil
	}
	if i := s.next(0, k.id, name); i >= 0 {
		return s.Directives[i]
	}
	return nil
}

// Value is the value of a directive that is in effect somewhere.
type Value struct {
	// Text is the arguments with spaces between them.
	Text string
	// Statement sets the value, on the level of Scope; nil for a default.
	Statement *Statement
	Scope     *Scope
	Span      source.Span
	IsDefault bool

	args []string // of a default
}

// Args are the arguments.
func (v Value) Args() []string {
	if v.Statement != nil {
		return v.Statement.Values()
	}
	return v.args
}

// Effective is the value in effect on this level: the nearest one outwards to http, else nginx's
// default. Directives that nginx does not inherit are looked up on this level only, and for if
// and limit_except in their location too.
func (s *Scope) Effective(name string) Value {
	k := lookup(name)
	for at := s; at != nil; at = at.Parent {
		if d := at.find(k, name); d != nil {
			return Value{Text: d.text(), Statement: d, Scope: at, Span: d.Span()}
		}
		if k.traits&local != 0 && at.Kind != "if" && at.Kind != "limit_except" {
			break
		}
	}
	return Value{Text: k.text, args: k.args, IsDefault: true}
}

// EffectiveList is the list of a directive that may repeat (fastcgi_param, access_log, ...): the
// nearest level that has any replaces all outer ones (ngx_conf_merge_ptr_value and its likes).
func (s *Scope) EffectiveList(name string) (list []*Statement, at *Scope) {
	for at := s; at != nil; at = at.Parent {
		if list := at.FindAll(name); len(list) > 0 {
			return list, at
		}
	}
	return nil, nil
}

// Server is the server block around the scope, nil if there is none.
func (s *Scope) Server() *Scope { return s.server }

// ServerNames are the names of the server block around the scope.
func (s *Scope) ServerNames() []string {
	server := s.Server()
	if server == nil {
		return nil
	}
	var names []string
	for _, d := range server.FindAll("server_name") {
		names = append(names, d.Values()...)
	}
	return names
}

// Label names the scope for people: "server example.com, location ~ \.php$".
func (s *Scope) Label() string {
	var parts []string
	for at := s; at != nil && at.Kind != "http" && at.Kind != "main"; at = at.Parent {
		switch {
		case at.Kind == "server":
			name := "server"
			if names := at.ServerNames(); len(names) > 0 && names[0] != "" && names[0] != "_" {
				name += " " + names[0]
			} else if l := at.Find("listen"); l != nil {
				name += " " + l.Arg(0)
			}
			parts = append(parts, name)
		case at.Statement != nil:
			parts = append(parts, strings.TrimSpace(at.Kind+" "+strings.Join(at.Statement.Values(), " ")))
		}
	}
	if len(parts) == 0 {
		return s.Kind
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ", ")
}

// Duration reads the value as a time.
func (v Value) Duration() (time.Duration, error) { return ParseTime(v.Text) }

// Size reads the value as a size in bytes.
func (v Value) Size() (int64, error) { return ParseSize(v.Text) }

// On says whether the value is "on" (ngx_conf_set_flag_slot).
func (v Value) On() bool { return strings.EqualFold(v.Text, "on") }

// number reads a count; -1 where it is none.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
