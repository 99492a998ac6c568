package rules

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/stack"
)

//go:embed httpoxy.md
var httpoxyDoc string

// Httpoxy reports hand-offs by which a visitor names the proxy that an old PHP's requests go through.
var Httpoxy = lint.Rule{
	ID:       "httpoxy",
	Severity: lint.Info,
	Family:   "requests",
	Summary:  "a visitor's Proxy header becomes HTTP_PROXY in an old PHP",
	Doc:      httpoxyDoc,
	Check:    checkHttpoxy,
}

func checkHttpoxy(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		pool, unsure := oldPool(h)
		if pool == nil && unsure == nil || h.Probe {
			continue
		}
		list, at := h.Scope.EffectiveList("fastcgi_param")
		if hasParam(list, "HTTP_PROXY") || len(list) == 0 {
			continue
		}
		if pool == nil {
			p.Skip("%s: the patch level, which decides, is not known", poolName(unsure))
			continue
		}
		if missing := unreadAround(p, h); missing != "" {
			p.Skip("%s: %s, which may set HTTP_PROXY, was not read", place(h.Pass.Span()), missing)
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("a request's Proxy header reaches %s as HTTP_PROXY, which this PHP does not drop: libraries then send the site's own requests through the visitor's proxy", poolName(pool)),
			Help:     `set fastcgi_param HTTP_PROXY ""; or update PHP`,
			Span:     h.Pass.Span(),
			Handoffs: []*stack.Handoff{h},
		}
		if edits := addParams(h, at, `fastcgi_param HTTP_PROXY "";`); allEditable(edits) {
			f.Fix = &lint.Fix{Safe: true, Description: "pass an empty HTTP_PROXY", Edits: edits}
		}
		p.Report(f)
	}
}

// oldPool is a pool of the hand-off whose PHP is older than 5.5.38, 5.6.24 or 7.0.9, which drop
// the variable. Of those three branches a path shows no patch level: such a pool is unsure.
func oldPool(h *stack.Handoff) (old, unsure *fpm.Pool) {
	for _, pool := range h.Pools {
		switch version := pool.Master.Version; version {
		case "":
		case "5.5", "5.6", "7.0":
			unsure = pool
		default:
			major, minor, _ := strings.Cut(version, ".")
			x, err := strconv.Atoi(major)
			y, minorErr := strconv.Atoi(minor)
			if err == nil && minorErr == nil && (x < 5 || x == 5 && y < 5) {
				return pool, nil
			}
		}
	}
	return nil, unsure
}
