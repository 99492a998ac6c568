package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostileIncludes reads trees that a naive reader would never finish: they end at the bound, and
// the stack says so.
func TestHostileIncludes(t *testing.T) {
	for name, files := range map[string]func(put func(name, text string)){
		"includes of includes": func(put func(name, text string)) {
			for i := range 40 {
				put(fmt.Sprintf("etc/nginx/%d", i), strings.Repeat(fmt.Sprintf("include %d;\n", i+1), 4))
			}
			put("etc/nginx/40", "")
			put("etc/nginx/nginx.conf", "events {}\nhttp { include 0; }\n")
		},
		"many includes of many empty files": func(put func(name, text string)) {
			for i := range 1000 {
				put(fmt.Sprintf("etc/nginx/c/%d", i), "")
			}
			put("etc/nginx/nginx.conf", "events {}\nhttp {\n"+strings.Repeat("include c/*;\n", 6000)+"}\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			files(func(name, text string) {
				name = filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			})
			stacks, err := Load(context.Background(), Options{Root: dir})
			if err != nil {
				t.Fatal(err)
			}
			said := false
			for _, p := range stacks[0].Nginx[0].Problems {
				said = said || strings.Contains(p.Message, "more than")
			}
			if !said {
				t.Errorf("nothing says that the rest was left out: %v", stacks[0].Nginx[0].Problems)
			}
		})
	}
}
