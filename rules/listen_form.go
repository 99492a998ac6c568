package rules

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed listen-form.md
var listenFormDoc string

// ListenForm reports a listen or a listen.mode that php-fpm -t takes and that does not work.
var ListenForm = lint.Rule{
	ID:       "listen-form",
	Severity: lint.Error,
	Family:   "connectivity",
	Summary:  "a listen or listen.mode that php-fpm -t takes and that fails when PHP-FPM starts",
	Doc:      listenFormDoc,
	Check:    checkListenForm,
}

func checkListenForm(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		addr, listen, err := pool.Listen()
		if listen.Unknown != "" || listen.Span.IsZero() {
			continue
		}
		if err != nil && listen.Text != "" {
			reportListenForm(p, pool, listen, err)
		}
		if err == nil && addr.IsUnix() {
			checkMode(p, pool)
		}
	}
}

func reportListenForm(p *lint.Pass, pool *fpm.Pool, listen fpm.Setting, err error) {
	f := lint.Finding{
		Message: fmt.Sprintf("%s: %s in listen = %s: PHP-FPM does not start, although php-fpm -t takes it", poolName(pool), err, listen.Text),
		Help:    "listen on a socket's path, on ADDRESS:PORT, or on a port from 1 to 65535",
		Span:    listen.Span,
	}
	plain, hasPrefix := strings.CutPrefix(listen.Text, "unix:")
	plain = strings.TrimPrefix(plain, "//")
	switch {
	case errors.Is(err, address.ErrLongPath):
		f.Message = fmt.Sprintf("%s: the path in listen is longer than the %d bytes of a socket's address: PHP-FPM cuts it there, and nginx refuses to connect to it", poolName(pool), address.MaxSocketPath)
		f.Help = "choose a shorter path"
	case hasPrefix && strings.HasPrefix(plain, "/"):
		f.Help = "leave the prefix out, only nginx writes it: listen = " + plain
		old := listen.Span.Text()
		if editable(listen.Span.File) && strings.Count(old, "unix:") == 1 {
			old = strings.Replace(old, "unix://", "unix:", 1)
			f.Fix = &lint.Fix{
				Safe:        true,
				Description: "listen without the prefix unix:",
				Edits:       []source.Edit{{Span: listen.Span, NewText: strings.Replace(old, "unix:", "", 1)}},
			}
		}
	}
	p.Report(f)
}

// checkMode reports a mode that strtoul(3) does not read to its end: it takes the octal digits at
// the beginning, none of which is 0 (fpm_unix_resolve_socket_permissions).
func checkMode(p *lint.Pass, pool *fpm.Pool) {
	mode := pool.Get("listen.mode")
	if mode.Unknown != "" || mode.IsDefault || isOctal(mode.Text) {
		return
	}
	bits := fpm.ParseMode(mode.Text)
	f := lint.Finding{
		Message: fmt.Sprintf("%s: listen.mode = %s is no octal number: the socket gets mode %04o", poolName(pool), mode.Text, bits),
		Help:    "set listen.mode = 0660",
		Span:    mode.Span,
	}
	if bits&0o220 != 0 {
		f.Severity = lint.Warning // nginx may get in all the same
	} else {
		f.Message += ", and nginx may not connect"
	}
	if edits := pool.SetEdits("listen.mode", "0660"); allEditable(edits) {
		f.Fix = &lint.Fix{Safe: true, Description: "listen.mode = 0660", Edits: edits}
	}
	p.Report(f)
}

// isOctal says whether a mode is one, or empty, which is the default.
func isOctal(text string) bool { return strings.Trim(text, "01234567") == "" }
