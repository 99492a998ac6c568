package rules

import (
	_ "embed"
	"path"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed script-filename.md
var scriptFilenameDoc string

// ScriptFilename reports hand-offs that do not tell PHP which script to run.
var ScriptFilename = lint.Rule{
	ID:       "script-filename",
	Severity: lint.Error,
	Family:   "requests",
	Summary:  "PHP is not told which script to run",
	Doc:      scriptFilenameDoc,
	Check:    checkScriptFilename,
}

func checkScriptFilename(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		list, at := h.Scope.EffectiveList("fastcgi_param")
		if hasParam(list, "SCRIPT_FILENAME") || hasParam(list, "PATH_TRANSLATED") {
			continue // FPM takes the second where the first is missing (init_request_info)
		}
		if isProbe(h) && hasParam(list, "SCRIPT_NAME") {
			continue // status and ping pages go by SCRIPT_NAME
		}
		if !h.PHP {
			p.Skip("%s: nothing shows that this hand-off is PHP's", place(h.Pass.Span()))
			continue
		}
		if missing := unreadAround(h); missing != "" {
			p.Skip("%s: %s, which may set SCRIPT_FILENAME, was not read", place(h.Pass.Span()), missing)
			continue
		}
		p.Report(scriptFinding(p, h, list, at))
	}
}

func scriptFinding(p *lint.Pass, h *stack.Handoff, list []*nginx.Statement, at *nginx.Scope) lint.Finding {
	f := lint.Finding{Span: h.Pass.Span(), Handoffs: []*stack.Handoff{h}}
	outer := outerParams(h.Scope, at)
	switch {
	case !hasParam(list, "REQUEST_METHOD"):
		f.Message = "no SCRIPT_FILENAME and no REQUEST_METHOD reach PHP: every request gets an empty 200"
	default:
		f.Message = "no SCRIPT_FILENAME reaches PHP: every request gets 404 \"File not found.\""
	}
	if len(list) > 0 {
		f.Related = append(f.Related, source.Related{Span: list[0].Span(), Message: "these fastcgi_param are in effect"})
	}
	if len(outer) > 0 {
		f.Message += "; the fastcgi_param here replace all those of the outer level"
		f.Related = append(f.Related, source.Related{Span: outer[0].Span(), Message: "these are not in effect"})
	}
	f.Help = "add fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; or include fastcgi.conf, which has it, instead of fastcgi_params"
	target := h.Scope
	if target.Kind == "limit_except" {
		target = target.Parent
	}
	text := "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;"
	if !hasParam(list, "REQUEST_METHOD") {
		params := p.Stack.ParamsFile(h.Config)
		if params == "" {
			return f
		}
		text = "include " + params + ";\n" + text
	}
	if edits := target.InsertBefore(h.Pass, text); allEditable(edits) {
		f.Fix = &lint.Fix{Safe: true, Description: "tell PHP the script's path", Edits: edits}
	}
	return f
}

func hasParam(list []*nginx.Statement, name string) bool {
	for _, d := range list {
		if d.Arg(0) == name {
			return true
		}
	}
	return false
}

// outerParams are the parameters of the next level outwards that has any, which those of the
// level at hide.
func outerParams(s, at *nginx.Scope) []*nginx.Statement {
	if at == nil || at.Parent == nil {
		return nil
	}
	list, _ := at.Parent.EffectiveList("fastcgi_param")
	if hasParam(list, "SCRIPT_FILENAME") {
		return list
	}
	return nil
}

// unreadAround names an include around the hand-off that was not read and may set parameters.
// fastcgi_params is known not to set SCRIPT_FILENAME where nginx.org or a current distribution
// ships it, but only its owner knows which one it is.
func unreadAround(h *stack.Handoff) string {
	for s := h.Scope; s != nil; s = s.Parent {
		for _, inc := range s.Unread {
			return path.Base(inc.Arg(0))
		}
	}
	return ""
}
