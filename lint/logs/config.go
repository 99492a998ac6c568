package logs

import (
	"path"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Config finds the hand-off that an incident is about.
type Config struct {
	stacks    []*stack.Stack
	byAddress map[string][]*stack.Handoff
	listening map[string][]*fpm.Pool
	findings  map[*stack.Handoff][]*lint.Finding
	byFile    map[*source.File][]*lint.Finding
	sites     map[siteKey]*Site
}

type siteKey struct{ server, upstream string }

// Site is a hand-off with its pools and the findings about both.
type Site struct {
	// Handoff is nil where only the pool is known.
	Handoff *stack.Handoff
	Pools   []*fpm.Pool

	config *Config
}

// Explanation is a lint finding that explains an incident.
type Explanation struct {
	Rule, Message, Help string
	Span                source.Span
	// Mends says that to mend the finding ends the incident; others only make it worse.
	Mends bool
	// Fixable says that the finding has a fix, Safe that it can only mend.
	Fixable, Safe bool
	Severity      lint.Severity
}

// NewConfig joins stacks and what the rules found in them.
func NewConfig(result *lint.Result) *Config {
	c := &Config{
		stacks: result.Stacks, byAddress: map[string][]*stack.Handoff{}, listening: map[string][]*fpm.Pool{},
		findings: map[*stack.Handoff][]*lint.Finding{}, byFile: map[*source.File][]*lint.Finding{},
		sites: map[siteKey]*Site{},
	}
	for _, s := range result.Stacks {
		for _, h := range s.Handoffs {
			seen := map[string]bool{}
			for _, b := range h.Backends {
				names := []string{b.Address.String()}
				if b.Upstream != nil {
					names = append(names, b.Upstream.Name)
				}
				for _, n := range names {
					if !seen[n] {
						seen[n] = true
						c.byAddress[n] = append(c.byAddress[n], h)
					}
				}
			}
		}
		for _, p := range s.Pools() {
			if a, setting, err := p.Listen(); err == nil && setting.Unknown == "" {
				c.listening[a.String()] = append(c.listening[a.String()], p)
			}
		}
	}
	for i := range result.Findings {
		f := &result.Findings[i]
		for _, h := range f.Handoffs {
			c.findings[h] = append(c.findings[h], f)
		}
		if len(f.Handoffs) == 0 && !f.Span.IsZero() {
			c.byFile[f.Span.File] = append(c.byFile[f.Span.File], f)
		}
	}
	return c
}

// at is the hand-off that a request went to: by its upstream's address and its server's first name,
// as nginx writes them. nil where there is no configuration or nothing in it fits.
func (c *Config) at(e *Event) *Site {
	if c == nil || e.Upstream == "" && e.Server == "" {
		return nil
	}
	k := siteKey{e.Server, e.Upstream}
	site, ok := c.sites[k]
	if !ok {
		site = c.find(k)
		if len(c.sites) < maxIncidents {
			c.sites[k] = site
		}
	}
	return site
}

func (c *Config) find(k siteKey) *Site {
	text := k.upstream
	if a, err := address.ParseConnect(text); err == nil {
		text = a.String()
	}
	list := c.byAddress[text]
	if text == "" {
		// The message came before a peer was chosen.
		for _, s := range c.stacks {
			for _, h := range s.Handoffs {
				if h.PHP && firstName(h) == k.server {
					list = append(list, h)
				}
			}
		}
		if len(list) != 1 {
			return nil
		}
	}
	site := &Site{config: c, Pools: c.listening[text]}
	for _, h := range list {
		if firstName(h) == k.server {
			site.Handoff = h
			break
		}
	}
	if site.Handoff == nil && len(list) == 1 {
		site.Handoff = list[0]
	}
	if site.Handoff == nil && len(site.Pools) == 0 {
		return nil
	}
	if site.Handoff != nil {
		for _, b := range site.Handoff.Backends {
			if text != "" && b.Address.String() != text && (b.Upstream == nil || b.Upstream.Name != text) {
				continue
			}
			for _, m := range b.Pools {
				if m.Match != address.Unknown && !slices.Contains(site.Pools, m.Pool) {
					site.Pools = append(slices.Clip(site.Pools), m.Pool)
				}
			}
		}
	}
	return site
}

// firstName is what nginx writes as a request's server: the first name of its block.
func firstName(h *stack.Handoff) string {
	if names := h.Scope.ServerNames(); len(names) > 0 {
		return strings.ToLower(strings.TrimPrefix(names[0], "."))
	}
	return ""
}

// has says whether a pool may be the hand-off's: yes where none is known.
func (s *Site) has(pool string) bool {
	if s == nil || len(s.Pools) == 0 || pool == "" {
		return true
	}
	return slices.ContainsFunc(s.Pools, func(p *fpm.Pool) bool { return p.Name == pool })
}

// pool is the hand-off's pool where there is one only.
func (s *Site) pool() string {
	if s == nil || len(s.Pools) != 1 {
		return ""
	}
	return s.Pools[0].Name
}

// listening says whether PHP-FPM listens at the address.
func (s *Site) listening() bool { return s != nil && len(s.Pools) > 0 }

// logs says whether a log is that of the PHP-FPM behind the hand-off.
func (s *Site) logs(unit string) bool {
	return slices.ContainsFunc(s.Pools, func(p *fpm.Pool) bool {
		log := p.Master.Global("error_log").Text
		if path.Base(log) == path.Base(unit) && log != "" {
			return true
		}
		return p.Master.Version != "" && strings.Contains(path.Base(unit), p.Master.Version)
	})
}

// finding says whether a rule found something about the hand-off.
func (s *Site) finding(rule string) bool {
	return s != nil && slices.ContainsFunc(s.findings(), func(f *lint.Finding) bool { return f.Rule == rule })
}

// findings are those about the hand-off, then those about its pools' and its server's files.
func (s *Site) findings() []*lint.Finding {
	var out []*lint.Finding
	var files []*source.File
	if s.Handoff != nil {
		out = append(out, s.config.findings[s.Handoff]...)
		files = append(files, s.Handoff.Pass.Span().File)
	}
	for _, p := range s.Pools {
		files = append(files, p.Header.File)
		if conf := p.Master.Conf; conf != p.Header.File {
			files = append(files, conf)
		}
	}
	for i, f := range files {
		if f != nil && !slices.Contains(files[:i], f) {
			out = append(out, s.config.byFile[f]...)
		}
	}
	return out
}

// maxExplained is how many findings are named for one incident.
const maxExplained = 3

// explain finds the lint findings that explain an incident, in the order in which its cause names
// their rules.
func (c *Config) explain(i *Incident) []Explanation {
	if c == nil {
		return nil
	}
	site := i.Site
	if site == nil && len(i.Pools) == 1 {
		site = &Site{config: c, Pools: c.named(i.Pools[0])}
	}
	if site == nil {
		return nil
	}
	var out []Explanation
	found := site.findings()
	for n, rule := range i.Cause.Rules {
		for _, f := range found {
			if f.Rule != rule || len(out) == maxExplained {
				continue
			}
			out = append(out, Explanation{
				Rule: rule, Message: f.Message, Help: f.Help, Span: f.Span,
				Mends: f.Severity == lint.Error || i.Cause.Cured && n == 0, Severity: f.Severity,
				Fixable: f.Fix != nil, Safe: f.Fix != nil && f.Fix.Safe,
			})
		}
	}
	return out
}

// named are the pools of a name, where it is one.
func (c *Config) named(name string) []*fpm.Pool {
	var out []*fpm.Pool
	for _, s := range c.stacks {
		for _, p := range s.Pools() {
			if p.Name == name {
				out = append(out, p)
			}
		}
	}
	if len(out) > 1 {
		return nil
	}
	return out
}
