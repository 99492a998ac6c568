package rules

import (
	"fmt"
	"strings"

	"fpmlint/lint"
)

// familyNames are the rules' families in catalogue order.
func familyNames() []string {
	var out []string
	for _, r := range all {
		if len(out) == 0 || out[len(out)-1] != r.Family {
			out = append(out, r.Family)
		}
	}
	return out
}

// about says what the rules of each family find.
var about = map[string]string{
	"start":         "a daemon does not start or reload, or reads other files than its owner thinks",
	"connectivity":  "nginx cannot connect: wrong address, no permission, full queue, dead upstream",
	"capacity":      "too many workers for the memory, or too few for the load",
	"crashes":       "nothing brings PHP-FPM back, or its reload cuts requests off",
	"time":          "time limits that are missing, or in the wrong order",
	"buffers":       "responses and headers that do not fit, temporary files that cannot be written",
	"requests":      "PHP gets the wrong script or parameters",
	"exposure":      "others can run code, or read what is internal",
	"observability": "the logs would not show what broke",
	"edge":          "caches, proxies and crawlers in front of the site",
	"policy":        "comments that suppress nothing",
	"upgrade":       "what a change of PHP's version left behind",
}

// Index is a table of the families with links to their rules, seen from the repository's root.
func Index() string {
	var b strings.Builder
	b.WriteString("| family | rules | they find |\n|---|---|---|\n")
	for _, family := range familyNames() {
		fmt.Fprintf(&b, "| [%s](rules/README.md#%s) | %d | %s |\n", family, family, len(of(family)), about[family])
	}
	return b.String()
}

// Markdown is the page of all rules, by family.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Rules\n\nError: broken now. Warning: breaks under load or at the next fault. Info: advice.\n")
	for _, family := range familyNames() {
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
