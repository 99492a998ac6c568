package report_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint/report"
	"fpmlint/rules"
)

func TestMarkdown(t *testing.T) {
	const page = "# title\n\nSome `code` and *words*, [a page](x.md), [a site](https://e.example/) and https://f.example/.\nA new line\x1b[31m of it that is long.\n\n- one `a b`\n- two that is so long that it needs another line\n\n```sh\n  run \x1b[31m | it\n```\n\n## Last\n"
	const want = `title

Some code and words, a page, a site
(https://e.example/) and
https://f.example/. A new line\x1b[31m
of it that is long.

- one a b
- two that is so long that it needs
  another line

      run \x1b[31m | it

Last
`
	var b strings.Builder
	if err := report.Markdown(&b, page, report.Options{Width: 40}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMarkdownPages loses no word of the rules' pages.
func TestMarkdownPages(t *testing.T) {
	for _, r := range rules.All() {
		var b strings.Builder
		if err := report.Markdown(&b, r.Doc, report.Options{Width: 80, Color: true}); err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.FieldsFunc(r.Doc, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) }) {
			if word != "txtar" && word != "md" && word != "sh" && !strings.Contains(b.String(), word) {
				t.Errorf("%s: no %q", r.ID, word)
			}
		}
	}
}
