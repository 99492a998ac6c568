package rules

import (
	_ "embed"
	"fmt"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed read-timeout-zero.md
var readTimeoutZeroDoc string

// ReadTimeoutZero reports hand-offs on which nginx does not wait at all.
var ReadTimeoutZero = lint.Rule{
	ID:       "read-timeout-zero",
	Severity: lint.Error,
	Family:   "time",
	Summary:  "nginx does not wait for PHP's answer at all",
	Doc:      readTimeoutZeroDoc,
	Check:    checkReadTimeoutZero,
}

func checkReadTimeoutZero(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		v := h.Scope.Effective("fastcgi_read_timeout")
		if d, err := v.Duration(); err != nil || d != 0 || v.IsDefault {
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("fastcgi_read_timeout %s is no time at all, not an endless one: every request that PHP does not answer at once ends in a 504", v.Text),
			Help:     "remove the line, which leaves nginx's default of 60s, or set the time that the slowest page may take",
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
			Fix:      readTimeoutFix(v),
		}
		if origin(h, v) {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}}
		}
		p.Report(f)
	}
}

// readTimeoutFix takes the line out, or writes nginx's default where an outer level sets a time
// that is short too.
func readTimeoutFix(v nginx.Value) *lint.Fix {
	if !editable(v.Statement.Src) {
		return nil
	}
	outer := v.Scope.Parent
	if outer == nil {
		return nil
	}
	if d, err := outer.Effective("fastcgi_read_timeout").Duration(); err == nil && d >= time.Minute {
		return &lint.Fix{Safe: true, Description: "remove fastcgi_read_timeout " + v.Text, Edits: v.Statement.RemoveEdits()}
	}
	at := v.Statement.ArgSpan(0)
	return &lint.Fix{Safe: true, Description: "fastcgi_read_timeout 60s", Edits: []source.Edit{{Span: at, NewText: requote(at, "60s")}}}
}
