package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"fpmlint/rules"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"fpmlint": func() { os.Exit(run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the command scripts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mkfifo": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(exec.Command("mkfifo", ts.MkAbs(args[0])).Run())
			},
			"sparse": func(ts *testscript.TestScript, _ bool, args []string) {
				f, err := os.Create(ts.MkAbs(args[0]))
				ts.Check(err)
				ts.Check(f.Truncate(1 << 30))
				ts.Check(f.Close())
			},
			"nest": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("http {", 100_000)), 0o644))
			},
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "")
			return nil
		},
	})
}

// TestReadme runs the README's session and holds its table of rules to the rules.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```console\n\\$ go run ./cmd/fpmlint (.*?)\n(.*?)```").FindSubmatch(readme)
	if m == nil {
		t.Fatal("README.md has no session")
	}
	var out, errs strings.Builder
	run(context.Background(), append([]string{"fpmlint"}, strings.Fields(string(m[1]))...), nil, &out, &errs)
	if diff := cmp.Diff(out.String()+errs.String(), string(m[2])); diff != "" {
		t.Errorf("the README's session is not what the command prints (-command +README):\n%s", diff)
	}
	if !strings.Contains(string(readme), rules.Markdown()) {
		t.Error("the README's table of rules is not what `fpmlint rules --format markdown` prints")
	}
}
