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
		image := imageParamsAt(p, h)
		if image != nil && image != at {
			list, at = nil, image // what the blocks around set does not reach here
		}
		if hasParam(list, "SCRIPT_FILENAME") || hasParam(list, "PATH_TRANSLATED") {
			// FPM takes the second where the first is missing. Without both it reads no SCRIPT_NAME
			// either, by which it knows its status and ping pages (init_request_info).
			continue
		}
		if h.Scope.Find("fastcgi_cache_purge") != nil {
			p.Skip("%s: the module that purges the cache answers here, as far as it takes the requests", place(h.Pass.Span()))
			continue
		}
		if !h.PHP {
			p.Skip("%s: nothing shows that this hand-off is PHP's", place(h.Pass.Span()))
			continue
		}
		if missing := unreadAround(p, h); missing != "" {
			p.Skip("%s: %s, which may set SCRIPT_FILENAME, was not read", place(h.Pass.Span()), missing)
			continue
		}
		p.Report(scriptFinding(p, h, list, at, image != nil))
	}
}

func scriptFinding(p *lint.Pass, h *stack.Handoff, list []*nginx.Statement, at *nginx.Scope, image bool) lint.Finding {
	const line = "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;"
	f := lint.Finding{
		Message:  "no SCRIPT_FILENAME reaches PHP: every request gets 404 \"File not found.\"",
		Help:     "add " + line,
		Span:     h.Pass.Span(),
		Handoffs: []*stack.Handoff{h},
	}
	lines := []string{line}
	if !image && !hasParam(list, "REQUEST_METHOD") {
		f.Message = "no SCRIPT_FILENAME and no REQUEST_METHOD reach PHP: every request gets an empty 200"
		if params := p.Stack.ParamsFile(h.Config); params != "" {
			f.Help += " and include " + params + ";"
			lines = []string{"include " + params + ";", line}
		} else {
			lines = nil
		}
	}
	if len(list) > 0 {
		f.Related = append(f.Related, source.Related{Span: list[0].Span(), Message: "these fastcgi_param are in effect"})
	}
	outer := outerParams(at)
	switch {
	case hasParam(outer, "SCRIPT_FILENAME"):
		f.Message += "; the fastcgi_param here replace all those of the outer level"
		f.Related = append(f.Related, source.Related{Span: outer[0].Span(), Message: "these are not in effect"})
	case image || len(list) > 0 && path.Base(list[0].Src.Path) == "fastcgi_params":
		f.Message += "; fastcgi_params does not set it, fastcgi.conf does"
	}
	if lines != nil {
		if edits := addParams(h, at, lines...); allEditable(edits) {
			f.Fix = &lint.Fix{Safe: true, Description: "tell PHP the script's path", Edits: edits}
		}
	}
	return f
}

// outerParams are the parameters of the next level outwards that has any, which those of the
// level at hide.
func outerParams(at *nginx.Scope) []*nginx.Statement {
	if at == nil || at.Parent == nil {
		return nil
	}
	list, _ := at.Parent.EffectiveList("fastcgi_param")
	return list
}
