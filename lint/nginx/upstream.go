package nginx

import (
	"strings"
	"time"

	"fpmlint/lint/source"
)

// Upstream is a group of servers.
type Upstream struct {
	Name    string
	Scope   *Scope
	Servers []*UpstreamServer
	// Keepalive is the number of idle connections that each worker keeps, 0 where it is not set.
	Keepalive   int
	KeepaliveAt source.Span
}

// UpstreamServer is one server of a group with nginx's defaults filled in
// (ngx_http_upstream_server): max_fails 1, fail_timeout 10s. Weights and bounds on connections say
// nothing about whether a hand-off works.
type UpstreamServer struct {
	// Text is the address as written.
	Text      string
	Span      source.Span
	Statement *Statement

	MaxFails              int
	FailTimeout           time.Duration
	Down, Backup, Resolve bool
}

// upstreams collects the groups of the http block. Where a name is defined twice, which nginx
// refuses, the first counts; twice are the others.
func upstreams(main *Scope) (out map[string]*Upstream, twice []*Upstream) {
	out = map[string]*Upstream{}
	for _, http := range main.Children {
		if http.Kind != "http" {
			continue
		}
		for _, s := range http.Children {
			if s.Kind != "upstream" || s.Statement == nil || len(s.Statement.Args) != 1 {
				continue
			}
			name := s.Statement.Arg(0)
			if key := strings.ToLower(name); out[key] == nil {
				out[key] = readUpstream(name, s)
			} else {
				twice = append(twice, &Upstream{Name: name, Scope: s})
			}
		}
	}
	return out, twice
}

// Upstream is the group of a name, nil if there is none.
func (c *Config) Upstream(name string) *Upstream { return c.Upstreams[strings.ToLower(name)] }

func readUpstream(name string, s *Scope) *Upstream {
	u := &Upstream{Name: name, Scope: s}
	for _, d := range s.Directives {
		switch {
		case d.Name == "server" && len(d.Args) > 0:
			u.Servers = append(u.Servers, readServer(d))
		case d.Name == "keepalive" && len(d.Args) == 1:
			if n := number(d.Arg(0)); n > 0 {
				u.Keepalive, u.KeepaliveAt = n, d.Span()
			}
		}
	}
	return u
}

func readServer(d *Statement) *UpstreamServer {
	s := &UpstreamServer{
		Text: d.Arg(0), Span: d.ArgSpan(0), Statement: d,
		MaxFails: 1, FailTimeout: 10 * time.Second,
	}
	for _, a := range d.Args[1:] {
		key, value, _ := strings.Cut(a.Value, "=")
		switch key {
		case "max_fails":
			s.MaxFails = number(value)
		case "fail_timeout":
			if t, err := ParseTime(value); err == nil {
				s.FailTimeout = t
			}
		case "down":
			s.Down = true
		case "backup":
			s.Backup = true
		case "resolve":
			s.Resolve = true
		}
	}
	return s
}
