package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"fpmlint/lint/source"
)

// FuzzRules runs all rules on an nginx.conf and a php-fpm.conf of any content: they end, point into the
// files, and speak in text.
func FuzzRules(f *testing.F) {
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatal("no stacks: ", err)
	}
	for _, name := range archives {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var nginx, fpm []byte
		for _, file := range txtar.Parse(data).Files {
			switch {
			case file.Name == "etc/nginx/nginx.conf":
				nginx = file.Data
			case strings.Contains(file.Name, "fpm") && len(file.Data) > len(fpm):
				fpm = file.Data
			}
		}
		if nginx != nil && fpm != nil {
			f.Add(nginx, fpm)
		}
	}
	f.Fuzz(func(t *testing.T, nginx, fpm []byte) {
		if len(nginx)+len(fpm) > 32<<10 {
			t.Skip("a long one finds nothing more")
		}
		_, findings := findingsBelow(t, source.Memory("web1", map[string]string{
			"/etc/nginx/nginx.conf": string(nginx), "/etc/php/8.2/fpm/php-fpm.conf": string(fpm), "/proc/meminfo": "MemTotal: 4000000 kB\n",
		}))
		for i := range findings {
			found := &findings[i]
			if found.Message == "" || found.Help == "" || !utf8.ValidString(found.Message) && utf8.Valid(nginx) && utf8.Valid(fpm) {
				t.Errorf("%s says %q, %q", found.Rule, found.Message, found.Help)
			}
			spans := []source.Span{found.Span}
			for _, r := range found.Related {
				spans = append(spans, r.Span)
			}
			if found.Fix != nil {
				for _, e := range found.Fix.Edits {
					spans = append(spans, e.Span)
				}
			}
			for _, s := range spans {
				if !s.IsZero() && (s.Start < 0 || s.End < s.Start || s.End > len(s.File.Data)) {
					t.Errorf("%s points at %d to %d of %d bytes", found.Rule, s.Start, s.End, len(s.File.Data))
				}
			}
		}
	})
}
