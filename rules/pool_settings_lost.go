package rules

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
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

// processKeys are carried together, since their values depend on each other.
var processKeys = []string{"pm", "pm.max_children", "pm.start_servers", "pm.min_spare_servers", "pm.max_spare_servers"}

// keysSince are the versions that brought a setting of a pool (UPGRADING): an older FPM refuses it.
var keysSince = map[string]string{
	"pm.status_listen": "8.0", "pm.max_spawn_rate": "8.1", "access.suppress_path": "8.2",
	"decorate_workers_output": "7.3", "request_terminate_timeout_track_finished": "7.3", "request_slowlog_trace_depth": "7.2",
}

func checkPoolSettingsLost(p *lint.Pass) {
	u := newMove(p.Stack)
	if u == nil {
		return
	}
	done := map[string]bool{}
	for _, m := range u.From {
		for _, old := range slices.Concat(m.Pools, m.LeftOut()) {
			next, name := u.counterpart(old), strings.ToLower(old.Name)
			if next == nil || done[name] {
				continue
			}
			done[name] = true // of several older versions, the newest one's counts
			if u.Asked {
				reportDiffering(p, u, old, next)
			}
			if u.Asked || u.used[next] { // nothing is lost while nobody uses it
				reportLost(p, u, old, next)
			}
		}
	}
	if old := u.From[0]; u.Asked || u.uses(u.To) {
		reportGlobalsLost(p, u, old)
	}
}

// lost is a setting that the new version lacks.
type lost struct {
	entry   *fpm.Entry
	written string // its value as it is to be written, with quotes
	now     string
}

// maxCarried bounds the settings that one fix carries over: each finding has all of its edits.
const maxCarried = 500

func reportLost(p *lint.Pass, u *move, old, next *fpm.Pool) {
	list := u.lostSettings(old, next)
	var edits []source.Edit
	if len(list) <= maxCarried {
		for _, l := range list {
			edits = append(edits, next.SetEdits(withIndex(l.entry), l.written)...)
		}
	}
	var fix *lint.Fix
	if allEditable(edits) {
		fix = &lint.Fix{Description: fmt.Sprintf("carry %s over to %s", plural(len(list), "setting"), poolName(next)), Edits: edits}
	}
	for _, l := range list {
		p.Report(lint.Finding{
			Severity: u.lostSeverity(u.used[old]),
			Message:  fmt.Sprintf("%s = %s of PHP %s is lost: %s has %s", withIndex(l.entry), l.entry.ValueSpan.Text(), old.Master.Version, poolName(next), l.now),
			Help:     fmt.Sprintf("set it in %s too: %s carries it over", next.Header.File.Display, u.command(old.Master)) + generatedNote(next.Header.File),
			Span:     l.entry.Span,
			Related:  []source.Related{{Span: next.Header, Message: poolName(next) + " is here"}},
			Fix:      fix,
		})
	}
}

func (u *move) lostSettings(old, next *fpm.Pool) []lost {
	var out []lost
	seen := map[string]bool{}
	tuned, have := processTuned(old, next), settingsOf(next)
	for _, e := range old.Entries() {
		key := withIndex(e)
		if seen[key] || e.Key == "listen" || e.Key == "prefix" {
			continue
		}
		seen[key] = true // of an array's lines the first one counts
		if set := old.Get(e.Key); e.Index == "" && set.Entry != nil {
			e = set.Entry // of other lines the last one
		}
		if since := keysSince[e.Key]; e.Unknown != "" || since != "" && older(u.To.Version, "php"+since) {
			continue
		}
		now, isDefault := have.of(e)
		switch {
		case !isDefault || now == u.meant(old, e):
		case slices.Contains(processKeys, key) && !tuned:
		case !slices.Contains(processKeys, key) && isPackaged(old.Master, key, e.Value):
		default:
			out = append(out, lost{e, u.value(old.Master, e), cmp.Or(now, "none")})
		}
	}
	return out
}

// reportGlobalsLost is about [global]: how PHP-FPM restarts and reloads, its limits and its log's level.
func reportGlobalsLost(p *lint.Pass, u *move, old *fpm.Master) {
	seen := map[string]bool{}
	for _, e := range old.Globals() {
		was, now := old.Global(e.Key), u.To.Global(e.Key)
		if seen[e.Key] || was.Entry == nil || !now.IsDefault || was.Unknown != "" || was.Text == now.Text || slices.Contains([]string{"pid", "error_log", "daemonize"}, e.Key) {
			continue
		}
		seen[e.Key] = true
		f := lint.Finding{
			Severity: u.lostSeverity(u.uses(old)),
			Message:  fmt.Sprintf("%s = %s of PHP %s is lost: PHP %s has %s", e.Key, was.Text, old.Version, u.To.Version, cmp.Or(now.Text, "none")),
			Help:     fmt.Sprintf("set it in %s too: %s carries it over", u.To.Conf.Display, u.command(old)) + generatedNote(u.To.Conf),
			Span:     was.Entry.Span,
		}
		if edits := u.To.SetEdits(e.Key, u.value(old, was.Entry)); !u.To.PoolsOnly && !old.PoolsOnly && allEditable(edits) {
			f.Fix = &lint.Fix{Description: fmt.Sprintf("carry %s over to PHP %s", e.Key, u.To.Version), Edits: edits}
		}
		p.Report(f)
	}
}

// reportDiffering names settings that were chosen in both versions, and differently: which one is
// meant, only the owner knows.
func reportDiffering(p *lint.Pass, u *move, old, next *fpm.Pool) {
	seen, have := map[string]bool{}, settingsOf(next)
	for _, e := range old.Entries() {
		key := withIndex(e)
		if seen[key] || e.Key == "listen" || e.Unknown != "" {
			continue
		}
		seen[key] = true
		if set := old.Get(e.Key); e.Index == "" && set.Entry != nil {
			e = set.Entry
		}
		now, isDefault := have.of(e)
		if isDefault || isPackaged(old.Master, key, e.Value) || u.meant(old, e) == now || old.Expand(e.Value) == now {
			continue
		}
		p.Report(lint.Finding{
			Severity: lint.Info,
			Message:  fmt.Sprintf("%s is %s in %s and %s in %s", key, e.Value, poolName(old), now, poolName(next)),
			Help:     "decide which one is meant: both were chosen",
			Span:     e.Span,
			Related:  []source.Related{{Span: next.Header, Message: poolName(next) + " is here"}},
		})
	}
}

// meant is what a line of an old pool means in the new version.
func (u *move) meant(old *fpm.Pool, e *fpm.Entry) string {
	return old.Expand(u.text(old.Master, e.Value))
}

// settings are what a pool has. php.ini's settings count by their names, since php_admin_value beats
// php_value.
type settings struct {
	pool   *fpm.Pool
	arrays map[string]*fpm.Entry // of several lines the first one
}

func settingsOf(pool *fpm.Pool) settings {
	s := settings{pool, map[string]*fpm.Entry{}}
	for _, e := range pool.Entries() {
		if key := arrayKey(e); e.Index != "" && s.arrays[key] == nil {
			s.arrays[key] = e
		}
	}
	return s
}

func arrayKey(e *fpm.Entry) string {
	if e.Key == "env" || e.Key == "access.suppress_path" {
		return withIndex(e)
	}
	return e.Index
}

// of is what the pool has for a line of another one, and whether that is a default.
func (s settings) of(e *fpm.Entry) (text string, isDefault bool) {
	if e.Index == "" {
		now := s.pool.Get(e.Key)
		return now.Text, now.IsDefault || isPackaged(s.pool.Master, e.Key, now.Text)
	}
	if have := s.arrays[arrayKey(e)]; have != nil {
		return s.pool.Expand(have.Value), false
	}
	return "", true
}

// processTuned says whether the old pool's process settings are the owner's, and the new ones not.
func processTuned(old, next *fpm.Pool) bool {
	tuned := false
	for _, key := range processKeys {
		if s := next.Get(key); !s.IsDefault && !isPackaged(next.Master, key, s.Text) {
			return false
		}
		s := old.Get(key)
		tuned = tuned || !s.IsDefault && !isPackaged(old.Master, key, s.Text)
	}
	return tuned
}
