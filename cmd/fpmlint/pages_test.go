package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fpmlint/rules"
)

// TestLinks follows the relative links of all pages, to files and to headings.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	n := 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".md" {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, name), ""), -1) {
			target, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				continue
			}
			n++
			at := name
			if target != "" {
				at = filepath.Join(filepath.Dir(name), target)
			}
			if _, err := os.Stat(at); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if heading != "" && !strings.Contains(strings.ToLower(strings.ReplaceAll(read(t, at), " ", "-")), "\n##-"+heading+"\n") {
				t.Errorf("%s: %s has no heading %q", name, at, heading)
			}
		}
		return nil
	})
	if err != nil || n < 100 {
		t.Fatal(n, err)
	}
	for _, f := range rules.Families() {
		if f.About == "" {
			t.Errorf("nothing says what the rules of %s find", f.Name)
		}
	}
}
