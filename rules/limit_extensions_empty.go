package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

//go:embed limit-extensions-empty.md
var limitExtensionsEmptyDoc string

// LimitExtensionsEmpty reports pools that run any file as PHP.
var LimitExtensionsEmpty = lint.Rule{
	ID:       "limit-extensions-empty",
	Severity: lint.Warning,
	Family:   "exposure",
	Summary:  "a pool runs files as PHP that are none",
	Doc:      limitExtensionsEmptyDoc,
	Check:    checkLimitExtensionsEmpty,
}

func checkLimitExtensionsEmpty(p *lint.Pass) {
	for _, pool := range servingPools(p.Stack) {
		s := pool.Get("security.limit_extensions")
		if s.IsDefault {
			continue
		}
		if s.Unknown != "" {
			p.Skip("%s: %s", poolName(pool), s.Unknown)
			continue
		}
		words := strings.Fields(s.Text)
		var php, foreign []string
		for _, w := range words {
			if phpExtension(w) {
				php = append(php, w)
			} else {
				foreign = append(foreign, w)
			}
		}
		f := lint.Finding{
			Help: "limit them to .php, so that an uploaded image with code in it is refused with 403",
			Span: s.Span,
		}
		switch {
		case len(words) == 0:
			f.Message = fmt.Sprintf("security.limit_extensions is empty in %s: it runs any file that nginx passes on as PHP, an uploaded image too", poolName(pool))
			php = []string{".php", ".phar"} // FPM's default
		case len(foreign) > 0:
			f.Message = fmt.Sprintf("security.limit_extensions in %s holds %s: PHP runs such files too", poolName(pool), strings.Join(foreign, " "))
		default:
			continue
		}
		if editable(s.Span.File) && len(php) > 0 {
			value := strings.Join(php, " ")
			f.Fix = &lint.Fix{Safe: len(words) == 0, Description: "security.limit_extensions = " + value, Edits: pool.SetEdits("security.limit_extensions", value)}
		}
		if f.Span.Start == f.Span.End {
			f.Span = source.Span{File: s.Span.File, Start: s.Entry.Span.Start, End: s.Entry.Span.End}
		}
		p.Report(f)
	}
}

// phpExtension says whether files with an extension are PHP's by custom.
func phpExtension(ext string) bool {
	ext = strings.ToLower(ext)
	return strings.HasPrefix(ext, ".php") || ext == ".phar" || ext == ".phtml" || ext == ".inc"
}
