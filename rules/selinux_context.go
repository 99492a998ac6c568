package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed selinux-context.md
var selinuxContextDoc string

// SELinuxContext reports sockets that SELinux keeps nginx from.
var SELinuxContext = lint.Rule{
	ID:       "selinux-context",
	Severity: lint.Warning,
	Family:   "connectivity",
	Summary:  "SELinux does not let nginx connect to the socket",
	Doc:      selinuxContextDoc,
	Check:    checkSELinuxContext,
}

// closedTypes are types of files that the reference policy gives httpd_t no write permission on
// as a socket: those of directories in which sockets end up by accident.
var closedTypes = map[string]bool{
	"var_run_t": true, "var_t": true, "var_lib_t": true, "tmp_t": true, "user_tmp_t": true, "default_t": true, "unlabeled_t": true,
	"user_home_t": true, "user_home_dir_t": true, "admin_home_t": true, "home_root_t": true, "root_t": true, "usr_t": true, "etc_t": true,
	"mnt_t": true, "opt_t": true,
}

func checkSELinuxContext(p *lint.Pass) {
	e := p.Stack.FPMHost.Evidence
	if e == nil || e.SELinux != "enforcing" || p.Stack.Split {
		return
	}
	for _, h := range p.Stack.Handoffs {
		for _, b := range h.Backends {
			if b.Err != nil || !b.Address.IsUnix() || len(b.Pools) == 0 {
				continue
			}
			kind := e.Paths[b.Address.Path].Type()
			if !closedTypes[kind] {
				continue
			}
			_, listen, _ := b.Pools[0].Pool.Listen()
			p.Report(lint.Finding{
				Message:  fmt.Sprintf("SELinux is enforcing, and %s has the type %s, to which nginx (httpd_t) may not connect", b.Address.Path, kind),
				Help:     fmt.Sprintf("run semanage fcontext -a -t httpd_var_run_t '%s' and restorecon -v '%[1]s', or move the socket to /run/php-fpm", b.Address.Path),
				Span:     b.Span,
				Related:  []source.Related{{Span: listen.Span, Message: "the pool's socket"}},
				Handoffs: []*stack.Handoff{h},
			})
		}
	}
}
