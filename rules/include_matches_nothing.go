package rules

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

//go:embed include-matches-nothing.md
var includeMatchesNothingDoc string

// IncludeMatchesNothing reports includes of pools or sites that match no file while files of that
// kind stand there.
var IncludeMatchesNothing = lint.Rule{
	ID:       "include-matches-nothing",
	Severity: lint.Warning,
	Family:   "start",
	Summary:  "an include matches none of the files that stand there",
	Doc:      includeMatchesNothingDoc,
	Check:    checkIncludeMatchesNothing,
}

func checkIncludeMatchesNothing(p *lint.Pass) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		read := map[*source.File]bool{}
		for _, f := range m.Files {
			read[f] = true
		}
		for _, i := range m.Includes {
			if len(i.Files) == 0 {
				reportUnmatched(p, i.Entry.ValueSpan, i.Entry.Value, i.Beside, read)
			}
		}
	}
	for _, c := range p.Stack.Nginx {
		read := map[*source.File]bool{}
		for _, f := range c.Files {
			read[f.Source] = true
		}
		for _, i := range c.Includes {
			reportUnmatched(p, i.Statement.ArgSpan(0), i.Statement.Arg(0), i.Beside, read)
		}
	}
}

func reportUnmatched(p *lint.Pass, at source.Span, pattern string, beside []*source.File, read map[*source.File]bool) {
	var names []string
	var related []source.Related
	for _, f := range beside {
		if !p.Stack.Live && deployedBelow(pattern, f.Path) {
			p.Skip("%s: include %s is right where %s lies below another directory, as in an image: give that tree", place(at), pattern, path.Dir(f.Display))
			return
		}
		if !read[f] && !setAside(path.Base(f.Path)) {
			name := f.Path
			if p.Stack.Loose { // a repository is not laid out like a root
				name = f.Display
			}
			names = append(names, name)
			related = append(related, source.Related{Span: f.Span(0, 0), Message: "is not read"})
		}
	}
	if len(names) == 0 {
		return
	}
	if len(names) > 3 {
		names, related = append(names[:3], fmt.Sprintf("%d more", len(names)-3)), related[:3]
	}
	verb := "is"
	if len(names) > 1 {
		verb = "are"
	}
	p.Report(lint.Finding{
		Message: fmt.Sprintf("include %s matches no file; %s %s not read", pattern, strings.Join(names, ", "), verb),
		Help:    "make the pattern match it, or name the file as the pattern asks",
		Span:    at,
		Related: related,
	})
}

// deployedBelow says whether a pattern names the very directory of a file, but below another one.
func deployedBelow(pattern, file string) bool {
	dir, at := path.Dir(pattern), path.Dir(file)
	for whole := at; strings.Count(whole, "/") > 1; whole = whole[1+strings.IndexByte(whole[1:], '/'):] {
		if ok, err := path.Match(dir, whole); ok && err == nil && whole != at {
			return true // a root that lies below another directory
		}
	}
	return len(dir) > len(at) && strings.Count(at, "/") > 1 && strings.HasSuffix(dir, at)
}

// aside are ends of names that people give to files that are not to be read.
var aside = []string{
	".in", ".original", ".disabled", ".disable", ".off", ".inactive", ".example", ".sample", ".dist", ".default", ".template", ".tpl", ".tmpl", ".md", ".txt", ".inc", ".snippet",
}

// setAside says whether a file's name shows that it is not to be read, or by something else.
func setAside(name string) bool {
	name = strings.ToLower(name)
	for _, end := range aside {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return isBackup(name)
}
