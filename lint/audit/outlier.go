package audit

import (
	"cmp"
	"slices"

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

type settingKey struct{ group, setting string }

type setting struct {
	value, file string
	line        int
}

func (m *merger) outliers() []Outlier {
	out := []Outlier{}
	for k, values := range m.settings {
		total, best := 0, ""
		for v, hosts := range values {
			total += len(hosts)
			if n := len(values[best]); len(hosts) > n || len(hosts) == n && v < best {
				best = v
			}
		}
		share := float64(len(values[best])) / float64(max(total, 1))
		if total < minGroup || len(values) < 2 || share < minShare {
			continue
		}
		o := Outlier{Setting: k.setting, Group: k.group, Majority: best, Share: share}
		for v, hosts := range values {
			if v != best {
				o.Hosts = append(o.Hosts, hosts...)
			}
		}
		slices.SortFunc(o.Hosts, func(a, b OutlierHost) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Outlier) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Setting, b.Setting))
	})
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
