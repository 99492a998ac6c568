package spell_test

import (
	"strings"
	"testing"

	"fpmlint/lint/spell"
)

func TestHint(t *testing.T) {
	known := []string{"select", "severity", "ram"}
	for word, want := range map[string]string{
		"--selct": `; did you mean "select"?`, "sevirity": `; did you mean "severity"?`, "rum": `; did you mean "ram"?`,
		"colour": "", "": "", strings.Repeat("s", 1<<20): "",
	} {
		if got := spell.Hint(word, known); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
}
