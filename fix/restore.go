//go:build unix

package fix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrChanged says that files have changed since a run wrote them, so that taking the run back would
// lose those changes.
var ErrChanged = errors.New("changed since")

// Summary is what is told of a run.
type Summary struct {
	ID    string    `json:"id"`
	Time  time.Time `json:"time"`
	State string    `json:"state"`
	// Outcome says in words how the run ended, "" where it was cut short.
	Outcome string   `json:"outcome,omitempty"`
	Fixes   []string `json:"fixes"`
	Files   []string `json:"files"`
}

// Unfinished says whether the run was cut short.
func (s Summary) Unfinished() bool { return s.State == statePrepared }

// Runs are the runs that the journal holds, oldest first.
func (j *Journal) Runs() ([]Summary, error) {
	runs, err := j.runs()
	if err != nil {
		return nil, err
	}
	var out []Summary
	for _, r := range runs {
		out = append(out, r.summary())
	}
	return out, nil
}

func (r *run) summary() Summary {
	s := Summary{ID: r.ID, Time: r.Time.Truncate(time.Second), State: r.State, Outcome: r.Outcome, Fixes: r.Fixes}
	for _, f := range r.Files {
		s.Files = append(s.Files, f.Path)
	}
	return s
}

// Recover rolls back the runs that were cut short, and returns them.
func (j *Journal) Recover() ([]Summary, error) {
	runs, err := j.runs()
	if err != nil {
		return nil, err
	}
	var out []Summary
	for _, r := range runs {
		if r.State != statePrepared {
			continue
		}
		if err := j.takeBack(r, false); err != nil {
			return out, fmt.Errorf("run %s was cut short and could not be rolled back (fpmlint rollback %s --force keeps copies of what changed since): %w", r.ID, r.ID, err)
		}
		out = append(out, r.summary())
	}
	return out, nil
}

// Rollback takes a run back: files, their owners, modes and times, and sockets. An empty id is the
// latest run that is not rolled back. With force, files that changed since are restored too, and
// copies of them kept in the run's directory. The daemons that were to take the run's files over are
// returned, without those that run with what they had loaded before.
func (j *Journal) Rollback(id string, force bool) (Summary, []*Daemon, error) {
	runs, err := j.runs()
	if err != nil {
		return Summary{}, nil, err
	}
	var r *run
	for _, have := range runs {
		if id == "" && have.State != stateRolledBack || have.ID == id {
			r = have
		}
	}
	switch {
	case r == nil && id == "":
		return Summary{}, nil, fmt.Errorf("%s: no run to take back", j.dir)
	case r == nil:
		return Summary{}, nil, fmt.Errorf("%s: no run %s; fpmlint rollback --list shows the runs", j.dir, id)
	case r.State == stateRolledBack:
		return r.summary(), nil, fmt.Errorf("run %s is rolled back already", id)
	}
	if err := j.takeBack(r, force); err != nil {
		return r.summary(), nil, err
	}
	return r.summary(), slices.DeleteFunc(r.Daemons, func(d *Daemon) bool { return d.ranBefore(r.Time) }), nil
}

// takeBack restores what a run changed, as far as it came, and marks the run.
func (j *Journal) takeBack(r *run, force bool) error {
	var changed []string
	for i := range r.Files {
		ours, err := j.ours(r, &r.Files[i])
		if err != nil {
			return err
		}
		if !ours {
			changed = append(changed, r.Files[i].Path)
		}
	}
	if len(changed) > 0 && !force {
		return fmt.Errorf("%s: %w: nothing was restored (--force restores, and keeps copies)", strings.Join(changed, ", "), ErrChanged)
	}
	if r.State != statePrepared { // a rollback that is cut short is unfinished too
		r.State = statePrepared
		if err := j.save(r); err != nil {
			return err
		}
	}
	var failed error
	for i := range r.Files {
		failed = errors.Join(failed, j.restore(r, i))
	}
	for _, s := range r.Sockets {
		failed = errors.Join(failed, s.restore(j.do))
	}
	if failed != nil {
		return failed
	}
	r.State = stateRolledBack
	return j.save(r)
}

// ours says whether a file holds its old content, or what the run wrote.
func (j *Journal) ours(r *run, f *savedFile) (bool, error) {
	now, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.Created, nil
	}
	if err != nil {
		return false, err
	}
	switch s := sum(now); {
	case s == f.NewSum, !f.Created && s == f.OldSum:
		return true, nil
	case f.InPlace && r.State == statePrepared:
		return j.halfway(r, f, now)
	}
	return false, nil
}

// halfway says whether an overwrite was cut short, this run's or the one that takes it back: the
// beginning of one content, then the rest of the other.
func (j *Journal) halfway(r *run, f *savedFile, now []byte) (bool, error) {
	old, err := os.ReadFile(filepath.Join(j.runDir(r.ID), f.Backup))
	if err != nil {
		return false, err
	}
	fresh, err := os.ReadFile(filepath.Join(j.runDir(r.ID), newName(f.Backup)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // nothing was overwritten yet
	}
	if err != nil {
		return false, err
	}
	return joined(now, padded(fresh, len(old)), old) || joined(now, padded(old, len(fresh)), fresh), nil
}

// joined says whether data begins as head and goes on as tail does from there.
func joined(data, head, tail []byte) bool {
	n := 0
	for n < len(data) && n < len(head) && data[n] == head[n] {
		n++
	}
	return bytes.Equal(data[n:], tail[min(n, len(tail)):])
}

func newName(backup string) string { return strings.Replace(backup, "old-", "new-", 1) }

// restore brings one file back. A file that changed since is copied to the run's directory first.
func (j *Journal) restore(r *run, i int) error {
	f := &r.Files[i]
	if err := j.do.remove(f.Temp); err != nil {
		return err
	}
	now, err := os.ReadFile(f.Path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	s := sum(now)
	if !missing && s != f.NewSum && s != f.OldSum {
		kept := filepath.Join(j.runDir(r.ID), fmt.Sprintf("kept-%d-%s", i, newID(time.Now())))
		if err := j.do.create(kept, now, 0o600); err != nil {
			return err
		}
	}
	if f.Created {
		if err := j.do.remove(f.Path); err != nil {
			return err
		}
		return j.do.syncDir(filepath.Dir(f.Path))
	}
	if !missing && s == f.OldSum {
		if f.InPlace { // what overwrote it may not have come to the owner and the times
			return j.do.dress(f.Path, f.Old, true)
		}
		return nil
	}
	old, err := os.ReadFile(filepath.Join(j.runDir(r.ID), f.Backup))
	if err != nil {
		return err
	}
	if sum(old) != f.OldSum {
		return fmt.Errorf("%s: the backup is damaged", filepath.Join(j.runDir(r.ID), f.Backup))
	}
	if f.InPlace && !missing {
		return j.do.overwrite(f.Path, old, f.Old, true)
	}
	return j.do.replace(f.Path, f.Temp, old, f.Old, true)
}

// restore gives a live socket back its owner and mode, unless somebody else changed them since.
func (s savedSocket) restore(do calls) error {
	var st unix.Stat_t
	if err := unix.Lstat(s.Path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil //nolint:nilerr // a socket that is gone has nothing to give back
	}
	if int(st.Uid) == s.NewUID && int(st.Gid) == s.NewGID && uint32(st.Mode)&0o7777 == s.NewMode { //nolint:unconvert // its type differs between systems
		return s.set(do, s.OldUID, s.OldGID, s.OldMode)
	}
	return nil
}

func (s savedSocket) set(do calls, uid, gid int, mode uint32) error {
	if err := do("chown", s.Path, func() error { return os.Lchown(s.Path, uid, gid) }); err != nil {
		return err
	}
	return do("chmod", s.Path, func() error { return os.Chmod(s.Path, fs.FileMode(mode)) })
}

// ReloadAll tests daemons' configurations after a rollback and reloads them, nginx first. One that does
// not run is told of.
func ReloadAll(ctx context.Context, daemons []*Daemon, say func(Step)) error {
	for _, d := range Homeward(daemons) {
		if p, err := d.running(); err == nil && p == nil && d.ReloadCommand == "" {
			say(Step{Action: "reload", Object: d.Name(), Note: d.toStart()})
			continue
		}
		if err := d.test(ctx, nil); err != nil {
			return err
		}
		if err := d.reload(ctx); err != nil {
			return err
		}
		say(Step{Action: "reload", Object: d.Name()})
	}
	return nil
}

// Homeward is the order in which daemons are reloaded when a run is taken back: nginx leaves the pools
// that the run brought before they go.
func Homeward(daemons []*Daemon) []*Daemon {
	fpm := func(d *Daemon) bool { return d.Kind == kindFPM }
	return slices.Concat(slices.DeleteFunc(slices.Clone(daemons), fpm), slices.DeleteFunc(slices.Clone(daemons), func(d *Daemon) bool { return !fpm(d) }))
}
