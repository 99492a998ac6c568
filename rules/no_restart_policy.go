package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
)

//go:embed no-restart-policy.md
var noRestartPolicyDoc string

// NoRestartPolicy reports PHP-FPM services that systemd leaves down when they fail.
var NoRestartPolicy = lint.Rule{
	ID:       "no-restart-policy",
	Severity: lint.Info,
	Family:   "crashes",
	Summary:  "systemd does not start PHP-FPM again when it fails",
	Doc:      noRestartPolicyDoc,
	Check:    checkNoRestartPolicy,
}

func checkNoRestartPolicy(p *lint.Pass) {
	e := p.Stack.FPMHost.Evidence
	if e == nil || !e.Systemd {
		return // nothing is known to be run by systemd
	}
	for _, m := range p.Stack.Masters {
		running, ok := e.Master("php-fpm", m.Conf.Path)
		service := p.Stack.ServiceOf(m)
		if !ok || service == nil || running.Unit != service.Name || service.Restart != "no" && service.Restart != "on-success" {
			continue
		}
		p.Report(lint.Finding{
			Message: fmt.Sprintf("%s has no Restart=: a PHP-FPM that is killed or crashes stays down, and every request is answered with 502", service.Name),
			Help: fmt.Sprintf("run systemctl edit %s and enter [Service], Restart=on-failure and RestartSec=2s on lines of their own",
				strings.TrimSuffix(service.Name, ".service")),
			Span: service.At,
		})
	}
}
