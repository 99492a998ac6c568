// Package patches holds fpmlint's diffs to the programs that people apply diffs with.
package patches

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"fpmlint/fix"
)

// Check hands the diff of changes to git apply and to patch -p1, and compares what they leave. It
// skips the test where one of them is missing.
func Check(t *testing.T, changes []fix.Change) {
	t.Helper()
	var diff bytes.Buffer
	for _, c := range changes {
		if err := fix.WriteDiff(&diff, c); err != nil {
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
