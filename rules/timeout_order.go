package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed timeout-order.md
var timeoutOrderDoc string

// TimeoutOrder reports limits that contradict each other. From the inside out they should be
// max_execution_time <= request_terminate_timeout <= fastcgi_read_timeout.
var TimeoutOrder = lint.Rule{
	ID:       "timeout-order",
	Severity: lint.Warning,
	Family:   "time",
	Summary:  "the time limits of PHP, FPM and nginx contradict each other",
	Doc:      timeoutOrderDoc,
	Check:    checkTimeoutOrder,
}

// limit is a time limit with its origin. Zero seconds are no limit.
type limit struct {
	name     string
	seconds  int
	text     string
	span     source.Span
	explicit bool
}

func (l limit) String() string {
	if !l.explicit {
		return fmt.Sprintf("%s %ds (the default)", l.name, l.seconds)
	}
	return l.name + " " + withUnit(l.text)
}

func checkTimeoutOrder(p *lint.Pass) {
	o := orders{pass: p, edge: map[*nginx.Scope]source.Span{}}
	for _, h := range p.Stack.Handoffs {
		v := h.Scope.Effective("fastcgi_read_timeout")
		d, err := v.Duration()
		if err != nil || d == 0 || h.Probe {
			continue
		}
		read := limit{"fastcgi_read_timeout", int(d / time.Second), v.Text, v.Span, !v.IsDefault}
		if v.IsDefault {
			read.span = h.Pass.Span()
		}
		for _, pool := range h.Pools {
			o.check(h, pool, read)
		}
	}
	o.found.report(p)
}

// orders collects the contradictions: one between a pool and nginx's default breaks all hand-offs
// to the pool, and one fix mends it.
type orders struct {
	pass  *lint.Pass
	found groups[contradiction]
	edge  map[*nginx.Scope]source.Span
}

type contradiction struct {
	span    source.Span
	message string
}

func (o *orders) check(h *stack.Handoff, pool *fpm.Pool, read limit) {
	t := pool.Get("request_terminate_timeout")
	seconds, ok := pool.Seconds("request_terminate_timeout")
	if !ok {
		o.pass.Skip("%s: request_terminate_timeout is unknown", poolName(pool))
		return
	}
	terminate := limit{"request_terminate_timeout", seconds, t.Text, t.Span, !t.IsDefault}
	exec := executionTime(h, pool)
	switch {
	case terminate.seconds > read.seconds:
		o.add(h, terminate, read, fmt.Sprintf("%s is longer than %s: nginx answers 504 while the worker goes on for nobody", terminate, read))
	case terminate.seconds > 0 && exec.explicit && exec.seconds > terminate.seconds:
		o.add(h, exec, terminate, fmt.Sprintf("%s is longer than %s: FPM kills the worker, a 502, before PHP can end the script with an error of its own", exec, terminate))
	case terminate.seconds == 0 && exec.explicit && exec.seconds > read.seconds:
		o.add(h, exec, read, fmt.Sprintf("%s is longer than %s: nginx answers 504 while the script goes on", exec, read))
	case terminate.seconds > 0 && read.explicit && read.seconds >= 2*terminate.seconds:
		f := o.add(h, terminate, read, fmt.Sprintf("%s ends requests, with a 502, long before %s: the longer limit is never reached", terminate, read))
		f.Severity = lint.Info
	}
}

func (o *orders) add(h *stack.Handoff, at, other limit, message string) *group {
	f, fresh := o.found.at(contradiction{at.span, message})
	if fresh {
		f.Finding = lint.Finding{
			Message: message,
			Help:    "keep max_execution_time <= request_terminate_timeout <= fastcgi_read_timeout",
			Span:    at.span,
		}
	}
	f.Handoffs = append(f.Handoffs, h)
	related := source.Related{Span: other.span, Message: other.String()}
	if !other.span.IsZero() && len(f.Related) < maxRelated && !slices.Contains(f.Related, related) {
		f.Related = append(f.Related, related)
	}
	f.joint.add(o.fix(h, at, other))
	return f
}

// fix raises nginx's time to a limit that the owner has set, where nginx's own is only its default:
// of two times that are set, either may be the one that is meant. Beyond what an edge waits it
// would not help.
func (o *orders) fix(h *stack.Handoff, longer, read limit) *lint.Fix {
	location := locationOf(h)
	if location == nil || !longer.explicit || read.name != "fastcgi_read_timeout" || read.explicit || longer.seconds <= read.seconds {
		return nil
	}
	if longer.seconds > 120 && !edgeSign(h.Scope, o.edge).IsZero() {
		return nil
	}
	value := itoa(longer.seconds) + "s"
	edits := location.SetEdits("fastcgi_read_timeout", value)
	if !allEditable(edits) {
		return nil
	}
	return &lint.Fix{Description: "fastcgi_read_timeout " + value, Edits: edits}
}

// executionTime is max_execution_time as it is in effect for a hand-off: nginx may set it for a
// request through PHP_ADMIN_VALUE and PHP_VALUE (fpm_main.c), which beat the pool's and php.ini's.
func executionTime(h *stack.Handoff, pool *fpm.Pool) limit {
	params, _ := h.Scope.EffectiveList("fastcgi_param")
	for _, name := range []string{"PHP_ADMIN_VALUE", "PHP_VALUE"} {
		for _, param := range params {
			if param.Arg(0) != name {
				continue
			}
			if text, ok := iniParam(param, "max_execution_time"); ok {
				if n, err := strconv.Atoi(text); err == nil {
					return limit{"max_execution_time", n, text, param.ArgSpan(1), true}
				}
			}
		}
	}
	s := pool.Ini("max_execution_time")
	n, err := strconv.Atoi(strings.TrimSpace(s.Text))
	if s.Unknown != "" || err != nil {
		return limit{name: "max_execution_time"}
	}
	return limit{"max_execution_time", n, s.Text, s.Span, !s.IsDefault}
}

// iniParam finds a setting among the lines of a PHP_VALUE.
func iniParam(param *nginx.Statement, name string) (string, bool) {
	for line := range strings.Lines(param.Arg(1)) {
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"`), true
		}
	}
	return "", false
}

// iniBytes reads a size as php.ini writes it: 128M, 1G, bytes; -1 is no limit.
func iniBytes(text string) (int64, error) {
	text = strings.TrimSpace(text)
	unit := int64(1)
	if text != "" {
		switch text[len(text)-1] | 0x20 {
		case 'k':
			unit = 1 << 10
		case 'm':
			unit = 1 << 20
		case 'g':
			unit = 1 << 30
		}
	}
	if unit > 1 {
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n * unit, err
}
