package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed script-filename-twice.md
var scriptFilenameTwiceDoc string

// ScriptFilenameTwice reports hand-offs that name two different scripts.
var ScriptFilenameTwice = lint.Rule{
	ID:       "script-filename-twice",
	Severity: lint.Warning,
	Family:   "requests",
	Summary:  "PHP is told two different scripts, and runs the last",
	Doc:      scriptFilenameTwiceDoc,
	Check:    checkScriptFilenameTwice,
}

func checkScriptFilenameTwice(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		if !h.PHP {
			continue // CGI wrappers look in their environment, in which the first one counts
		}
		list, _ := h.Scope.EffectiveList("fastcgi_param")
		last := lastParam(list, "SCRIPT_FILENAME")
		other := overruled(h.Scope, list, last)
		if other == nil {
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("SCRIPT_FILENAME is set twice: PHP runs %s, the last, and not %s", last.Arg(1), other.Arg(1)),
			Help:     "leave the one that is meant; where an include sets the other, put yours below the include",
			Span:     last.Span(),
			Related:  []source.Related{{Span: other.Span(), Message: "this one has no effect"}},
			Handoffs: []*stack.Handoff{h},
		}
		if isStandardParams(last) { // the line to move is the site's own
			f.Span = other.Span()
			f.Related = []source.Related{{Span: last.Span(), Message: "this one is in effect"}}
		}
		p.Report(f)
	}
}

// overruled is a SCRIPT_FILENAME that another one replaces unawares: one below an include that
// sets it is how the include's is meant to be replaced.
func overruled(s *nginx.Scope, list []*nginx.Statement, last *nginx.Statement) *nginx.Statement {
	for _, d := range list {
		if d.Arg(0) != "SCRIPT_FILENAME" || d == last || d.Arg(2) != "" || scriptPath(s, d.Arg(1)) == scriptPath(s, last.Arg(1)) {
			continue
		}
		if d.Src == last.Src || isStandardParams(last) {
			return d
		}
	}
	return nil
}

// scriptPath is a script's path with the document root written out, so that one path in other words
// is seen to be one.
func scriptPath(s *nginx.Scope, script string) string {
	for at := s; at != nil && at.Find("root") == nil; at = at.Parent {
		if at.Find("alias") != nil {
			return script
		}
	}
	root := s.Effective("root")
	if len(root.Args()) != 1 {
		return script
	}
	// Below a regular expression no request that PHP answers ends in /, so that the index adds nothing.
	if s.Kind == "location" && strings.HasPrefix(s.Statement.Arg(0), "~") && s.Effective("fastcgi_split_path_info").IsDefault {
		script = strings.ReplaceAll(script, "$request_filename", "$document_root$fastcgi_script_name")
	}
	return strings.ReplaceAll(strings.ReplaceAll(script, "$document_root", strings.TrimSuffix(root.Text, "/")), "//", "/")
}
