package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed pool-settings-lost.md
var poolSettingsLostDoc string

// PoolSettingsLost reports tuned settings of an older PHP's pool that the newer one's lacks.
var PoolSettingsLost = lint.Rule{
	ID:       "pool-settings-lost",
	Severity: lint.Warning,
	Family:   "upgrade",
	Summary:  "a pool's tuning was not taken along to the newer PHP",
	Doc:      poolSettingsLostDoc,
	Check:    checkPoolSettingsLost,
}

// packaged are the values that distributions ship for a pool, besides FPM's own defaults: Debian
// and Ubuntu, RHEL and Remi, Alpine, FreeBSD, the php image (their packages' www.conf).
var packaged = map[string][]string{
	"user": {"www-data", "apache", "nobody", "www", "nginx"}, "group": {"www-data", "apache", "nobody", "www", "nginx", "nogroup"},
	"listen.owner": {"www-data", "apache", "nobody", "www", "nginx", "root"}, "listen.group": {"www-data", "apache", "nobody", "www", "nginx", "root"},
	"listen.mode": {"0660"}, "listen.acl_users": {"apache,nginx", "apache"}, "listen.allowed_clients": {"127.0.0.1"},
	"pm": {"dynamic"}, "pm.max_children": {"5", "50"}, "pm.start_servers": {"2", "5"}, "pm.min_spare_servers": {"1", "5"}, "pm.max_spare_servers": {"3", "35"},
	"clear_env": {"no"}, "catch_workers_output": {"yes"}, "decorate_workers_output": {"no"},
}

// processKeys are carried together, since their values depend on each other.
var processKeys = []string{"pm", "pm.max_children", "pm.start_servers", "pm.min_spare_servers", "pm.max_spare_servers"}

func checkPoolSettingsLost(p *lint.Pass) {
	u := p.Stack.Upgrade
	if u == nil {
		return
	}
	done := map[string]bool{}
	for _, m := range u.From {
		for _, old := range slices.Concat(m.Pools, m.LeftOut()) {
			next := counterpart(u, old.Name)
			if next == nil || done[old.Name] {
				continue
			}
			done[old.Name] = true // of several older versions, the newest one's counts
			if u.Asked {
				reportDiffering(p, old, next)
			}
			if !u.Asked && !used(p.Stack, next) {
				continue // nothing is lost while nobody uses it
			}
			reportLost(p, old, next)
		}
	}
}

// used says whether a hand-off reaches a pool.
func used(s *stack.Stack, pool *fpm.Pool) bool {
	return slices.ContainsFunc(s.Handoffs, func(h *stack.Handoff) bool {
		return slices.ContainsFunc(h.Backends, func(b *stack.Backend) bool {
			return slices.ContainsFunc(b.Pools, func(m stack.PoolMatch) bool { return m.Pool == pool })
		})
	})
}

// lost is a setting that the new pool lacks.
type lost struct {
	entry   *fpm.Entry
	key     string // with its index
	written string // its value as it is to be written, with quotes
	now     string
}

func reportLost(p *lint.Pass, old, next *fpm.Pool) {
	list := lostSettings(old, next)
	if len(list) == 0 {
		return
	}
	var fix *lint.Fix
	if editable(next.Header.File) {
		fix = &lint.Fix{Description: fmt.Sprintf("carry %s over to %s", plural(len(list), "setting"), poolName(next))}
		for _, l := range list {
			fix.Edits = append(fix.Edits, next.SetEdits(l.key, l.written)...)
		}
	}
	for _, l := range list {
		f := lint.Finding{
			Message: fmt.Sprintf("%s = %s of PHP %s is lost: %s has %s", l.key, l.written, old.Master.Version, poolName(next), l.now),
			Help:    fmt.Sprintf("set it in %s too: fpmlint fix --upgrade carries it over", next.Header.File.Display),
			Span:    l.entry.Span,
			Related: []source.Related{{Span: next.Header, Message: poolName(next) + " is here"}},
			Fix:     fix,
		}
		p.Report(f)
	}
}

func lostSettings(old, next *fpm.Pool) []lost {
	var out []lost
	seen := map[string]bool{}
	pm := processTuned(old, next)
	for _, e := range old.Entries() {
		key := e.Key
		if e.Index != "" {
			key += "[" + e.Index + "]"
		}
		if key == "listen" || key == "prefix" || seen[key] || e.Unknown != "" {
			continue
		}
		seen[key] = true
		if set := old.Get(e.Key); e.Index == "" && set.Entry != nil {
			e = set.Entry // the last of several counts
		}
		value := movedText(e.Value, old.Master.Version, next.Master.Version)
		now, isDefault := nowIn(next, e)
		switch {
		case now == value || !isDefault:
		case slices.Contains(processKeys, key) && !pm:
		case !slices.Contains(processKeys, key) && isPackaged(key, value):
		default:
			if now == "" {
				now = "none"
			}
			out = append(out, lost{e, key, movedText(e.ValueSpan.Text(), old.Master.Version, next.Master.Version), now})
		}
	}
	return out
}

// reportDiffering names settings that were chosen in both versions, and differently: which one is
// meant, only the owner knows.
func reportDiffering(p *lint.Pass, old, next *fpm.Pool) {
	seen := map[string]bool{}
	for _, e := range old.Entries() {
		if e.Key == "listen" || e.Index != "" || seen[e.Key] || e.Unknown != "" {
			continue
		}
		seen[e.Key] = true
		was, now := old.Get(e.Key), next.Get(e.Key)
		if now.IsDefault || isPackaged(e.Key, now.Text) || isPackaged(e.Key, was.Text) || movedText(was.Text, old.Master.Version, next.Master.Version) == now.Text {
			continue
		}
		p.Report(lint.Finding{
			Severity: lint.Info,
			Message:  fmt.Sprintf("%s is %s in %s and %s in %s", e.Key, was.Text, poolName(old), now.Text, poolName(next)),
			Help:     "decide which one is meant: both were chosen",
			Span:     e.Span,
			Related:  []source.Related{{Span: now.Span, Message: poolName(next) + " has it here"}},
		})
	}
}

// nowIn is what the new pool has for a key, and whether that is a default.
func nowIn(next *fpm.Pool, e *fpm.Entry) (text string, isDefault bool) {
	if e.Index == "" {
		s := next.Get(e.Key)
		if s.IsDefault {
			return s.Text, true
		}
		return s.Entry.Value, isPackaged(e.Key, s.Text)
	}
	for _, have := range next.Entries() {
		if strings.EqualFold(have.Key, e.Key) && have.Index == e.Index {
			return have.Value, false
		}
	}
	return "", true
}

func isPackaged(key, value string) bool { return slices.Contains(packaged[key], value) }

// processTuned says whether the old pool's process settings are the owner's, and the new ones not.
func processTuned(old, next *fpm.Pool) bool {
	tuned := false
	for _, key := range processKeys {
		if s := next.Get(key); !s.IsDefault && !isPackaged(key, s.Text) {
			return false
		}
		s := old.Get(key)
		tuned = tuned || !s.IsDefault && !isPackaged(key, s.Text)
	}
	return tuned
}
