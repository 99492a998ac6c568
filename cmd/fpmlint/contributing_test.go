package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example makes the rule that CONTRIBUTING.md adds of the one that it starts from.
var example = strings.NewReplacer("max-requests-unlimited", "example-rule", "maxRequestsUnlimited", "exampleRule", "MaxRequestsUnlimited", "ExampleRule")

// TestContributing adds a rule as CONTRIBUTING.md says, in a copy of the repository, with the files of
// the rule that the page names as a start; and types the page's commands.
func TestContributing(t *testing.T) {
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, filepath.Join(top, "CONTRIBUTING.md"))
	dir := t.TempDir()
	for _, part := range []string{"rules", "testdata", "fix", "lint", "cmd"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(top, part))); err != nil {
			t.Fatal(err)
		}
	}
	place(t, dir, "README.md", read(t, filepath.Join(top, "README.md")))
	made := addExample(t, top, dir)
	for _, name := range append(made, "rules/max_requests_unlimited.go") {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("CONTRIBUTING.md says nothing of %s", name)
		}
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("CONTRIBUTING.md shows no commands")
	}
	flags := laidOver(t, top, dir, made)
	for line := range strings.Lines(strings.TrimSpace(block[1])) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir = top
		cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -v "+flags)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(line, "example-rule") != strings.Contains(string(out), "--- PASS: TestStacks/example-rule/plain") {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	if want := "| [example-rule](example-rule.md) | info |"; !strings.Contains(read(t, filepath.Join(dir, "rules/README.md")), want) {
		t.Errorf("rules/README.md has no %s", want)
	}
	if read(t, filepath.Join(dir, "README.md")) == read(t, filepath.Join(top, "README.md")) {
		t.Error("README.md counts no rule more")
	}
	if strings.Contains(read(t, filepath.Join(top, "rules/README.md")), "example-rule") {
		t.Error("the commands wrote to the repository")
	}
}

// addExample makes the files of the steps 1 to 4 and says which.
func addExample(t *testing.T, top, dir string) []string {
	t.Helper()
	stacks, err := filepath.Glob(filepath.Join(top, "rules/testdata/max-requests-unlimited/*.txtar"))
	if err != nil || len(stacks) == 0 {
		t.Fatal(stacks, err)
	}
	from := func(name string) string { return example.Replace(read(t, filepath.Join(top, name))) }
	catalogue := read(t, filepath.Join(top, "rules/catalogue.go"))
	return []string{
		place(t, dir, "rules/example_rule.go", from("rules/max_requests_unlimited.go")),
		place(t, dir, "rules/example-rule.md", from("rules/max-requests-unlimited.md")),
		place(t, dir, "rules/testdata/example-rule/plain.txtar", example.Replace(read(t, stacks[0]))),
		place(t, dir, "rules/catalogue.go", strings.Replace(catalogue, "\tMaxRequestsUnlimited,\n", "\tMaxRequestsUnlimited,\n\tExampleRule,\n", 1)),
	}
}

// laidOver are the go command's flags that lay files of a copy over the repository, so that no package
// is built again but those that change, and run the tests in the copy.
func laidOver(t *testing.T, top, dir string, files []string) string {
	t.Helper()
	replace := map[string]string{}
	for _, name := range files {
		replace[filepath.Join(top, name)] = filepath.Join(dir, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	place(t, dir, "overlay.json", string(overlay))
	place(t, dir, "there", "#!/bin/sh\ncd \""+dir+"${PWD#\""+top+"\"}\" && exec \"$@\"\n")
	if err := os.Chmod(filepath.Join(dir, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	return "-overlay=" + filepath.Join(dir, "overlay.json") + " -exec=" + filepath.Join(dir, "there")
}

// place writes a file below a directory and returns its name.
func place(t *testing.T, dir, name, text string) string {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestRooms holds the list of packages to the order that TestImports has, and the files and directories
// that CONTRIBUTING.md names to those that there are.
func TestRooms(t *testing.T) {
	page := read(t, "../../CONTRIBUTING.md")
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z/]+)/  +\S`).FindAllStringSubmatch(page, -1) {
		listed = append(listed, m[1])
	}
	if diff := cmp.Diff(rooms, listed); diff != "" {
		t.Errorf("the rooms (-TestImports +CONTRIBUTING.md):\n%s", diff)
	}
	n := 0
	for _, m := range regexp.MustCompile("`([^` \n]+)`").FindAllStringSubmatch(page, -1) {
		if !strings.ContainsAny(m[1], "/.") || strings.Contains(m[1], "example") || strings.ContainsAny(m[1], "(") || slices.Contains([]string{"golden/", "lint.Rule"}, m[1]) {
			continue
		}
		n++
		if found, err := fs.Glob(os.DirFS("../.."), strings.TrimSuffix(m[1], "/")); err != nil || len(found) == 0 {
			t.Errorf("CONTRIBUTING.md: there is no %s", m[1])
		}
	}
	if n < 10 {
		t.Errorf("%d paths", n)
	}
}
