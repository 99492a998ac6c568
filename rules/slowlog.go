package rules

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed slowlog.md
var slowlogDoc string

// Slowlog reports pools in which slow requests leave no trace.
var Slowlog = lint.Rule{
	ID:       "slowlog",
	Severity: lint.Info,
	Family:   "observability",
	Summary:  "slow requests leave no trace",
	Doc:      slowlogDoc,
	Options: []lint.Option{{
		Name: "timeout", Kind: lint.Duration, Default: "5s",
		Doc: "the time that the fix sets: a page that takes longer has lost its reader",
	}},
	Check: checkSlowlog,
}

func checkSlowlog(p *lint.Pass) {
	var found poolGroups
	for _, pool := range servingPools(p.Stack) {
		timeout, file := pool.Get("request_slowlog_timeout"), pool.Get("slowlog")
		n, ok := pool.Seconds("request_slowlog_timeout")
		switch {
		case !ok || file.Unknown != "":
			p.Skip("%s: %s", poolName(pool), timeout.Unknown+file.Unknown)
			continue
		case n > 0: // without a file it is fpm-config's
			continue
		case timeout.IsDefault && pool.Master.PoolsOnly:
			p.Skip("%s: request_slowlog_timeout may stand in the main file, which is not here", poolName(pool))
			continue
		}
		f := lint.Finding{
			Help: fmt.Sprintf("set request_slowlog_timeout = %s and a slowlog", seconds(p.Duration("timeout"))),
			Span: settingSpan(pool, timeout),
		}
		message := func(pools string) string {
			return fmt.Sprintf("request_slowlog_timeout is %s in %s: nothing says which script was slow when requests pile up", orUnset(timeout), pools)
		}
		if file.Text != "" {
			message = func(pools string) string {
				return fmt.Sprintf("slowlog = %s is never written to: request_slowlog_timeout is %s in %s", file.Text, orUnset(timeout), pools)
			}
			f.Related = []source.Related{{Span: file.Span, Message: "the slow log"}}
		}
		inContainer := p.Stack.Split || pool.Master.Family == "docker"
		if inContainer {
			f.Help += "; in a container PHP-FPM needs the capability SYS_PTRACE for it"
		}
		if dir := p.Stack.LogDirs[pool]; isPlain(dir) && editablePool(pool, timeout, file) {
			f.Fix = &lint.Fix{Safe: !inContainer, Description: "log the stack of slow requests", Edits: slowlogEdits(p, pool, file, dir)}
		}
		found.add(pool, timeout, f, message)
	}
	found.report(p)
}

// slowlogEdits set the time, at most that after which requests are ended, and a file beside the
// master's error log.
func slowlogEdits(p *lint.Pass, pool *fpm.Pool, file fpm.Setting, dir string) []source.Edit {
	timeout := seconds(p.Duration("timeout"))
	if kill, ok := pool.Seconds("request_terminate_timeout"); ok && kill > 0 && kill < fpm.ParseSeconds(timeout) {
		timeout = itoa(kill) + "s"
	}
	var edits []source.Edit
	if file.Text == "" {
		log := path.Base(pool.Master.Global("error_log").Text)
		edits = pool.SetEdits("slowlog", path.Join(dir, strings.TrimSuffix(log, path.Ext(log))+"-$pool.slow.log"))
	}
	return mergeInserts(append(edits, pool.SetEdits("request_slowlog_timeout", timeout)...))
}
