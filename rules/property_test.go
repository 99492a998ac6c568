package rules_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fpmlint/fix"
	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// eachTree runs a test on random servers, each in a directory of its own.
func eachTree(t *testing.T, test func(rt *rapid.T, dir string)) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // it lies in a directory that goes too
		for name, text := range randomTree(rt) {
			write(t, filepath.Join(dir, name), []byte(text))
		}
		test(rt, dir)
	})
}

func lintTree(rt *rapid.T, dir string, o source.Overlay) *lint.Result {
	result, err := fix.Linting(stack.Options{Root: dir}, rules.All())(context.Background(), o)
	if err != nil {
		rt.Fatal(err)
	}
	return result
}

func planTree(rt *rapid.T, dir string, list []lint.Rule) *fix.Plan {
	plan, err := fix.Make(context.Background(), fix.Options{Lint: fix.Linting(stack.Options{Root: dir}, list), Rules: list, Level: lint.Info, Unsafe: true})
	if err != nil {
		rt.Fatal(err)
	}
	return plan
}

// TestFixKeepsTheRest makes each fix of random servers by itself: every setting that its edits do not
// touch is read as before, at the place to which it moved; what else there is now stands in the edits'
// text; and line endings are the file's own.
func TestFixKeepsTheRest(t *testing.T) {
	fixes := 0
	eachTree(t, func(rt *rapid.T, dir string) {
		before := lintTree(rt, dir, nil)
		for _, f := range before.Findings {
			if f.Fix == nil {
				continue
			}
			fixes++
			edits := editsByFile(f.Fix.Edits)
			overlay := source.Overlay{}
			for disk, list := range edits {
				overlay[disk] = spliced(rt, f, list)
				wantSameLineEndings(rt, f, list[0].Span.File.Data, overlay[disk])
			}
			after, err := stack.Load(context.Background(), stack.Options{Root: dir, Overlay: overlay})
			if err != nil {
				rt.Fatal(err)
			}
			wantSameRest(rt, f, settingsOf(before.Stacks), settingsOf(after), edits)
		}
	})
	if fixes < 100 {
		t.Errorf("only %d fixes: the servers have too few faults", fixes)
	}
}

func editsByFile(edits []source.Edit) map[string][]source.Edit {
	out := map[string][]source.Edit{}
	for _, e := range edits {
		out[e.Span.File.Disk] = append(out[e.Span.File.Disk], e)
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b source.Edit) int { return a.Span.Start - b.Span.Start })
	}
	return out
}

// spliced is a file with a fix's edits, which must not overlap.
func spliced(rt *rapid.T, f lint.Finding, edits []source.Edit) []byte {
	var out bytes.Buffer
	data, at := edits[0].Span.File.Data, 0
	for _, e := range edits {
		if e.Span.Start < at || e.Span.End < e.Span.Start || e.Span.End > len(data) {
			rt.Fatalf("%s: an edit of %d-%d after %d of %d", f.Rule, e.Span.Start, e.Span.End, at, len(data))
		}
		out.Write(data[at:e.Span.Start])
		out.WriteString(e.NewText)
		at = e.Span.End
	}
	out.Write(data[at:])
	return out.Bytes()
}

func wantSameLineEndings(rt *rapid.T, f lint.Finding, before, after []byte) {
	lines, crlf := bytes.Count(before, []byte("\n")), bytes.Count(before, []byte("\r\n"))
	newLines, newCRLF := bytes.Count(after, []byte("\n")), bytes.Count(after, []byte("\r\n"))
	if crlf == 0 && newCRLF > 0 || lines > 0 && crlf == lines && newCRLF < newLines {
		rt.Errorf("%s mixes line endings:\n%q", f.Rule, after)
	}
}

// setting is a directive or an entry with its place: its file and where it begins and ends, and where
// the block or section around it begins.
type setting struct {
	disk, text        string
	start, end, outer int
}

// settingsOf are all settings of all files.
func settingsOf(stacks []*stack.Stack) []setting {
	var out []setting
	for _, s := range stacks {
		for _, c := range s.Nginx {
			for _, f := range c.Files {
				out = appendStatements(out, f.Statements, -1)
			}
		}
		for _, m := range s.Masters {
			for _, e := range m.Entries {
				out = append(out, setting{
					disk: e.Span.File.Disk, start: e.Span.Start, end: max(e.ValueSpan.End, e.KeySpan.End), outer: -1,
					text: fmt.Sprintf("[%s] %s[%s] = %q %s", e.Section, e.Key, e.Index, e.Value, e.Unknown),
				})
			}
		}
	}
	return out
}

func appendStatements(out []setting, list []*nginx.Statement, outer int) []setting {
	for _, s := range list {
		span := s.Span()
		out = append(out, setting{s.Src.Disk, fmt.Sprintf("%s %q", s.Name, s.Values()), span.Start, span.End, outer})
		out = appendStatements(out, s.Block, span.Start)
	}
	return out
}

// wantSameRest compares settings before and after edits.
func wantSameRest(rt *rapid.T, f lint.Finding, before, after []setting, edits map[string][]source.Edit) {
	type key struct {
		disk  string
		start int
	}
	left := map[key]setting{}
	for _, s := range after {
		left[key{s.disk, s.start}] = s
	}
	read := map[string]bool{}
	for _, s := range before {
		read[s.disk] = true
		if slices.ContainsFunc(edits[s.disk], func(e source.Edit) bool { return e.Span.Start < s.end && e.Span.End > s.start }) {
			continue
		}
		at := key{s.disk, moved(edits[s.disk], s.start)}
		if got, ok := left[at]; !ok || got.text != s.text || s.outer >= 0 && got.outer != moved(edits[s.disk], s.outer) {
			rt.Errorf("%s (%s) changes %s:%d %s to %s", f.Rule, f.Fix.Description, s.disk, s.start, s.text, got.text)
		}
		delete(left, at)
	}
	for _, s := range left {
		shift := 0
		if read[s.disk] && !slices.ContainsFunc(edits[s.disk], func(e source.Edit) bool {
			start := e.Span.Start + shift
			shift += len(e.NewText) - (e.Span.End - e.Span.Start)
			return start <= s.end && s.start <= start+len(e.NewText)
		}) {
			rt.Errorf("%s (%s) makes %s:%d %s", f.Rule, f.Fix.Description, s.disk, s.start, s.text)
		}
	}
}

// moved is where a place is after edits.
func moved(edits []source.Edit, at int) int {
	shift := 0
	for _, e := range edits {
		if e.Span.Start <= at && e.Span.End <= at {
			shift += len(e.NewText) - (e.Span.End - e.Span.Start)
		}
	}
	return at + shift
}

// TestFixesEnd makes all fixes of random servers: a second run has none, a plan made twice is the
// same, and comments stay.
func TestFixesEnd(t *testing.T) {
	eachTree(t, func(rt *rapid.T, dir string) {
		plan, again := planTree(rt, dir, rules.All()), planTree(rt, dir, rules.All())
		for i, c := range plan.Changes {
			if !bytes.Equal(c.New, again.Changes[i].New) {
				rt.Errorf("two plans differ in %s", c.Name)
			}
			for line := range strings.Lines(string(c.Old)) {
				comment := strings.TrimSpace(line)
				if comment != "" && strings.ContainsAny(comment[:1], "#;") && !strings.Contains(string(c.New), comment) {
					rt.Errorf("%s loses the comment %s", c.Name, comment)
				}
			}
		}
		for _, c := range plan.Changes {
			write(t, c.Path, c.New)
		}
		if second := planTree(rt, dir, rules.All()); len(second.Applied) > 0 {
			rt.Errorf("a second run has %s: %s", second.Applied[0].Finding.Rule, second.Applied[0].Finding.Message)
		}
	})
}

// TestFixesCommute makes the fixes of two rules in either order: where they lie apart and neither
// takes the other's finding away, what they leave is the same.
func TestFixesCommute(t *testing.T) {
	pairs := 0
	eachTree(t, func(rt *rapid.T, dir string) {
		var fixable []lint.Finding
		for _, f := range lintTree(rt, dir, nil).Findings {
			if f.Fix != nil && len(f.Fix.Edits) > 0 {
				fixable = append(fixable, f)
			}
		}
		if len(fixable) < 2 {
			return
		}
		a, b := rapid.SampledFrom(fixable).Draw(rt, "first"), rapid.SampledFrom(fixable).Draw(rt, "second")
		if a.Rule == b.Rule || touch(a.Fix.Edits, b.Fix.Edits) {
			return
		}
		ab, okAB := inTurn(rt, dir, a, b)
		ba, okBA := inTurn(rt, dir, b, a)
		if !okAB || !okBA {
			return
		}
		pairs++
		for name := range ab {
			if !bytes.Equal(ab[name], ba[name]) {
				rt.Errorf("%s (%s) and %s (%s) leave\n%s\nin one order, and in the other\n%s", a.Rule, a.Fix.Description, b.Rule, b.Fix.Description, ab[name], ba[name])
			}
		}
	})
	if pairs < 20 {
		t.Errorf("only %d pairs", pairs)
	}
}

func touch(a, b []source.Edit) bool {
	return slices.ContainsFunc(a, func(x source.Edit) bool {
		return slices.ContainsFunc(b, func(y source.Edit) bool {
			return x.Span.File == y.Span.File && x.Span.Start <= y.Span.End && y.Span.Start <= x.Span.End
		})
	})
}

// inTurn makes two fixes, one after the other; false where the second has gone with the first, or has
// become another.
func inTurn(rt *rapid.T, dir string, first, second lint.Finding) (source.Overlay, bool) {
	overlay := source.Overlay{}
	for disk, list := range editsByFile(first.Fix.Edits) {
		overlay[disk] = spliced(rt, first, list)
	}
	for _, f := range lintTree(rt, dir, overlay).Findings {
		if f.Rule != second.Rule || f.Message != second.Message || f.Span.File.Disk != second.Span.File.Disk || f.Fix == nil || f.Fix.Description != second.Fix.Description {
			continue
		}
		if !slices.EqualFunc(f.Fix.Edits, second.Fix.Edits, func(a, b source.Edit) bool { return a.NewText == b.NewText && a.Span.Text() == b.Span.Text() }) {
			continue
		}
		for disk, list := range editsByFile(f.Fix.Edits) {
			overlay[disk] = spliced(rt, f, list)
		}
		return overlay, true
	}
	return nil, false
}

// TestFixesAreAccepted shows random servers to nginx -t and php-fpm -t before and after all fixes.
func TestFixesAreAccepted(t *testing.T) {
	trees, accepted := 0, 0
	eachTree(t, func(rt *rapid.T, dir string) {
		if trees++; trees > 20 {
			return // a judgement takes a tenth of a second
		}
		before := verdicts(t, dir)
		for command, said := range before {
			if said == "" {
				accepted++
			} else {
				rt.Logf("%s says before: %s", command, said)
			}
		}
		for _, c := range planTree(rt, dir, rules.All()).Changes {
			write(t, c.Path, c.New)
		}
		for command, said := range verdicts(t, dir) {
			if before[command] == "" && said != "" {
				rt.Errorf("%s now says: %s", command, said)
			}
		}
	})
	if len(verdicts(t, t.TempDir())) > 0 && accepted < 20 {
		t.Errorf("only %d of %d servers were accepted", accepted, trees)
	}
}
