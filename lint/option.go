package lint

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"fpmlint/lint/host"
)

// Kind is what an option's value is.
type Kind int

// Count is a whole number from 0, Duration is as in Go ("30s", "1m30s"), Size is in bytes and may
// end in K, M or G, Text is anything.
const (
	Count Kind = iota
	Duration
	Size
	Text
)

// Option is a threshold of a rule that is a matter of taste.
type Option struct {
	Name    string
	Kind    Kind
	Default string
	// Doc says in one sentence what the value bounds and where the default comes from.
	Doc string
}

func (o Option) parse(value string) (any, error) {
	switch o.Kind {
	case Duration:
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("%q is no duration such as 30s", value)
		}
		return d, nil
	case Size:
		return host.ParseBytes(value)
	case Count:
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", value)
		}
		return int(n), nil
	}
	return value, nil
}

// Set returns the rule with another value for one of its options.
func (r Rule) Set(name, value string) (Rule, error) {
	for _, o := range r.Options {
		if o.Name != name {
			continue
		}
		v, err := o.parse(value)
		if err != nil {
			return r, err
		}
		r.values = maps.Clone(r.values)
		if r.values == nil {
			r.values = map[string]any{}
		}
		r.values[name] = v
		return r, nil
	}
	return r, fmt.Errorf("%s has no option %q", r.ID, name)
}

// option is the value that is in effect; a rule that asks for an option that it does not list is a
// fault of the program.
func (p *Pass) option(name string) any {
	if v, ok := p.Rule.values[name]; ok {
		return v
	}
	for _, o := range p.Rule.Options {
		if o.Name == name {
			v, err := o.parse(o.Default)
			if err != nil {
				panic(fmt.Sprintf("%s: default of %s: %v", p.Rule.ID, name, err))
			}
			return v
		}
	}
	panic(p.Rule.ID + " has no option " + name)
}

// Count is the value of an option of that kind.
func (p *Pass) Count(name string) int { return p.option(name).(int) }

// Duration is the value of an option of that kind.
func (p *Pass) Duration(name string) time.Duration { return p.option(name).(time.Duration) }

// Size is the value of an option of that kind, in bytes.
func (p *Pass) Size(name string) int64 { return p.option(name).(int64) }

// Text is the value of an option of that kind.
func (p *Pass) Text(name string) string { return p.option(name).(string) }
