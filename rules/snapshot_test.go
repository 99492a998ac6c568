package rules_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"fpmlint/lint"
	"fpmlint/lint/snapshot"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// stacks yields the stacks of testdata/RULE/*.txtar, by the archives' names.
func stacks(t *testing.T, yield func(name, dir string)) {
	t.Helper()
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no stacks", err)
	}
	for _, name := range archives {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		yield(name, extract(t, txtar.Parse(data)))
	}
}

func findingsBelow(t *testing.T, root *source.Root) (*stack.Stack, []lint.Finding) {
	t.Helper()
	s, err := stack.LoadRoot(root, "web1", stack.Options{Upgrade: &stack.UpgradeOptions{}})
	if err != nil {
		s, err = stack.LoadRoot(root, "web1", stack.Options{}) // there is but one version of PHP
	}
	if err != nil {
		return nil, nil
	}
	r, err := lint.Run(context.Background(), []*stack.Stack{s}, rules.All())
	if err != nil {
		t.Fatal(err)
	}
	return s, r.Findings
}

// TestSnapshots holds snapshots to what they promise, with every stack of the rules' tests: linting
// one finds what linting the root finds.
func TestSnapshots(t *testing.T) {
	n := 0
	stacks(t, func(name, dir string) {
		if !stack.RootLike(dir) {
			return
		}
		root, err := source.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		rec := root.Record()
		s, before := findingsBelow(t, root)
		if s == nil {
			return
		}
		var b bytes.Buffer
		if err := snapshot.Write(&b, s, rec, &snapshot.Manifest{}); err != nil {
			t.Fatal(err)
		}
		again, err := source.Snapshot(&b)
		if err != nil {
			t.Fatal(err)
		}
		_, after := findingsBelow(t, again)
		list := func(findings []lint.Finding) (out []string) {
			for _, f := range findings {
				message := strings.ReplaceAll(f.Message, dir, "")
				if f.Rule == "nginx-syntax" || strings.Contains(message, "env[") {
					message = "" // it quotes what is masked
				}
				out = append(out, fmt.Sprintf("%s %s:%d %s, fix: %t: %s", f.Rule, f.Span.File.Path, f.Span.Position().Line, f.Severity, f.Fix != nil, message))
			}
			return out
		}
		if diff := cmp.Diff(list(before), list(after)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		n += len(before)
	})
	if n < 1000 {
		t.Errorf("only %d findings", n)
	}
}

// TestMaskedTexts holds the masking of sentences to secrets: what rules say else stays as it is.
func TestMaskedTexts(t *testing.T) {
	n := 0
	stacks(t, func(name, dir string) {
		root, err := source.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, findings := findingsBelow(t, root)
		for _, f := range findings {
			for _, text := range []string{f.Message, f.Help} {
				text = strings.ReplaceAll(text, dir, "")
				quotes := strings.Contains(text, "env[") || strings.Contains(text, `unexpected "c"`)
				if got := snapshot.Text(text); (got != text) != quotes {
					t.Errorf("%s: %s: %q became %q", name, f.Rule, text, got)
				}
				n++
			}
		}
	})
	if n < 2000 {
		t.Errorf("only %d texts", n)
	}
}
