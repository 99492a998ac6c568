package rules

import (
	"fmt"
	"strings"
)

// Markdown is the table of all rules.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| rule | severity | finds |\n|---|---|---|\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| [%s](rules/%s.md) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Summary)
	}
	return b.String()
}
