//go:build unix

package fix

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fpmlint/lint"
)

// victim is the environment variable that makes the test binary a run that is to be killed.
const victim = "FPMLINT_TEST_VICTIM"

func TestMain(m *testing.M) {
	if order := os.Getenv(victim); order != "" {
		beVictim(order)
	}
	os.Exit(m.Run())
}

// order is what a victim is to do.
type order struct {
	Dir string
	// Rollback takes the last run back instead of making the changes.
	Rollback bool
	// Kill is the number of the call after which the process kills itself; 0 is none.
	Kill int
}

func beVictim(text string) {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	n := 0
	err := act(o, func(name, path string, call func() error) error {
		err := call()
		if n++; n == o.Kill {
			syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // it does not return
			select {}
		}
		return err
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(n)
	os.Exit(0)
}

func act(o order, do calls) error {
	j, err := openJournal(filepath.Join(o.Dir, "state"), do)
	if err != nil {
		return err
	}
	defer j.Close() //nolint:errcheck // the lock ends with the process
	if _, err := j.Recover(); err != nil {
		return err
	}
	if o.Rollback {
		runs, err := j.Runs()
		if err == nil && len(runs) > 0 && runs[len(runs)-1].State == stateDone {
			_, _, err = j.Rollback("", false)
		}
		return err
	}
	t := &Transaction{Plan: samplePlan(o.Dir), Journal: j, Say: func(Step) {}}
	return t.Run(context.Background())
}

// sample are the files of a test run: a plain one, one behind a link, one with two names that
// becomes shorter, one with two names that becomes longer, and a new one.
var sample = []struct{ name, old, new string }{
	{"etc/a.conf", "old a\n", "new and longer a\n"},
	{"etc/real/b.conf", "old b\r\nsecond", "new b\r\nsecond"},
	{"etc/shorter.conf", strings.Repeat("old\n", 9), "new\n"},
	{"etc/longer.conf", "old\n", strings.Repeat("new\n", 9)},
	{"etc/created.conf", "", "created\n"},
}

func samplePlan(dir string) *Plan {
	p := &Plan{Before: &lint.Result{}, After: &lint.Result{}}
	for _, f := range sample {
		p.Changes = append(p.Changes, Change{Path: filepath.Join(dir, f.name), Name: f.name, Old: []byte(f.old), New: []byte(f.new), Created: f.old == "", Like: filepath.Join(dir, sample[0].name)})
	}
	return p
}

// writeSample writes the files as they are before a run, with an owner, a mode and a time of their own.
func writeSample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i, f := range sample {
		name := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if f.old == "" {
			continue
		}
		if err := os.WriteFile(name, []byte(f.old), 0o600); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			if err := os.Chown(name, 1000+i, 2000+i); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(name, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Unix(1_500_000_000+int64(i), 5), time.Unix(1_600_000_000+int64(i), 123456789)); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []struct{ from, to string }{{"etc/shorter.conf", "etc/shorter-too.conf"}, {"etc/longer.conf", "etc/longer-too.conf"}} {
		if err := os.Link(filepath.Join(dir, l.from), filepath.Join(dir, l.to)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// description is what a rollback must bring back: content, mode, owner, times.
func description(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(filepath.Join(dir, "etc"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		m, err := readMetadata(name)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		out[strings.TrimPrefix(name, dir)] = fmt.Sprintf("%q %o %d:%d %d %d links", data, m.Mode, m.UID, m.GID, m.Modified, m.Links)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kills counts the victims that were killed.
var kills atomic.Int64

// kill runs a victim and says how many calls it made, 0 where it was killed.
func kill(t *testing.T, o order, after time.Duration) int {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if after > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, after)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), victim+"="+string(text))
	out, err := cmd.Output()
	if cmd.ProcessState == nil { // the time was over before it began
		return 0
	}
	if cmd.ProcessState.ExitCode() == 0 {
		n, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Fatalf("the victim failed by itself: %v", err)
	}
	kills.Add(1)
	return 0
}

// wantWhole sees that every file is whole: as before the run, or as after it. One with two names
// may have empty lines behind it.
func wantWhole(t *testing.T, dir, when string) {
	t.Helper()
	for _, f := range sample {
		data, err := os.ReadFile(filepath.Join(dir, f.name))
		got := strings.TrimRight(string(data), "\n")
		if f.old == "" && os.IsNotExist(err) {
			continue
		}
		if got != strings.TrimRight(f.old, "\n") && got != strings.TrimRight(f.new, "\n") {
			t.Errorf("%s: %s is %q", when, f.name, data)
		}
	}
}

// wantBack takes the run back in this process, and sees that all is as before and nothing is left.
func wantBack(t *testing.T, dir, when string, before map[string]string) {
	t.Helper()
	j, err := OpenJournal(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if _, err := j.Recover(); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	runs, err := j.Runs()
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if len(runs) == 1 && runs[0].State == stateDone {
		if _, _, err := j.Rollback("", false); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	after := description(t, dir)
	for name, want := range before {
		if after[name] != want {
			t.Errorf("%s: %s is %s, was %s", when, name, after[name], want)
		}
	}
	for name := range after {
		if before[name] == "" {
			t.Errorf("%s: %s is left behind", when, name)
		}
	}
}

// TestKilled kills a run behind every call that changes something, and a rollback likewise, and at
// random times. Every file is whole each time, and the rollback brings the old state back.
func TestKilled(t *testing.T) {
	dir := writeSample(t)
	calls := kill(t, order{Dir: dir}, 0)
	back := kill(t, order{Dir: dir, Rollback: true}, 0)
	if calls < 40 || back < 20 {
		t.Fatalf("a run makes %d calls and a rollback %d: too few to be all of them", calls, back)
	}
	kills.Store(0)
	t.Cleanup(func() { // the parallel ones have ended
		if n := kills.Load(); n < 1000 {
			t.Errorf("%d processes were killed, want 1000", n)
		}
	})
	random := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= calls; n++ {
		for round := range 8 {
			// What takes the run back is killed as well, and what takes that one's rest back too, each
			// at a call of its own.
			second, third := 1+(n+round*back/8)%back, 1+random.IntN(back)
			t.Run(fmt.Sprintf("run/%d/%d/%d", n, second, third), func(t *testing.T) {
				t.Parallel()
				dir := writeSample(t)
				before := description(t, dir)
				kill(t, order{Dir: dir, Kill: n}, 0)
				wantWhole(t, dir, "after the kill")
				kill(t, order{Dir: dir, Rollback: true, Kill: second}, 0)
				wantWhole(t, dir, "after the second kill")
				kill(t, order{Dir: dir, Rollback: true, Kill: third}, 0)
				wantWhole(t, dir, "after the third kill")
				wantBack(t, dir, "after three kills", before)
			})
		}
	}
	for n := 1; n <= back; n++ {
		t.Run(fmt.Sprintf("rollback/%d", n), func(t *testing.T) {
			t.Parallel()
			dir := writeSample(t)
			before := description(t, dir)
			kill(t, order{Dir: dir}, 0)
			kill(t, order{Dir: dir, Rollback: true, Kill: n}, 0)
			wantWhole(t, dir, "after the kill")
			wantBack(t, dir, "after a killed rollback", before)
		})
	}
	for n := range 100 {
		after := time.Duration(random.IntN(30_000)+500) * time.Microsecond
		t.Run(fmt.Sprintf("random/%d", n), func(t *testing.T) {
			t.Parallel()
			dir := writeSample(t)
			before := description(t, dir)
			kill(t, order{Dir: dir}, after)
			wantWhole(t, dir, "after the kill")
			wantBack(t, dir, "after a kill at a random time", before)
		})
	}
}

func runShell(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-e", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
