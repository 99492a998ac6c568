package nginx

import (
	"slices"
	"sync"
)

// scopes are all scopes of a configuration, and which of them have a directive of a name.
type scopes struct {
	once sync.Once
	all  []*Scope
	// having are places in all, by the directive's id.
	having [][]int32
}

// index lists the scopes once.
func (c *Config) index() *scopes {
	x := &c.scopes
	x.once.Do(func() {
		counts := make([]int32, len(table))
		blocks := 1
		for _, f := range c.Files {
			blocks += f.blocks
		}
		x.all = make([]*Scope, 0, blocks)
		todo := []*Scope{c.Main}
		for len(todo) > 0 {
			s := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			x.all = append(x.all, s)
			for _, id := range s.ids {
				counts[id]++
			}
			for i := len(s.Children) - 1; i >= 0; i-- {
				todo = append(todo, s.Children[i])
			}
		}
		x.having = make([][]int32, len(table))
		for id, n := range counts {
			x.having[id] = make([]int32, 0, n)
		}
		for i, s := range x.all {
			for _, id := range s.ids {
				if have := x.having[id]; len(have) == 0 || have[len(have)-1] != int32(i) {
					x.having[id] = append(have, int32(i))
				}
			}
		}
	})
	return x
}

// Scopes yields all scopes, outer before inner, in textual order.
func (c *Config) Scopes(yield func(*Scope) bool) {
	for _, s := range c.index().all {
		if !yield(s) {
			return
		}
	}
}

// Servers yields the server blocks of http, stream and mail, in textual order.
func (c *Config) Servers(yield func(*Scope) bool) {
	servers := func(in *Scope) bool {
		for _, s := range in.Children {
			if s.Kind == "server" && !yield(s) {
				return false
			}
		}
		return true
	}
	for _, in := range c.Main.Children {
		if !servers(in) {
			return
		}
	}
}

// Having yields the scopes that have a directive of one of the names on their own level, in textual
// order.
func (c *Config) Having(names ...string) func(yield func(*Scope) bool) {
	x := c.index()
	var places []int32
	for _, name := range names {
		id := lookup(name).id
		for _, i := range x.having[id] {
			if id != 0 || x.all[i].Find(name) != nil {
				places = append(places, i)
			}
		}
	}
	if len(names) > 1 {
		slices.Sort(places)
		places = slices.Compact(places)
	}
	return func(yield func(*Scope) bool) {
		for _, i := range places {
			if !yield(x.all[i]) {
				return
			}
		}
	}
}
