package fix_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"fpmlint/fix"
	"fpmlint/testdata/patches"
)

// TestDiffRandom makes a thousand random edits of files with repeated lines, CRLF, no final
// newline, empty files, and hands the diffs to git apply and patch, fifty files at a time.
func TestDiffRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	line := func() string {
		end := "\n"
		if random.IntN(8) == 0 {
			end = "\r\n"
		}
		return fmt.Sprintf("%*sfastcgi_read_timeout %ds;%s", random.IntN(3)*4, "", random.IntN(6), end)
	}
	text := func(n int) []byte {
		var b strings.Builder
		for range random.IntN(n + 1) {
			b.WriteString(line())
		}
		if random.IntN(4) == 0 {
			return []byte(strings.TrimSuffix(b.String(), "\n"))
		}
		return []byte(b.String())
	}
	for batch := range 20 {
		var changes []fix.Change
		for i := range 50 {
			old := text(40)
			var out bytes.Buffer
			at := 0
			for at < len(old) {
				keep := min(len(old), at+random.IntN(200))
				out.Write(old[at:keep])
				out.Write(text(2))
				at = min(len(old), keep+random.IntN(30))
			}
			out.Write(old[at:])
			c := fix.Change{Name: fmt.Sprintf("etc/nginx/sites/%d-%d.conf", batch, i), Old: old, New: out.Bytes()}
			if len(old) == 0 && len(c.New) > 0 {
				c.Created = true
			}
			if len(c.New) == 0 { // both programs then remove the file, which no fix does
				c.New = []byte("x\n")
			}
			changes = append(changes, c)
		}
		patches.Check(t, changes)
	}
}

func TestDiffNames(t *testing.T) {
	for _, name := range []string{"etc/a b.conf", "etc/\"quoted\".conf", "etc/back\\slash.conf", "etc/tab\there.conf", "etc/ümlaut.conf"} {
		patches.Check(t, []fix.Change{{Name: name, Old: []byte("a\nb\n"), New: []byte("a\nc\n")}})
	}
}

// TestDiffLarge holds the diff of a large file with far changes to the size of the changes.
func TestDiffLarge(t *testing.T) {
	var old strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&old, "line %d\n", i%1000)
	}
	changed := strings.Replace(old.String(), "line 7\n", "line seven\n", 1)
	changed = strings.TrimSuffix(changed, "line 999\n") + "the end"
	c := fix.Change{Name: "large", Old: []byte(old.String()), New: []byte(changed)}
	var diff bytes.Buffer
	if err := fix.WriteDiff(&diff, c); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(diff.String(), "\n"); n > 20 {
		t.Errorf("the diff has %d lines", n)
	}
	patches.Check(t, []fix.Change{c})
	rewritten := fix.Change{Name: "rewritten", Old: []byte(old.String()), New: []byte(strings.ReplaceAll(old.String(), "line", "row"))}
	diff.Reset()
	if err := fix.WriteDiff(&diff, rewritten); err != nil {
		t.Fatal(err)
	}
	patches.Check(t, []fix.Change{rewritten})
}
