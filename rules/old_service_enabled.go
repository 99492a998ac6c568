package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
)

//go:embed old-service-enabled.md
var oldServiceEnabledDoc string

// OldServiceEnabled reports an older PHP-FPM that starts at boot and serves no site.
var OldServiceEnabled = lint.Rule{
	ID:       "old-service-enabled",
	Severity: lint.Info,
	Family:   "upgrade",
	Summary:  "an older PHP-FPM that no site uses starts at boot",
	Doc:      oldServiceEnabledDoc,
	Check:    checkOldServiceEnabled,
}

func checkOldServiceEnabled(p *lint.Pass) {
	u := newMove(p.Stack)
	if u == nil || !u.uses(u.To) {
		return
	}
	for _, m := range u.From {
		unit := m.EnabledUnit()
		if unit == "" || !m.Serves() || u.uses(m) {
			continue
		}
		p.Report(lint.Finding{
			Message: fmt.Sprintf("%s starts at boot, and no site uses PHP %s: its pools take memory, and listen where a newer version's may want to", unit, m.Version),
			Help:    "systemctl disable --now " + unit + ", once nothing else uses it",
			Span:    m.Conf.Span(0, 0),
		})
	}
}
