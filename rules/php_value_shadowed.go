package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed php-value-shadowed.md
var phpValueShadowedDoc string

// PHPValueShadowed reports php.ini settings of a pool that an earlier line keeps from counting.
var PHPValueShadowed = lint.Rule{
	ID:       "php-value-shadowed",
	Severity: lint.Warning,
	Family:   "start",
	Summary:  "a php_value that is set twice: the first one counts",
	Doc:      phpValueShadowedDoc,
	Check:    checkPHPValueShadowed,
}

// adding are the settings whose values add up (fpm_php_apply_defines_ex).
var adding = map[string]bool{"disable_functions": true, "disable_classes": true, "extension": true}

func checkPHPValueShadowed(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		type name struct {
			admin bool
			index string
		}
		lines := map[name][]*fpm.Entry{}
		for _, e := range pool.IniEntries() {
			n := name{strings.HasPrefix(e.Key, "php_admin_"), e.Index}
			if have := lines[n]; len(have) > 0 && have[0].Value != e.Value && !adding[e.Index] {
				reportShadowed(p, pool, e, have)
			}
			lines[n] = append(lines[n], e)
		}
	}
}

func reportShadowed(p *lint.Pass, pool *fpm.Pool, e *fpm.Entry, earlier []*fpm.Entry) {
	first := earlier[0]
	f := lint.Finding{
		Message: fmt.Sprintf("%s[%s] = %s has no effect in %s: the first line counts, %s at %s, while of other settings the last does", e.Key, e.Index, e.Value, poolName(pool), first.Value, place(first.Span)),
		Help:    "keep one of the lines",
		Span:    e.Span,
		Related: []source.Related{{Span: first.Span, Message: "this one counts"}},
	}
	fix := &lint.Fix{Description: "take out what comes before it, so that this line counts"}
	for _, old := range earlier {
		edits := old.RemoveEdits()
		if edits == nil || !editable(old.Span.File) {
			p.Report(f)
			return
		}
		fix.Edits = append(fix.Edits, edits...)
	}
	f.Fix = fix
	p.Report(f)
}
