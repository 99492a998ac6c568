package rules

import (
	"fmt"
	"strings"

	"fpmlint/lint"
)

// Families are the rules' families in catalogue order.
func Families() []string {
	var out []string
	for _, r := range all {
		if len(out) == 0 || out[len(out)-1] != r.Family {
			out = append(out, r.Family)
		}
	}
	return out
}

// Index is a table of the families with links to their rules, seen from the repository's root.
func Index() string {
	var b strings.Builder
	b.WriteString("| family | rules |\n|---|---|\n")
	for _, family := range Families() {
		var links []string
		for _, r := range of(family) {
			links = append(links, fmt.Sprintf("[%s](rules/%s.md)", r.ID, r.ID))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", family, strings.Join(links, ", "))
	}
	return b.String()
}

// Markdown is the page of all rules, by family.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Rules\n\nError: broken now. Warning: breaks under load or at the next fault. Info: advice.\n")
	for _, family := range Families() {
		fmt.Fprintf(&b, "\n## %s\n\n| rule | severity | finds |\n|---|---|---|\n", title(family))
		for _, r := range of(family) {
			fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Summary)
		}
	}
	return b.String()
}

func title(family string) string { return strings.ToUpper(family[:1]) + family[1:] }

func of(family string) []lint.Rule {
	var out []lint.Rule
	for _, r := range all {
		if r.Family == family {
			out = append(out, r)
		}
	}
	return out
}
