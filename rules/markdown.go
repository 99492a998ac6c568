package rules

import (
	"fmt"
	"strings"

	"fpmlint/lint"
)

// Family is a group of rules.
type Family struct {
	Name string
	// About says what its rules find.
	About string
	Rules []lint.Rule
}

// Families are the rules by family, in catalogue order.
func Families() []Family {
	var out []Family
	for _, r := range all {
		if len(out) == 0 || out[len(out)-1].Name != r.Family {
			out = append(out, Family{Name: r.Family, About: about[r.Family]})
		}
		f := &out[len(out)-1]
		f.Rules = append(f.Rules, r)
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

// Markdown is the page of all rules, by family.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Rules\n\nError: broken now. Warning: breaks under load or at the next fault. Info: advice.\n")
	for _, f := range Families() {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n| rule | severity | finds |\n|---|---|---|\n", title(f.Name), title(f.About))
		for _, r := range f.Rules {
			fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Summary)
		}
	}
	return b.String()
}

func title(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
