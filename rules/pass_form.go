package rules

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed pass-form.md
var passFormDoc string

// PassForm reports addresses that nginx cannot read.
var PassForm = lint.Rule{
	ID:       "pass-form",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "the address of a pass is none that nginx reads",
	Doc:      passFormDoc,
	Check:    checkPassForm,
}

func checkPassForm(p *lint.Pass) {
	for h := range p.Stack.All {
		for _, b := range h.Backends {
			if b.Err == nil || b.Upstream != nil || b.Text == "" && atRuntime(h) ||
				errors.Is(b.Err, address.ErrNoPort) && isHostName(b.Address.Host) {
				continue
			}
			end := "nginx does not start or reload"
			if atRuntime(h) {
				if guarded(h) {
					skipGuarded(p, h, b)
					continue
				}
				end = "requests with this value end in a 500"
			}
			f := passFinding(h, b, fmt.Sprintf("%s: %s", addressError(b.Text, b.Err), end), passHelp(b.Text, b.Err))
			f.Refused = !atRuntime(h)
			if h.Module() == "fastcgi" {
				mendForm(p.Stack, &f, b.Text, b.Err)
			}
			p.Report(f)
		}
	}
	for _, c := range p.Stack.Nginx {
		checkServerForms(p, c)
	}
}

// checkServerForms looks at all upstreams: nginx reads those that nothing uses too.
func checkServerForms(p *lint.Pass, c *nginx.Config) {
	names := upstreamNames(c)
	for _, name := range names {
		for _, server := range c.Upstream(name).Servers {
			_, err := address.ParseConnect(server.Text)
			if err == nil || errors.Is(err, address.ErrNoPort) {
				continue
			}
			f := lint.Finding{
				Message: addressError(server.Text, err) + ": nginx does not start or reload",
				Help:    passHelp(server.Text, err),
				Span:    server.Span,
			}
			mendForm(p.Stack, &f, server.Text, err)
			p.Report(f)
		}
	}
}

// addressError is nginx's message (ngx_http_upstream_add, ngx_http_proxy_pass).
func addressError(text string, err error) string {
	if errors.Is(err, stack.ErrPrefix) {
		return fmt.Sprintf("%s in %q", err, text)
	}
	return fmt.Sprintf("%s in upstream %q", err, text)
}

func passHelp(text string, err error) string {
	switch {
	case errors.Is(err, stack.ErrPrefix):
		return "begin the address with http:// or https://"
	case strings.HasPrefix(text, "/"):
		return "write unix:" + text + ": a socket's path needs the prefix"
	case strings.Contains(text, "://"):
		return "leave the scheme out: an address is host:port or unix:/path"
	case errors.Is(err, address.ErrNoPort) && isNumber(text):
		return "write 127.0.0.1:" + text + ": a port alone is no address"
	case errors.Is(err, address.ErrNoPort):
		return "add the port: FastCGI has no default one"
	case errors.Is(err, address.ErrInvalidPort):
		return "give a port from 1 to 65535"
	case errors.Is(err, address.ErrLongPath):
		return fmt.Sprintf("choose a path of at most %d bytes for the socket", address.MaxSocketPath)
	}
	return "write host:port or unix:/path"
}

// mendForm adds a fix where it is plain which address was meant, and a pool answers there.
func mendForm(st *stack.Stack, f *lint.Finding, text string, err error) {
	if literal(f.Span) != text || !editable(f.Span.File) {
		return
	}
	meant := likelyMeant(st, text)
	if a, parsed := address.ParseConnect(text); meant == "" && errors.Is(err, address.ErrNoPort) && errors.Is(parsed, err) {
		if port, ok := onlyPort(st, a.Host); ok {
			meant = fmt.Sprintf("%s:%d", text, port)
		}
	}
	if !isPlain(meant) {
		return
	}
	f.Fix = &lint.Fix{Safe: true, Description: "pass to " + meant, Edits: []source.Edit{{Span: f.Span, NewText: requote(f.Span, meant)}}}
}
