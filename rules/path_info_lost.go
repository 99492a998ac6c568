package rules

import (
	_ "embed"
	"slices"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed path-info-lost.md
var pathInfoLostDoc string

// PathInfoLost reports hand-offs whose PATH_INFO is always empty.
var PathInfoLost = lint.Rule{
	ID:       "path-info-lost",
	Severity: lint.Warning,
	Family:   "requests",
	Summary:  "try_files takes the path behind the script away before PATH_INFO is read",
	Doc:      pathInfoLostDoc,
	Check:    checkPathInfoLost,
}

func checkPathInfoLost(p *lint.Pass) {
	patterns := &matchers{}
	for _, h := range p.Stack.Handoffs {
		if !h.PHP || h.Module() != "fastcgi" || h.Scope.Kind != "location" || h.Scope.Effective("fastcgi_split_path_info").IsDefault {
			continue
		}
		list, _ := h.Scope.EffectiveList("fastcgi_param")
		param, try := lastParam(list, "PATH_INFO"), h.Scope.Find("try_files")
		if param == nil || param.Arg(1) != "$fastcgi_path_info" || try == nil || !triesScript(try) {
			continue
		}
		if below, _ := patterns.match(h.Scope, "/index.php/a"); !below {
			continue // no such path gets here
		}
		p.Report(lint.Finding{
			Message:  "PATH_INFO is always empty: try_files makes the script's name the path, and $fastcgi_path_info is read after that",
			Help:     "keep it: set $path_info $fastcgi_path_info; in the location, which nginx runs before try_files, and pass $path_info",
			Span:     param.Span(),
			Related:  []source.Related{{Span: try.Span(), Message: "from here on the path ends with the script"}},
			Handoffs: []*stack.Handoff{h},
			Fix:      keepPathInfo(h.Scope, param, try),
		})
	}
}

// triesScript says whether a try_files looks for the script, and so makes its name the path. The last
// argument is no file that is looked for.
func triesScript(try *nginx.Statement) bool {
	names := try.Values()
	return slices.Contains(names[:max(0, len(names)-1)], "$fastcgi_script_name")
}

// keepPathInfo saves the value in a variable where both lines stand together, so that no other location
// gets the one without the other.
func keepPathInfo(s *nginx.Scope, param, try *nginx.Statement) *lint.Fix {
	if !slices.Contains(s.Directives, param) || param.Src != try.Src || takesVariable(s, "$path_info") {
		return nil
	}
	edits := s.InsertBefore(try, "set $path_info $fastcgi_path_info;")
	edits = append(edits, source.Edit{Span: param.Src.Span(int(param.Args[1].Start), int(param.Args[1].End())), NewText: "$path_info"})
	if !allEditable(edits) {
		return nil
	}
	return &lint.Fix{Description: "keep the path behind the script in $path_info", Edits: edits}
}

// takesVariable says whether a variable has a meaning of its own around a location.
func takesVariable(s *nginx.Scope, name string) bool {
	for at := s; at != nil; at = at.Parent {
		for _, d := range at.FindAll("set") {
			if d.Arg(0) == name {
				return true
			}
		}
		for _, c := range at.Children {
			if c.Statement != nil && slices.Contains([]string{"map", "geo", "split_clients"}, c.Kind) && slices.Contains(c.Statement.Values(), name) {
				return true
			}
		}
	}
	return false
}
