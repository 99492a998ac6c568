package rules

import (
	_ "embed"
	"fmt"
	"path"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed scalar-overridden.md
var scalarOverriddenDoc string

// ScalarOverridden reports a pool's address and number of workers that are set twice.
var ScalarOverridden = lint.Rule{
	ID:       "scalar-overridden",
	Severity: lint.Info,
	Family:   "start",
	Summary:  "a pool's address or workers are set twice: the last line counts",
	Doc:      scalarOverriddenDoc,
	Check:    checkScalarOverridden,
}

// stockValues are those of PHP's www.conf.in: a file that is laid over it replaces them on purpose.
var stockValues = map[string]string{
	"listen": "127.0.0.1:9000", "pm": "dynamic", "pm.max_children": "5", "pm.start_servers": "2",
	"pm.min_spare_servers": "1", "pm.max_spare_servers": "3",
}

func checkScalarOverridden(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		for _, key := range []string{"listen", "pm", "pm.max_children", "pm.start_servers", "pm.min_spare_servers", "pm.max_spare_servers", "pm.max_requests"} {
			s := pool.Get(key)
			var related []source.Related
			var last *fpm.Entry
			for _, old := range s.Overrides {
				if old.Value != s.Entry.Value && !laidOver(key, old, s.Entry) {
					related = append(related, source.Related{Span: old.Span, Message: "has no effect"})
					last = old
				}
			}
			if len(related) == 0 {
				continue
			}
			p.Report(lint.Finding{
				Message: fmt.Sprintf("%s = %s counts in %s, not %s of %s: the last line wins", key, s.Entry.Value, poolName(pool), last.Value, place(last.Span)),
				Help:    "keep the line that is meant",
				Span:    s.Span,
				Related: related,
			})
		}
	}
}

// laidOver says whether a later file replaces what PHP's own file sets, or the official image's.
func laidOver(key string, old, now *fpm.Entry) bool {
	return old.Span.File != now.Span.File && (old.Value == stockValues[key] || path.Base(old.Span.File.Path) == "docker.conf")
}
