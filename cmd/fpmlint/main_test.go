package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
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
		"fpmlint": func() { os.Exit(runProcess()) },
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
			"binary": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("\x7fELF\x00\x01\n[{=\n", 100)), 0o644))
			},
			"latin1": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("user \"a\"\x94;\n"), 0o644))
			},
			"nest": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat("http {", 100_000)), 0o644))
			},
		},
		Condition: func(condition string) (bool, error) {
			if condition != "root" {
				return false, errors.New("unknown condition " + condition)
			}
			return os.Geteuid() == 0, nil
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "")
			return nil
		},
	})
}

// TestHostileNames holds errors that quote a name to what is safe on a terminal.
func TestHostileNames(t *testing.T) {
	hostile := "no\x1b[31m\u202e\u009b"
	for _, args := range [][]string{{"lint", hostile}, {"lint", "--root", hostile}, {"lint", "--config", hostile}, {"lint", "--format", hostile}, {"lint", "--" + hostile}, {"explain", hostile}, {hostile}} {
		var out, errs strings.Builder
		code := run(context.Background(), append([]string{"fpmlint"}, args...), nil, &out, &errs)
		if code != exitUsage || out.Len() > 0 || strings.ContainsAny(errs.String(), "\x1b\u202e\u009b") || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%q: code %d, %q, %q", args, code, out.String(), errs.String())
		}
	}
}

var update = flag.Bool("update", false, "rewrite the sessions of the documentation and the tables of rules")

// TestReadme runs the sessions of README.md and testdata/README.md, and holds the tables of rules to
// the rules. With -update it writes them.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	session := regexp.MustCompile("(?s)```console\n\\$ go run ./cmd/fpmlint (.*?)\n(.*?)```")
	rerun := func(name string) string {
		page := read(t, name)
		if !session.MatchString(page) {
			t.Fatal(name, "has no session")
		}
		return session.ReplaceAllStringFunc(page, func(block string) string {
			args := session.FindStringSubmatch(block)[1]
			var out, errs strings.Builder
			run(context.Background(), append([]string{"fpmlint"}, strings.Fields(args)...), nil, &out, &errs)
			return "```console\n$ go run ./cmd/fpmlint " + args + "\n" + out.String() + errs.String() + "```"
		})
	}
	readme := regexp.MustCompile(`(?m)^\| family \|.*\n(\|.*\n)+`).ReplaceAllLiteralString(rerun("README.md"), families())
	for name, text := range map[string]string{"README.md": readme, "testdata/README.md": rerun("testdata/README.md"), "fix/README.md": rerun("fix/README.md"), "lint/audit/README.md": rerun("lint/audit/README.md"), "rules/README.md": rules.Markdown()} {
		if *update {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(text, read(t, name)); diff != "" {
			t.Errorf("%s is not what the commands print; go test ./cmd/fpmlint -run Readme -update writes it:\n%s", name, diff)
		}
	}
}

// families is README.md's table of them.
func families() string {
	var b strings.Builder
	b.WriteString("| family | rules | they find |\n|---|---|---|\n")
	for _, f := range rules.Families() {
		fmt.Fprintf(&b, "| [%s](rules/README.md#%s) | %d | %s |\n", f.Name, f.Name, len(f.Rules), f.About)
	}
	return b.String()
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
