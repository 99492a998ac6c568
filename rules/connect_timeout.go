package rules

import (
	_ "embed"
	"fmt"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed connect-timeout.md
var connectTimeoutDoc string

// ConnectTimeout reports connect timeouts that are too short for a lost packet or longer than the
// kernel tries.
var ConnectTimeout = lint.Rule{
	ID:       "connect-timeout",
	Severity: lint.Info,
	Family:   "time",
	Summary:  "the time to connect is too short or has no effect",
	Doc:      connectTimeoutDoc,
	Options: []lint.Option{
		{Name: "min", Kind: lint.Duration, Default: "1s", Doc: "the least time that is not reported: after 1s the kernel repeats a packet that was lost (RFC 6298)"},
		{Name: "max", Kind: lint.Duration, Default: "75s", Doc: "the longest time that is not reported: nginx's documentation says that it cannot usually exceed 75s"},
	},
	Check: checkConnectTimeout,
}

func checkConnectTimeout(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		v := h.Scope.Effective("fastcgi_connect_timeout")
		d, err := v.Duration()
		if v.IsDefault || err != nil || d >= p.Duration("min") && d <= p.Duration("max") || onlySockets(h) {
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("fastcgi_connect_timeout %s: one lost packet, or a full queue for a moment, ends the request in a 504 before the kernel tries again", v.Text),
			Help:     "set a few seconds: on one network a connection stands within milliseconds or needs a second try after 1s",
			Span:     v.Span,
			Handoffs: []*stack.Handoff{h},
		}
		if d > p.Duration("max") {
			f.Message = fmt.Sprintf("fastcgi_connect_timeout %s: the kernel gives up connecting earlier, and until then the visitor waits for a host that does not answer", v.Text)
		}
		if origin(h, v) {
			f.Related = []source.Related{{Span: h.Pass.Span(), Message: "in effect for " + h.Scope.Label()}}
		}
		p.Report(f)
	}
}

// onlySockets says whether all addresses are known and unix sockets: connecting to one never waits.
func onlySockets(h *stack.Handoff) bool {
	if h.Unknown != "" || len(h.Backends) == 0 {
		return false
	}
	for _, b := range h.Backends {
		if b.Err != nil || !b.Address.IsUnix() {
			return false
		}
	}
	return true
}
