package rules_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"fpmlint/fix"
	"fpmlint/lint"
	"fpmlint/lint/host"
	"fpmlint/lint/stack"
	"fpmlint/rules"
	"fpmlint/testdata/patches"
)

// extract writes an archive's files below a fresh directory. The entry "flags" is left out;
// golden/ entries too.
func extract(t *testing.T, a *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		if f.Name == "flags" || strings.HasPrefix(f.Name, "golden/") {
			continue
		}
		write(t, filepath.Join(dir, f.Name), f.Data)
	}
	for _, d := range directives(a, "crlf") {
		rewrite(t, filepath.Join(dir, d), func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") })
	}
	for _, d := range directives(a, "nonl") {
		rewrite(t, filepath.Join(dir, d), func(s string) string { return strings.TrimSuffix(s, "\n") })
	}
	for _, d := range directives(a, "link") {
		from, to, _ := strings.Cut(d, " -> ")
		name := filepath.Join(dir, from)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.Symlink(to, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, name string, change func(string) string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, []byte(change(string(data))))
}

// directives are the lines "name: value" of an archive's comment.
func directives(a *txtar.Archive, name string) []string {
	var out []string
	for line := range strings.Lines(string(a.Comment)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), name+": "); ok {
			out = append(out, strings.TrimSpace(rest))
		}
	}
	return out
}

func loadOptions(t *testing.T, a *txtar.Archive, dir string) stack.Options {
	t.Helper()
	o := stack.Options{Root: dir}
	if split := directives(a, "split"); len(split) > 0 {
		nginx, php, _ := strings.Cut(split[0], " ")
		o = stack.Options{NginxRoot: filepath.Join(dir, nginx), FPMRoot: filepath.Join(dir, php)}
	}
	for _, f := range a.Files {
		if f.Name == "flags" {
			readFlags(t, string(f.Data), &o)
		}
	}
	return o
}

func readFlags(t *testing.T, text string, o *stack.Options) {
	t.Helper()
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i += 2 {
		n, err := host.ParseBytes(words[i+1])
		if err != nil {
			t.Fatal(err)
		}
		switch words[i] {
		case "--ram":
			o.RAM = n
		case "--reserve":
			o.Reserve = n
		case "--worker-rss":
			o.WorkerRSS = n
		default:
			t.Fatalf("unknown flag %s", words[i])
		}
	}
}

func check(t *testing.T, a *txtar.Archive, dir string, list []lint.Rule) *lint.Result {
	t.Helper()
	stacks, err := stack.Load(context.Background(), loadOptions(t, a, dir))
	if err != nil {
		t.Fatal(err)
	}
	r, err := lint.Run(context.Background(), stacks, list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// listed are a rule and those that an archive's line "rules:" names.
func listed(t *testing.T, a *txtar.Archive, first lint.Rule) []lint.Rule {
	t.Helper()
	list := []lint.Rule{first}
	for _, more := range directives(a, "rules") {
		for _, id := range strings.Fields(more) {
			list = append(list, rule(t, id))
		}
	}
	return list
}

func rule(t *testing.T, id string) lint.Rule {
	t.Helper()
	all := rules.All()
	i := slices.IndexFunc(all, func(r lint.Rule) bool { return r.ID == id })
	if i < 0 {
		t.Fatalf("no rule %s", id)
	}
	return all[i]
}

// apply makes all fixes, hands the diff to the programs that people apply diffs with, and says how
// many fixes there were.
func apply(t *testing.T, a *txtar.Archive, dir string, list []lint.Rule) int {
	t.Helper()
	plan, err := fix.Make(context.Background(), fix.Options{Lint: fix.Linting(loadOptions(t, a, dir), list), Rules: list, Level: lint.Info, Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	patches.Check(t, plan.Changes)
	for _, c := range plan.Changes {
		write(t, c.Path, c.New)
	}
	return len(plan.Applied)
}

var wanted = regexp.MustCompile(`[#;] want ((?:"(?:[^"\\]|\\.)*" ?)+)`)

// wants are the expectations in a file's comments: line to "rule: regexp".
func wants(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			if m := wanted.FindStringSubmatch(line); m != nil {
				for _, w := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(m[1], -1) {
					key := fmt.Sprintf("%s:%d", strings.TrimPrefix(name, dir), n)
					out[key] = append(out[key], strings.ReplaceAll(w[1], `\"`, `"`))
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStacks runs the stacks of testdata/RULE/*.txtar: lines with a "want" comment must be
// flagged, all others must not; the golden/ files are what the fixes must leave.
func TestStacks(t *testing.T) {
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no stacks", err)
	}
	for _, name := range archives {
		id := filepath.Base(filepath.Dir(name))
		t.Run(id+"/"+strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			list := listed(t, a, rule(t, id))
			dir := extract(t, a)
			result := check(t, a, dir, list)
			compareFindings(t, dir, result)
			compareSkips(t, a, result)
			compareApplicability(t, a, result)
			compareGolden(t, a, dir, list)
		})
	}
}

func compareFindings(t *testing.T, dir string, result *lint.Result) {
	t.Helper()
	want := wants(t, dir)
	for _, f := range result.Findings {
		text := f.Rule + ": " + f.Message
		if why := severityArgued(rule(t, f.Rule), f.Severity); why != "" {
			t.Error(why)
		}
		key := fmt.Sprintf("%s:%d", strings.TrimPrefix(f.Span.File.Display, dir), f.Span.Position().Line)
		i := slices.IndexFunc(want[key], func(w string) bool { return regexp.MustCompile("^" + w).MatchString(text) })
		if i < 0 {
			t.Errorf("%s: unexpected finding: %s", key, text)
			continue
		}
		want[key] = slices.Delete(want[key], i, i+1)
	}
	for key, left := range want {
		for _, w := range left {
			t.Errorf("%s: no finding matches %q", key, w)
		}
	}
}

func compareSkips(t *testing.T, a *txtar.Archive, result *lint.Result) {
	t.Helper()
	for _, s := range directives(a, "skip") {
		re := regexp.MustCompile(strings.Trim(s, `"`))
		if !slices.ContainsFunc(result.Skipped, func(s lint.Skip) bool { return re.MatchString(s.Rule + ": " + s.Reason) }) {
			t.Errorf("no skip matches %s; have %v", s, result.Skipped)
		}
	}
}

// compareApplicability holds the lines "applicability: WORD safe" to the fixes whose description
// holds the word.
func compareApplicability(t *testing.T, a *txtar.Archive, result *lint.Result) {
	t.Helper()
	for _, d := range directives(a, "applicability") {
		word, want, _ := strings.Cut(d, " ")
		i := slices.IndexFunc(result.Findings, func(f lint.Finding) bool {
			return f.Fix != nil && strings.Contains(f.Fix.Description, word)
		})
		if i < 0 || result.Findings[i].Fix.Safe != (want == "safe") {
			t.Errorf("no %s fix of %s", want, word)
		}
	}
}

func compareGolden(t *testing.T, a *txtar.Archive, dir string, list []lint.Rule) {
	t.Helper()
	apply(t, a, dir, list)
	for _, f := range a.Files {
		name, ok := strings.CutPrefix(f.Name, "golden/")
		if !ok {
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want := string(f.Data)
		if slices.Contains(directives(a, "nonl"), name) {
			want = strings.TrimSuffix(want, "\n")
		}
		if diff := cmp.Diff(want, strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
			t.Errorf("%s after the fix (-want +got):\n%s", f.Name, diff)
		}
	}
	for _, f := range check(t, a, dir, list).Findings {
		if f.Fix != nil {
			t.Errorf("after the fix still: %s: %s", f.Rule, f.Message)
		}
	}
}

var headings = []string{"What it finds", "Why it breaks", "Severity", "Bad", "Good", "Fix", "When to ignore", "Options", "Sources"}

// TestDocumentation runs the examples of each rule's page: the bad one is flagged, the good one is
// clean, and where there is a fix it turns the one into the other.
func TestDocumentation(t *testing.T) {
	for _, r := range rules.All() {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			var found []string
			for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(r.Doc, -1) {
				found = append(found, m[1])
			}
			if diff := cmp.Diff(headings, found); diff != "" {
				t.Fatalf("headings (-want +got):\n%s", diff)
			}
			_, options, _ := strings.Cut(r.Doc, "## Options\n")
			for _, o := range r.Options {
				if !strings.Contains(options, fmt.Sprintf("- `%s` (", o.Name)) || o.Doc == "" {
					t.Errorf("option %s is not documented", o.Name)
				}
				if _, err := r.Set(o.Name, o.Default); err != nil {
					t.Error(err)
				}
			}
			examples := regexp.MustCompile("(?s)```txtar\n(.*?)```").FindAllStringSubmatch(r.Doc, -1)
			if len(examples) != 2 {
				t.Fatalf("%d examples, want a bad and a good one", len(examples))
			}
			bad, good := txtar.Parse([]byte(examples[0][1])), txtar.Parse([]byte(examples[1][1]))
			list := listed(t, bad, r)
			if why := severityArgued(r, r.Severity); why != "" {
				t.Error(why)
			}
			if f := check(t, good, extract(t, good), list).Findings; len(f) > 0 {
				t.Errorf("the good example is flagged: %s", f[0].Message)
			}
			dir := extract(t, bad)
			result := check(t, bad, dir, list)
			if len(result.Findings) == 0 {
				t.Fatal("the bad example is not flagged")
			}
			if apply(t, bad, dir, []lint.Rule{r}) == 0 {
				return
			}
			if left := check(t, bad, dir, list).Findings; len(left) > 0 {
				t.Errorf("the fix leaves: %s", left[0].Message)
			}
			for _, f := range good.Files {
				if f.Name == "flags" {
					continue
				}
				got, err := os.ReadFile(filepath.Join(dir, f.Name))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(f.Data), string(got)); diff != "" {
					t.Errorf("the fix does not turn the bad %s into the good one (-good +got):\n%s", f.Name, diff)
				}
			}
		})
	}
}

// severityArgued says what is wrong where a rule's page does not argue a severity that it gives.
func severityArgued(r lint.Rule, s lint.Severity) string {
	_, text, _ := strings.Cut(r.Doc, "## Severity\n")
	text, _, _ = strings.Cut(text, "\n## ")
	word := map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "information"}[s]
	if !strings.Contains(strings.ToLower(text), word) {
		return fmt.Sprintf("the page of %s does not say when it is %s:%s", r.ID, word, text)
	}
	return ""
}

// TestCatalogue holds the rules and their pages together.
func TestCatalogue(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"README.md"}
	for _, r := range rules.All() {
		ids = append(ids, r.ID+".md")
		if r.Severity < lint.Info || r.Severity > lint.Error || r.Family == "" || r.Summary == "" || (r.Check == nil) == (r.CheckSuppressions == nil) {
			t.Errorf("%s is incomplete", r.ID)
		}
	}
	slices.Sort(ids)
	if diff := cmp.Diff(pages, ids); diff != "" {
		t.Errorf("pages and rules (-pages +rules):\n%s", diff)
	}
}
