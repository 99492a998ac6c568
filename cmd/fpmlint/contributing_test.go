package main

import (
	"encoding/json"
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
// the rule that the page names as a start; and types the page's commands. The copy is laid over the
// repository, so that no package is built again but those that change.
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
	write := func(name, text string) string {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("README.md", read(t, filepath.Join(top, "README.md")))

	// Steps 1 to 4.
	from := func(name string) string { return example.Replace(read(t, filepath.Join(top, name))) }
	stacks, err := filepath.Glob(filepath.Join(top, "rules/testdata/max-requests-unlimited/*.txtar"))
	if err != nil || len(stacks) == 0 {
		t.Fatal(stacks, err)
	}
	made := []string{
		write("rules/example_rule.go", from("rules/max_requests_unlimited.go")),
		write("rules/example-rule.md", from("rules/max-requests-unlimited.md")),
		write("rules/testdata/example-rule/plain.txtar", example.Replace(read(t, stacks[0]))),
		write("rules/catalogue.go", strings.Replace(read(t, filepath.Join(top, "rules/catalogue.go")), "\tMaxRequestsUnlimited,\n", "\tMaxRequestsUnlimited,\n\tExampleRule,\n", 1)),
	}
	for _, name := range append(made, "rules/max_requests_unlimited.go") {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("CONTRIBUTING.md says nothing of %s", name)
		}
	}

	// Step 5.
	overlay := map[string]map[string]string{"Replace": {}}
	for _, name := range made {
		overlay["Replace"][filepath.Join(top, name)] = filepath.Join(dir, name)
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	write("overlay.json", string(data))
	write("there", "#!/bin/sh\ncd \""+dir+"${PWD#\""+top+"\"}\" && exec \"$@\"\n")
	if err := os.Chmod(filepath.Join(dir, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatal("CONTRIBUTING.md shows no commands")
	}
	for line := range strings.Lines(strings.TrimSpace(block[1])) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir = top
		cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -v -overlay="+filepath.Join(dir, "overlay.json")+" -exec="+filepath.Join(dir, "there"))
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
