package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed private-tmp.md
var privateTmpDoc string

// PrivateTmp reports sockets in a directory of which a service has its own.
var PrivateTmp = lint.Rule{
	ID:       "private-tmp",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "a socket under /tmp that PrivateTmp hides from the other side",
	Doc:      privateTmpDoc,
	Check:    checkPrivateTmp,
}

func checkPrivateTmp(p *lint.Pass) {
	if p.Stack.Split {
		return
	}
	for _, h := range p.Stack.Handoffs {
		for _, b := range h.Backends {
			if b.Err != nil || !b.Address.IsUnix() || !stack.InTmp(b.Address.Path) || len(b.Pools) == 0 || b.Pools[0].Match != address.Yes {
				continue
			}
			reportPrivateTmp(p, h, b)
		}
	}
}

func reportPrivateTmp(p *lint.Pass, h *stack.Handoff, b *stack.Backend) {
	pool := b.Pools[0].Pool
	web, php := p.Stack.NginxService(), p.Stack.ServiceOf(pool.Master)
	hiding := web
	if web == nil || !web.PrivateTmp {
		hiding = php
	}
	if hiding == nil || !hiding.PrivateTmp || web != nil && web.Joined || php != nil && php.Joined {
		return
	}
	e := p.Stack.FPMHost.Evidence
	if e == nil {
		p.Skip("%s has PrivateTmp, but whether systemd runs it is not known: lint the machine itself, or a snapshot of it", hiding.Name)
		return
	}
	running, ok := e.Master("php-fpm", pool.Master.Conf.Path)
	if hiding == web {
		running, ok = e.Master("nginx", h.Config.Conf.Path, "")
	}
	if !ok || running.Unit != hiding.Name {
		p.Skip("%s has PrivateTmp, but does not run now", hiding.Name)
		return
	}
	_, listen, _ := pool.Listen()
	f := lint.Finding{
		Message:  fmt.Sprintf("%s has PrivateTmp, so its %s is not the one of the other side: nginx does not find %s", hiding.Name, tmpOf(b.Address.Path), b.Address.Path),
		Help:     "move the socket to /run/php or another directory that both services see",
		Span:     b.Span,
		Related:  []source.Related{{Span: listen.Span, Message: poolName(pool) + " listens here"}},
		Handoffs: []*stack.Handoff{h},
	}
	f.Related = append(f.Related, source.Related{Span: hiding.PrivateTmpAt, Message: "a /tmp and a /var/tmp of its own"})
	p.Report(f)
}

func tmpOf(p string) string {
	if len(p) > 5 && p[:5] == "/var/" {
		return "/var/tmp"
	}
	return "/tmp"
}
