package fix

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// apply runs git apply and patch -p1 on the diff of a change and compares what they leave.
func applyDiff(t *testing.T, changes []Change) {
	t.Helper()
	var diff bytes.Buffer
	for _, c := range changes {
		if err := WriteDiff(&diff, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range [][]string{{"git", "apply", "--whitespace=nowarn", "-p1"}, {"patch", "-p1", "-s", "--binary", "--no-backup-if-mismatch"}} {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Skipf("%s is not installed", command[0])
		}
		dir := t.TempDir()
		for _, c := range changes {
			if !c.Created {
				name := filepath.Join(dir, c.Name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, c.Old, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff.Len() == 0 {
			return
		}
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(diff.Bytes())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s\n%s", command[0], err, out, diff.String())
		}
		for _, c := range changes {
			got, err := os.ReadFile(filepath.Join(dir, c.Name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.New) {
				t.Fatalf("%s leaves %q, want %q\n%s", command[0], got, c.New, diff.String())
			}
		}
	}
}

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
		var changes []Change
		for i := range 50 {
			old := text(40)
			var edits []edit
			for at := 0; at < len(old); at += random.IntN(200) + 1 {
				end := min(len(old), at+random.IntN(30))
				edits = append(edits, edit{at, end, string(text(2))})
				at = end + 1
			}
			var out bytes.Buffer
			at := 0
			for _, e := range edits {
				out.Write(old[at:e.start])
				out.WriteString(e.text)
				at = e.end
			}
			out.Write(old[at:])
			c := Change{Name: fmt.Sprintf("etc/nginx/sites/%d-%d.conf", batch, i), Old: old, New: out.Bytes()}
			if len(old) == 0 && len(c.New) > 0 {
				c.Created = true
			}
			if len(c.New) == 0 { // both programs then remove the file, which no fix does
				c.New = []byte("x\n")
			}
			changes = append(changes, c)
		}
		applyDiff(t, changes)
	}
}

func TestDiffNames(t *testing.T) {
	for _, name := range []string{"etc/a b.conf", "etc/\"quoted\".conf", "etc/back\\slash.conf", "etc/tab\there.conf", "etc/ümlaut.conf"} {
		applyDiff(t, []Change{{Name: name, Old: []byte("a\nb\n"), New: []byte("a\nc\n")}})
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
	c := Change{Name: "large", Old: []byte(old.String()), New: []byte(changed)}
	var diff bytes.Buffer
	if err := WriteDiff(&diff, c); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(diff.String(), "\n"); n > 20 {
		t.Errorf("the diff has %d lines", n)
	}
	applyDiff(t, []Change{c})
	rewritten := Change{Name: "rewritten", Old: []byte(old.String()), New: []byte(strings.ReplaceAll(old.String(), "line", "row"))}
	diff.Reset()
	if err := WriteDiff(&diff, rewritten); err != nil {
		t.Fatal(err)
	}
	applyDiff(t, []Change{rewritten})
}
