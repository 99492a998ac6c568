package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// linted is what a test reads of a JSON report.
type linted struct {
	Findings []struct {
		Rule, Severity, Message, File string
		Line                          int
	}
	Summary map[string]int
}

// lintJSON lints and reads the report.
func lintJSON(t *testing.T, args ...string) linted {
	t.Helper()
	var out, errs strings.Builder
	if code := run(t.Context(), append([]string{"fpmlint", "lint", "--fail-on", "never", "--format", "json"}, args...), nil, &out, &errs); code != exitClean {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var r linted
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// kinds are the findings' rules and severities, sorted.
func (r linted) kinds() []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Rule+" "+f.Severity)
	}
	slices.Sort(out)
	return out
}

// TestDefaults pins down what is found in configurations as images come with them: the lines
// "finds: RULE SEVERITY" of each archive in testdata/defaults. A new line there must be one that an
// expert would agree with.
func TestDefaults(t *testing.T) {
	archives, err := filepath.Glob("../../testdata/defaults/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			for _, f := range a.Files {
				path := filepath.Join(root, f.Name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var want []string
			args := []string{"--root", root}
			for line := range strings.Lines(string(a.Comment)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				switch name {
				case "finds":
					want = append(want, value)
				case "split":
					nginx, php, _ := strings.Cut(value, " ")
					args = []string{"--nginx-root", filepath.Join(root, nginx), "--fpm-root", filepath.Join(root, php)}
				}
			}
			got := lintJSON(t, args...)
			if diff := cmp.Diff(want, got.kinds()); diff != "" {
				t.Errorf("findings (-want +got):\n%s%v", diff, got.Findings)
			}
		})
	}
}
