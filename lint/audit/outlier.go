package audit

import (
	"cmp"
	"slices"
	"strings"

	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Outlier is a setting that a few hosts of a group have otherwise than the others.
type Outlier struct {
	Setting  string `json:"setting"`
	Group    string `json:"group"`
	Majority string `json:"majority"`
	// Share is that of the group's hosts with the majority's value.
	Share float64       `json:"share"`
	Hosts []OutlierHost `json:"hosts"`
}

// OutlierHost is a host with its own value, and where it is set; a default has no file.
type OutlierHost struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	File  string `json:"file,omitempty"`
	Line  int    `json:"line,omitempty"`
}

// A majority is at least three quarters of at least three hosts: less is no rule to differ from.
const (
	minGroup = 3
	minShare = 0.75
)

// setting is a host's, and where it is set.
type setting struct {
	value, file string
	line        int
}

// row is a setting with numbers in place of its texts: many hosts have many settings, and mostly the
// same texts.
type row struct{ name, value, file, line int32 }

// texts are texts by number.
type texts struct {
	numbers map[string]int32
	list    []string
}

func (t *texts) number(s string) int32 {
	n, ok := t.numbers[s]
	if !ok {
		s = strings.Clone(s)   // lets go of the file that it is a part of
		n = int32(len(t.list)) //nolint:gosec // there are not as many
		t.numbers[s] = n
		t.list = append(t.list, s)
	}
	return n
}

func (t *texts) rows(settings map[string]setting) []row {
	if len(settings) == 0 {
		return nil
	}
	out := make([]row, 0, len(settings))
	for name, s := range settings {
		out = append(out, row{t.number(name), t.number(s.value), t.number(s.file), int32(s.line)}) //nolint:gosec // a file has not as many lines
	}
	return out
}

func (m *merger) outliers() []Outlier {
	groups := map[string][]int{}
	for i, h := range m.hosts {
		groups[h.Group] = append(groups[h.Group], i)
	}
	out := []Outlier{}
	for group, hosts := range groups {
		out = append(out, m.groupOutliers(group, hosts)...)
	}
	slices.SortFunc(out, func(a, b Outlier) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Setting, b.Setting))
	})
	return out
}

func (m *merger) groupOutliers(group string, hosts []int) []Outlier {
	type tally struct {
		total, most int
		best        int32
	}
	counts, tallies := map[[2]int32]int{}, map[int32]tally{}
	for _, i := range hosts {
		for _, r := range m.rows[i] {
			counts[[2]int32{r.name, r.value}]++
		}
	}
	for k, n := range counts {
		t := tallies[k[0]]
		if n > t.most || n == t.most && m.texts.list[k[1]] < m.texts.list[t.best] {
			t.most, t.best = n, k[1]
		}
		t.total += n
		tallies[k[0]] = t
	}
	found := map[int32]*Outlier{}
	for _, i := range hosts {
		for _, r := range m.rows[i] {
			t := tallies[r.name]
			share := float64(t.most) / float64(t.total)
			if r.value == t.best || t.total < minGroup || share < minShare {
				continue
			}
			o := found[r.name]
			if o == nil {
				o = &Outlier{Setting: m.texts.list[r.name], Group: group, Majority: m.texts.list[t.best], Share: share}
				found[r.name] = o
			}
			o.Hosts = append(o.Hosts, OutlierHost{m.hosts[i].Name, m.texts.list[r.value], m.texts.list[r.file], int(r.line)})
		}
	}
	var out []Outlier
	for _, o := range found {
		slices.SortFunc(o.Hosts, func(a, b OutlierHost) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, *o)
	}
	return out
}

// Settings that are compared between hosts: those that decide how a hand-off behaves.
var (
	poolKeys = []string{
		"pm", "pm.max_children", "pm.start_servers", "pm.min_spare_servers", "pm.max_spare_servers", "pm.max_requests", "pm.process_idle_timeout",
		"listen", "listen.owner", "listen.group", "listen.mode", "listen.backlog", "listen.allowed_clients", "user", "group",
		"request_terminate_timeout", "request_slowlog_timeout", "catch_workers_output", "security.limit_extensions", "rlimit_files",
	}
	globalKeys = []string{"emergency_restart_threshold", "emergency_restart_interval", "process_control_timeout", "process.max", "log_level"}
	nginxKeys  = []string{
		"user", "worker_processes", "worker_connections", "worker_rlimit_nofile", "keepalive_timeout", "client_max_body_size",
		"fastcgi_read_timeout", "fastcgi_connect_timeout", "fastcgi_send_timeout", "fastcgi_buffer_size", "fastcgi_buffers", "fastcgi_buffering",
	}
)

// settings are a host's, by name.
func settings(s *stack.Stack) map[string]setting {
	out := map[string]setting{}
	put := func(name, value string, at source.Span) {
		v := setting{value: value}
		if !at.IsZero() {
			v.file, v.line = at.File.Path, at.Position().Line
		}
		if have, ok := out[name]; ok && have.value != value {
			return // several masters or nginxes: the first stands for the host
		}
		out[name] = v
	}
	for _, c := range s.Nginx {
		for scope := range c.Scopes {
			if scope.Kind != "main" && scope.Kind != "events" && scope.Kind != "http" {
				continue
			}
			for _, k := range nginxKeys {
				if d := scope.Find(k); d != nil {
					put(k, scope.Effective(k).Text, d.Span())
				}
			}
		}
	}
	for _, master := range s.Masters {
		put("PHP version", master.Version, source.Span{})
		for _, k := range globalKeys {
			put(k, master.Global(k).Text, master.Global(k).Span)
		}
		for _, pool := range master.Pools {
			for _, k := range poolKeys {
				v := pool.Get(k)
				put(poolSetting(k, pool), v.Text, v.Span)
			}
		}
	}
	return out
}

// poolSetting names a pool's setting; the distributions' only pool goes without its name.
func poolSetting(key string, p *fpm.Pool) string {
	if p.Name == "www" {
		return key
	}
	return key + " of pool " + p.Name
}
