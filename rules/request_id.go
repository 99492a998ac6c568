package rules

import (
	_ "embed"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/lazy"
	"fpmlint/lint/nginx"
	"fpmlint/lint/stack"
)

//go:embed request-id.md
var requestIDDoc string

// RequestID reports configurations in which a request cannot be followed from nginx to PHP.
var RequestID = lint.Rule{
	ID:       "request-id",
	Severity: lint.Info,
	Family:   "observability",
	Summary:  "a request in nginx's log cannot be found in PHP's",
	Doc:      requestIDDoc,
	Check:    checkRequestID,
}

func checkRequestID(p *lint.Pass) {
	found := map[*nginx.Config]*lint.Finding{}
	for _, h := range p.Stack.Handoffs {
		if f, seen := found[h.Config]; seen {
			if f != nil && h.PHP {
				f.Handoffs = append(f.Handoffs, h)
			}
			continue
		}
		if !h.PHP || h.Probe {
			continue
		}
		log, why := accessLog(h, logFormats(h.Config))
		if why != "" || log.off || log.format == nil || isStockFormat(log.text) {
			continue // whoever keeps the format that comes with nginx does not follow requests
		}
		found[h.Config] = nil
		if hasRequestID(h.Config) {
			continue
		}
		if !h.Config.Complete() {
			p.Skip("%s was not read completely: the rest may name a request's id", h.Config.Conf.Display)
			continue
		}
		found[h.Config] = &lint.Finding{
			Message:  "$request_id is neither logged nor passed on: nobody can tell which line of PHP's logs belongs to a request that failed",
			Help:     "add $request_id to the log_format, and pass it on with fastcgi_param HTTP_X_REQUEST_ID $request_id next to the other parameters",
			Span:     log.span,
			Handoffs: []*stack.Handoff{h},
		}
	}
	for _, c := range p.Stack.Nginx {
		if f := found[c]; f != nil {
			p.Report(*f)
		}
	}
}

// requestID matches variables by which people follow requests: nginx's own, and what comes from an
// edge or a tracer.
var requestID = lazy.Regexp(`(?i)\$\{?[a-z0-9_]*(request|req|trace|correlation|transaction)_?id|\$\{?http_(traceparent|cf_ray|x_amzn_trace)`)

func hasRequestID(c *nginx.Config) bool {
	for scope := range c.Scopes {
		for _, d := range scope.Directives {
			for _, a := range d.Args {
				if strings.Contains(a.Value, "$") && requestID().MatchString(a.Value) {
					return true
				}
			}
		}
		if scope.Statement != nil && (scope.Kind == "map" || scope.Kind == "split_clients") && requestID().MatchString(scope.Statement.Arg(0)) {
			return true
		}
	}
	return false
}

// isStockFormat says whether a format is "main" as nginx.org's and RHEL's packages define it.
func isStockFormat(text string) bool {
	return strings.Join(strings.Fields(text), " ") == `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"`
}
