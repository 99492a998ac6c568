package rules

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

//go:embed xdebug-enabled.md
var xdebugEnabledDoc string

// XdebugEnabled reports Xdebug in the PHP that serves requests.
var XdebugEnabled = lint.Rule{
	ID:       "xdebug-enabled",
	Severity: lint.Warning,
	Family:   "crashes",
	Summary:  "Xdebug is loaded into PHP-FPM",
	Doc:      xdebugEnabledDoc,
	Check:    checkXdebugEnabled,
}

func checkXdebugEnabled(p *lint.Pass) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		for _, e := range m.Extensions() {
			if strings.Contains(strings.ToLower(path.Base(e.Value)), "xdebug") {
				checkXdebug(p, m, e)
				break
			}
		}
	}
}

// checkXdebug judges the mode, which Xdebug 3 reads when it is loaded: a pool cannot change it.
func checkXdebug(p *lint.Pass, m *fpm.Master, e *fpm.Entry) {
	mode, set := m.IniSetting("xdebug.mode")
	switch {
	case set && mode.Unknown != "":
		p.Skip("%s: xdebug.mode: %s", e.Span.File.Display, mode.Unknown)
		return
	case m.XdebugMode != "":
		p.Skip("%s: %s may set XDEBUG_MODE, which counts before xdebug.mode", e.Span.File.Display, m.XdebugMode)
		return
	case set && (mode.Value == "off" || mode.Value == ""): // a bare off is "" to the INI grammar
		return
	}
	f := lint.Finding{
		Message: "Xdebug is loaded into PHP-FPM, with no xdebug.mode: every request is slower, workers take more memory, and a debugger that does not answer holds them",
		Help:    "take Xdebug out of PHP-FPM, or set xdebug.mode = off",
		Span:    e.ValueSpan,
	}
	if set {
		f.Message = fmt.Sprintf("Xdebug is loaded into PHP-FPM with xdebug.mode = %s: every request is slower, workers take more memory, and a debugger that does not answer holds them", mode.Value)
		f.Related = []source.Related{{Span: mode.ValueSpan, Message: "the mode is set here"}}
	}
	if path.Base(path.Dir(e.Span.File.Path)) == "mods-available" && !m.Root.Exists(m.IniDir) {
		// The links of conf.d are not here: the package makes them, and a script may take them away.
		f.Severity = lint.Info
		f.Message = strings.Replace(f.Message, "Xdebug is loaded into PHP-FPM", "where this module is enabled, Xdebug is loaded into PHP-FPM", 1)
	}
	if m.Family == "debian" && m.Version != "" {
		f.Help += fmt.Sprintf(": phpdismod -v %s -s fpm xdebug leaves the command line's", m.Version)
	}
	if editable(e.Span.File) {
		at := e.Span.Start
		f.Fix = &lint.Fix{Description: "do not load Xdebug", Edits: []source.Edit{{Span: e.Span.File.Span(at, at), NewText: ";"}}}
	}
	p.Report(f)
}
