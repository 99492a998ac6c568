//go:build unix

package fix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

// TestEachCallFails makes each call that changes something fail with each error that a file system
// may give, and sees that the run says so and that all is as before.
func TestEachCallFails(t *testing.T) {
	var names []string
	dir := writeSample(t)
	err := act(order{Dir: dir}, func(name, path string, call func() error) error {
		names = append(names, name+" "+strings.TrimPrefix(path, dir))
		return call()
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		for _, injected := range []error{unix.ENOSPC, unix.EIO, unix.EROFS, unix.EPERM, unix.EINTR, unix.EXDEV} {
			dir := writeSample(t)
			before := description(t, dir)
			n := 0
			err := act(order{Dir: dir}, func(name, path string, call func() error) error {
				if n++; n == i+1 {
					return &fs.PathError{Op: name, Path: path, Err: injected}
				}
				return call()
			})
			when := fmt.Sprintf("call %d, %s, fails with %v", i+1, name, injected)
			var back *RolledBackError
			if !errors.As(err, &back) || !errors.Is(err, injected) {
				t.Errorf("%s: %v", when, err)
			}
			wantBack(t, dir, when, before)
		}
	}
}

// TestStuck makes the rollback fail too: the error holds the commands that finish it, and they do.
func TestStuck(t *testing.T) {
	dir := writeSample(t)
	failing := false
	err := act(order{Dir: dir}, func(name, path string, call func() error) error {
		if strings.HasSuffix(path, "longer.conf") && name == "write" {
			failing = true
		}
		if failing && !strings.Contains(path, "/state/") {
			return unix.EIO
		}
		return call()
	})
	var stuck *StuckError
	if !errors.As(err, &stuck) || len(stuck.Commands) != len(sample)-1 { // the last file was not reached
		t.Fatalf("%v", err)
	}
	runShell(t, strings.Join(stuck.Commands, "\n"))
	for _, f := range sample {
		data, err := os.ReadFile(filepath.Join(dir, f.name))
		if f.old == "" && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if string(data) != f.old {
			t.Errorf("%s is %q after the commands", f.name, data)
		}
	}
}

// TestRefusedFile has a file that nothing may be done to, each in its turn: what was not changed takes
// no rollback, so that all is as before and nothing is left to do by hand.
func TestRefusedFile(t *testing.T) {
	for _, f := range sample {
		dir := writeSample(t)
		before := description(t, dir)
		err := act(order{Dir: dir}, func(name, path string, call func() error) error {
			if path == filepath.Join(dir, f.name) {
				return &fs.PathError{Op: name, Path: path, Err: unix.EPERM}
			}
			return call()
		})
		var back *RolledBackError
		if !errors.As(err, &back) || !errors.Is(err, unix.EPERM) {
			t.Errorf("%s: %v", f.name, err)
		}
		wantBack(t, dir, f.name+" is refused", before)
	}
}

// TestKeepsMetadata sees that owner, mode, ACL and other extended attributes outlive a run, that a
// link stays one, and that a hard link keeps its other name.
func TestKeepsMetadata(t *testing.T) {
	for _, place := range []string{os.TempDir(), "/dev/shm"} { // not all file systems have ACLs
		t.Setenv("TMPDIR", place)
		probe, err := os.CreateTemp("", "fpmlint")
		if err != nil {
			continue
		}
		err = errors.Join(probe.Close(), xattr.LSet(probe.Name(), "user.note", nil), os.Remove(probe.Name()))
		if err == nil {
			break
		}
	}
	dir := writeSample(t)
	name := filepath.Join(dir, "etc/a.conf")
	// An ACL as setfacl writes it: user::rw-, user:4242:r--, group::r--, mask::r--, other::---.
	acl := []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0x92, 0x10, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255}
	if err := xattr.LSet(name, "system.posix_acl_access", acl); err != nil {
		t.Skipf("this file system has no ACLs: %v", err)
	}
	if err := xattr.LSet(name, "user.note", []byte("mine")); err != nil {
		t.Skipf("this file system has no extended attributes: %v", err)
	}
	was, err := readMetadata(name)
	if err != nil {
		t.Fatal(err)
	}
	// What the directory gives its new files is nothing of this one's.
	for _, d := range []string{"etc", "etc/real"} {
		if err := xattr.LSet(filepath.Join(dir, d), "system.posix_acl_default", acl); err != nil {
			t.Fatal(err)
		}
	}
	if err := act(order{Dir: dir}, plainly); err != nil {
		t.Fatal(err)
	}
	now, err := readMetadata(name)
	if err != nil {
		t.Fatal(err)
	}
	if now.Mode != was.Mode || now.UID != was.UID || now.GID != was.GID || fmt.Sprint(now.Attributes) != fmt.Sprint(was.Attributes) {
		t.Errorf("%+v, was %+v", now, was)
	}
	if b, err := readMetadata(filepath.Join(dir, "etc/real/b.conf")); err != nil || len(b.Attributes) > 0 {
		t.Errorf("a file without attributes has %v, %v", b.Attributes, err)
	}
	for _, pair := range [][2]string{{"etc/shorter.conf", "etc/shorter-too.conf"}, {"etc/longer.conf", "etc/longer-too.conf"}} {
		if !sameInode(t, filepath.Join(dir, pair[0]), filepath.Join(dir, pair[1])) {
			t.Errorf("%s and %s are two files now", pair[0], pair[1])
		}
	}
}

func sameInode(t *testing.T, a, b string) bool {
	t.Helper()
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	return os.SameFile(ia, ib)
}

// TestRollbackOfChangedFile refuses to lose what somebody wrote since, unless it is forced: then it
// keeps a copy.
func TestRollbackOfChangedFile(t *testing.T) {
	dir := writeSample(t)
	before := description(t, dir)
	if err := act(order{Dir: dir}, plainly); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "etc/a.conf")
	if err := os.WriteFile(name, []byte("changed since\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	j, err := OpenJournal(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // the test ends
	if _, _, err := j.Rollback("", false); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), name) {
		t.Fatalf("%v", err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "etc/real/b.conf")); err != nil || string(data) != sample[1].new {
		t.Errorf("a refused rollback changed %q %v", data, err)
	}
	run, _, err := j.Rollback("", true)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range before {
		if got := description(t, dir)[name]; got != want {
			t.Errorf("%s is %s, was %s", name, got, want)
		}
	}
	kept, err := filepath.Glob(filepath.Join(dir, "state/runs", run.ID, "kept-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v %v", kept, err)
	}
	if data, err := os.ReadFile(kept[0]); err != nil || string(data) != "changed since\n" {
		t.Errorf("%q %v", data, err)
	}
	if _, _, err := j.Rollback(run.ID, false); err == nil || !strings.Contains(err.Error(), "rolled back already") {
		t.Errorf("%v", err)
	}
	if _, _, err := j.Rollback("20000101-000000-000000", false); err == nil || !strings.Contains(err.Error(), "--list") {
		t.Errorf("%v", err)
	}
}

// TestDamagedBackup gives no file a content that is not the one that it had.
func TestDamagedBackup(t *testing.T) {
	dir := writeSample(t)
	if err := act(order{Dir: dir}, plainly); err != nil {
		t.Fatal(err)
	}
	backups, err := filepath.Glob(filepath.Join(dir, "state/runs/*/old-*"))
	if err != nil || len(backups) == 0 {
		t.Fatal(backups, err)
	}
	for _, name := range backups {
		if err := os.WriteFile(name, []byte("damaged\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after := description(t, dir)
	j, err := OpenJournal(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // the test ends
	if _, _, err := j.Rollback("", false); err == nil || !strings.Contains(err.Error(), "the backup is damaged") {
		t.Errorf("%v", err)
	}
	for name, got := range description(t, dir) {
		if strings.Contains(got, "damaged") {
			t.Errorf("%s is %s, was %s", name, got, after[name])
		}
	}
}

// TestTwoNamesOfOneFile refuses to change one file twice.
func TestTwoNamesOfOneFile(t *testing.T) {
	dir := writeSample(t)
	p := samplePlan(dir)
	p.Changes = append(p.Changes, Change{Path: filepath.Join(dir, "etc/longer-too.conf"), Name: "longer-too.conf", Old: []byte("old\n"), New: []byte("other\n")})
	j, err := OpenJournal(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	before := description(t, dir)
	tr := &Transaction{Plan: p, Journal: j, Say: func(Step) {}}
	if err := tr.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "hard links") {
		t.Errorf("%v", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	wantBack(t, dir, "after it was refused", before)
}

// TestDamagedJournal sees that a manifest that is none is an error and no panic.
func TestDamagedJournal(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "runs", "20260101-000000-abcdef")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "manifest.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // the test ends
	if _, err := j.Recover(); err == nil || !strings.Contains(err.Error(), "manifest.json") || !strings.Contains(err.Error(), "move "+run+" out of the state directory") {
		t.Errorf("%v", err)
	}
	// What the message says lets the next run go on.
	if err := os.Rename(run, filepath.Join(t.TempDir(), "away")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Recover(); err != nil {
		t.Errorf("%v", err)
	}
}

// saving writes a file as its owner would in an editor, right after the first file of a run is replaced.
func saving(t *testing.T, dir, name, text string) calls {
	t.Helper()
	done := false
	return func(call, path string, do func() error) error {
		err := do()
		if call == "rename" && !done && !strings.Contains(path, "/state/") {
			done = true
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
				t.Error(err)
			}
		}
		return err
	}
}

// TestSavedMeanwhile has the owner save a file that the run has not come to: the run ends, takes back what
// it wrote, and leaves that file as the owner wrote it.
func TestSavedMeanwhile(t *testing.T) {
	dir := writeSample(t)
	before := description(t, dir)
	var back *RolledBackError
	if err := act(order{Dir: dir}, saving(t, dir, "etc/real/b.conf", "mine\n")); !errors.As(err, &back) || !strings.Contains(err.Error(), "b.conf changed while") {
		t.Fatalf("%v", err)
	}
	for name, is := range description(t, dir) {
		if name == "/etc/real/b.conf" {
			if !strings.HasPrefix(is, `"mine\n"`) {
				t.Errorf("the owner's file is %s", is)
			}
		} else if is != before[name] {
			t.Errorf("%s is %s, was %s", name, is, before[name])
		}
	}
}

// TestSavedBeforeRollback has the owner save a file that the run has written and then takes back: what
// is printed brings all back and keeps a copy of what the owner wrote.
func TestSavedBeforeRollback(t *testing.T) {
	dir := writeSample(t)
	before := description(t, dir)
	save := saving(t, dir, "etc/a.conf", "mine\n")
	err := act(order{Dir: dir}, func(call, path string, do func() error) error {
		if strings.HasSuffix(path, "etc/created.conf") {
			return unix.ENOSPC
		}
		return save(call, path, do)
	})
	var stuck *StuckError
	if !errors.As(err, &stuck) || !errors.Is(err, ErrChanged) || !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("%v", err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "etc/a.conf")); err != nil || string(data) != "mine\n" {
		t.Errorf("the owner's file is %q %v", data, err)
	}
	if err := act(order{Dir: dir}, plainly); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "was cut short and could not be rolled back") {
		t.Errorf("the next run: %v", err)
	}
	j, err := OpenJournal(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // the test ends
	runs, err := j.Runs()
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	if want := "fpmlint rollback " + runs[0].ID + " --force --state-dir " + filepath.Join(dir, "state"); len(stuck.Commands) != 1 || stuck.Commands[0] != want {
		t.Errorf("to do by hand: %q, want %q", stuck.Commands, want)
	}
	if _, _, err := j.Rollback(runs[0].ID, true); err != nil {
		t.Fatal(err)
	}
	for name, is := range description(t, dir) {
		if is != before[name] {
			t.Errorf("%s is %s, was %s", name, is, before[name])
		}
	}
	kept, err := filepath.Glob(filepath.Join(dir, "state/runs", runs[0].ID, "kept-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v %v", kept, err)
	}
	if data, err := os.ReadFile(kept[0]); err != nil || string(data) != "mine\n" {
		t.Errorf("%q %v", data, err)
	}
}

// TestLeftovers removes what a run left that was killed before its manifest was written.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "runs/20260101-000000-abcdef")
	if err := errors.Join(os.MkdirAll(left, 0o700), os.WriteFile(filepath.Join(left, "old-0"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	j, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() //nolint:errcheck // the test ends
	if runs, err := j.Recover(); err != nil || len(runs) > 0 {
		t.Errorf("%v %v", runs, err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
}
