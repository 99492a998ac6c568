package fpm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

// check finds what php-fpm -t refuses once all files are read, in its words and order
// (fpm_conf_process_all_pools, fpm_conf_post_process).
func (m *Master) check() {
	if n, ok := m.GlobalInt("process.max"); ok && n < 0 {
		m.refuse(m.Global("process.max").Span, "process_max can't be negative")
	}
	if s := m.Global("process.priority"); !s.IsDefault && s.Unknown == "" {
		if n, ok := s.integer(); ok && (n < -19 || n > 20) {
			m.refuse(s.Span, "process.priority must be included into [-19,20]")
		}
	}
	if s := m.Global("events.mechanism"); !s.IsDefault && s.Unknown == "" && s.Text != "" && !slices.Contains(mechanisms, strings.ToLower(s.Text)) {
		m.refuse(s.Span, "event mechanism '%s' is not available on this system", s.Text)
	}
	if s := m.Global("log_limit"); !s.IsDefault {
		if n, ok := s.integer(); ok && n < 512 {
			m.refuse(s.Span, "log_limit must be greater than 512")
		}
	}
	// A [global] alone may be completed by what is added to it, or be one of several files.
	if len(m.Pools) == 0 && len(m.Problems) == 0 && !m.PoolsOnly {
		line, start := m.Conf.Line(1)
		m.refuse(m.Conf.Span(start, start+len(line)), "No pool defined. at least one pool section must be specified in config file")
	}
	if !m.Complete() {
		return // what is missing here may stand in what was not read
	}
	for _, p := range m.Pools {
		p.check()
	}
}

func (m *Master) refuse(span source.Span, format string, args ...any) {
	m.Problems = append(m.Problems, source.Problem{Kind: source.Invalid, Span: span, Message: fmt.Sprintf(format, args...)})
}

func (p *Pool) refuse(at Setting, format string, args ...any) {
	span := at.Span
	if span.IsZero() {
		span = p.Header
	}
	p.Master.refuse(span, "[pool "+p.Name+"] "+format, args...)
}

func (p *Pool) check() {
	if s := p.Get("listen"); s.Unknown == "" && s.Text == "" && !p.elsewhere(s) {
		p.refuse(s, "no listen address have been defined!")
	}
	p.checkProcesses()
	if s := p.Get("process.priority"); !s.IsDefault {
		if n, ok := s.integer(); ok && (n < -19 || n > 20) {
			p.refuse(s, "process.priority must be included into [-19,20]")
		}
	}
	p.checkPage("pm.status_path", "status path")
	p.checkPage("ping.path", "ping path")
	if s := p.Get("ping.response"); s.Unknown == "" && s.Text == "" && !s.IsDefault && p.Get("ping.path").Text != "" {
		p.refuse(s, "the ping response page '' is not long enough")
	}
	slow, okSlow := p.Seconds("request_slowlog_timeout")
	kill, okKill := p.Seconds("request_terminate_timeout")
	if depth := p.Get("request_slowlog_trace_depth"); !depth.IsDefault && depth.Unknown == "" && depth.Text != "0" {
		if s := p.Get("slowlog"); s.Unknown == "" && s.Text == "" && !p.elsewhere(s) {
			p.refuse(depth, "'slowlog' must be specified for use with 'request_slowlog_trace_depth'")
		} else if n, ok := depth.integer(); ok && n < 0 {
			p.refuse(depth, "'request_slowlog_trace_depth' (%d) must be a positive value", n)
		}
	}
	if okSlow && slow > 0 {
		if s := p.Get("slowlog"); s.Unknown == "" && s.Text == "" && !p.elsewhere(s) {
			p.refuse(p.Get("request_slowlog_timeout"), "'slowlog' must be specified for use with 'request_slowlog_timeout'")
		} else if okKill && kill > 0 && slow > kill {
			p.refuse(p.Get("request_slowlog_timeout"), "'request_slowlog_timeout' (%d) can't be greater than 'request_terminate_timeout' (%d)", slow, kill)
		}
	}
}

// pagePath matches what a pool answers itself may be called.
var pagePath = lazy.Regexp(`^[0-9A-Za-z/_.~-]*$`)

func (p *Pool) checkPage(key, what string) {
	s := p.Get(key)
	switch {
	case s.Unknown != "" || s.Text == "":
	case !strings.HasPrefix(s.Text, "/"):
		p.refuse(s, "the %s '%s' must start with a '/'", what, s.Text)
	case len(s.Text) < 2:
		p.refuse(s, "the %s '%s' is not long enough", what, s.Text)
	case !pagePath().MatchString(s.Text):
		p.refuse(s, "the %s '%s' must contain only the following characters '[alphanum]/_-.~'", what, s.Text)
	}
}

// Missing are the settings that a pool must have and that may stand in files that were not given:
// an overlay such as zz-docker.conf says only what differs from the image's own www.conf.
func (p *Pool) Missing() []string {
	var out []string
	for _, key := range []string{"listen", "pm", "pm.max_children"} {
		if p.elsewhere(p.Get(key)) {
			out = append(out, key)
		}
	}
	return out
}

func (p *Pool) elsewhere(s Setting) bool { return s.IsDefault && p.Master.PoolsOnly }

// checkProcesses is the process manager's arithmetic.
func (p *Pool) checkProcesses() {
	pm := p.Get("pm")
	if pm.Unknown != "" || p.elsewhere(pm) {
		return
	}
	if pm.Text == "" {
		p.refuse(pm, "the process manager is missing (static, dynamic or ondemand)")
		return
	}
	limit := p.Get("pm.max_children")
	children, ok := limit.integer()
	if limit.Unknown != "" || p.elsewhere(limit) {
		return
	}
	if !ok || children < 1 {
		p.refuse(limit, "pm.max_children must be a positive value")
		return
	}
	switch strings.ToLower(pm.Text) {
	case "dynamic":
		p.checkSpare(children)
	case "ondemand":
		if n, ok := p.Seconds("pm.process_idle_timeout"); ok && n < 1 {
			p.refuse(p.Get("pm.process_idle_timeout"), "pm.process_idle_timeout(%ds) must be greater than 0s", n)
		}
	}
}

func (p *Pool) checkSpare(children int) {
	low, high, start := p.Get("pm.min_spare_servers"), p.Get("pm.max_spare_servers"), p.Get("pm.start_servers")
	least, okLeast := low.integer()
	most, okMost := high.integer()
	first, okFirst := start.integer()
	if !okLeast || !okMost || !okFirst {
		return
	}
	if rate, ok := p.Int("pm.max_spawn_rate"); ok && rate < 1 {
		p.refuse(p.Get("pm.max_spawn_rate"), "pm.max_spawn_rate must be a positive value")
	}
	before := len(p.Master.Problems)
	switch {
	case least <= 0:
		p.refuse(low, "pm.min_spare_servers(%d) must be a positive value", least)
	case most <= 0:
		p.refuse(high, "pm.max_spare_servers(%d) must be a positive value", most)
	case least > children || most > children:
		at := high
		if least > children {
			at = low
		}
		p.refuse(at, "pm.min_spare_servers(%d) and pm.max_spare_servers(%d) cannot be greater than pm.max_children(%d)", least, most, children)
	case most < least:
		p.refuse(high, "pm.max_spare_servers(%d) must not be less than pm.min_spare_servers(%d)", most, least)
	case !start.IsDefault && first != 0 && (first < least || first > most):
		p.refuse(start, "pm.start_servers(%d) must not be less than pm.min_spare_servers(%d) and not greater than pm.max_spare_servers(%d)", first, least, most)
	}
	if len(p.Master.Problems) > before {
		p.Master.Problems[before].Edits = p.spareEdits(children, least, most, first)
	}
}

// spareEdits bring the spare servers to the nearest numbers that FPM takes: at least one, at most
// as many as there are workers, the lower one first, and the start between them. Where there is no
// upper number it is three times the lower one, as in PHP's www.conf.in.
func (p *Pool) spareEdits(children, least, most, first int) []source.Edit {
	if most > 0 && least > most {
		least, most = most, least
	}
	low := min(children, max(1, least))
	high := min(children, max(low, most))
	if most <= 0 {
		high = min(children, max(3*low, children/3))
	}
	var edits []source.Edit
	set := func(key string, have, want int) {
		if have != want {
			edits = append(edits, p.SetEdits(key, strconv.Itoa(want))...)
		}
	}
	had, _ := p.Int("pm.min_spare_servers")
	set("pm.min_spare_servers", had, low)
	had, _ = p.Int("pm.max_spare_servers")
	set("pm.max_spare_servers", had, high)
	if first != 0 && (first < low || first > high) {
		set("pm.start_servers", first, low+(high-low)/2)
	}
	return edits
}
