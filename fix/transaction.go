//go:build unix

package fix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fpmlint/lint/fpm"
	"fpmlint/lint/stack"
)

// startTime is how long a pool may take until it answers after a reload.
const startTime = 5 * time.Second

// RolledBackError says that a run failed and that everything is as it was before.
type RolledBackError struct {
	Cause error
	// Untouched says that nothing had been changed yet.
	Untouched bool
}

func (e *RolledBackError) Error() string {
	if e.Untouched {
		return fmt.Sprintf("%v; nothing was changed", e.Cause)
	}
	return fmt.Sprintf("%v; everything was rolled back", e.Cause)
}

func (e *RolledBackError) Unwrap() error { return e.Cause }

// StuckError says that a run failed and that taking it back failed too.
type StuckError struct {
	Cause, Rollback error
	// Commands are what is to be run by hand.
	Commands []string
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("%v; and the rollback failed: %v; by hand:\n  %s", e.Cause, e.Rollback, strings.Join(e.Commands, "\n  "))
}

func (e *StuckError) Unwrap() []error { return []error{e.Cause, e.Rollback} }

// Transaction makes a plan's changes, or leaves everything as it was.
type Transaction struct {
	Plan     *Plan
	Journal  *Journal
	Programs Programs
	// Reload makes the daemons take the changes over, and Probe asks the hand-offs afterwards.
	Reload, Probe bool
	// Say is told each step.
	Say func(Step)
	// Todo is what is left to do by hand after a run that went well, in sentences.
	Todo []string

	run     *run
	daemons []*Daemon // those whose files change
	watched []place   // hand-offs that are asked before and after
	before  map[place]error
	// reloaded are those that were, with the process as it was before.
	reloaded []reloaded
}

type reloaded struct {
	daemon *Daemon
	before *process
}

// Run makes the changes. Its error is a RolledBackError or a StuckError, unless it came before
// anything was tried.
func (t *Transaction) Run(ctx context.Context) error {
	if err := t.findDaemons(); err != nil {
		return err
	}
	if err := t.check(ctx); err != nil {
		return &RolledBackError{Cause: reason(ctx, err), Untouched: true}
	}
	if t.Reload && t.Probe {
		t.before = answers(ctx, t.Plan.Before.Stacks, t.watched, 0)
		if err := t.ready(ctx, t.unmoved(), 0); err != nil {
			return &RolledBackError{Cause: reason(ctx, err), Untouched: true}
		}
	}
	if err := t.prepare(); err != nil {
		return err
	}
	err := t.Journal.begin(t.run, t.Plan.Changes)
	if err != nil {
		err = errors.Join(err, os.RemoveAll(t.Journal.runDir(t.run.ID)))
		return &RolledBackError{Cause: fmt.Errorf("writing the backups: %w", err), Untouched: true}
	}
	if err := t.change(ctx); err != nil {
		return t.takeBack(context.WithoutCancel(ctx), reason(ctx, err))
	}
	t.tellUnloaded()
	t.run.State, t.run.Outcome = stateDone, "done"
	if err := t.Journal.save(t.run); err != nil {
		return t.takeBack(context.WithoutCancel(ctx), err)
	}
	return nil
}

// reason is why a step failed: where the run was stopped that is why, whatever the step says.
func reason(ctx context.Context, err error) error {
	if stopped := context.Cause(ctx); stopped != nil {
		return fmt.Errorf("the run was stopped: %w", stopped)
	}
	return askRoot(err)
}

// tellUnloaded says which daemons still run with the old files.
func (t *Transaction) tellUnloaded() {
	for _, d := range t.daemons {
		if p, err := d.running(); !t.Reload && t.Programs.Live && err == nil && p != nil {
			t.Say(Step{Action: "reload", Object: d.Name(), Note: "not done, it still runs with the old files; --reload would have done it; by hand: " + d.ReloadByHand()})
		}
	}
}

// tellTakenOver says which earlier changes the reloads will take over besides the run's.
func (t *Transaction) tellTakenOver() {
	for _, d := range t.daemons {
		p, err := d.running()
		if !t.Reload || err != nil || p == nil {
			continue
		}
		if files, loaded := d.outdated(p); len(files) > 0 {
			t.Say(Step{Action: "reload", Object: d.Name(), Note: fmt.Sprintf("will take over what was changed since it loaded its files at %s too: %s", loaded.Format(time.DateTime), strings.Join(files, ", "))})
		}
	}
}

// todo notes what is left to do, once.
func (t *Transaction) todo(what string) {
	if !slices.Contains(t.Todo, what) {
		t.Todo = append(t.Todo, what)
	}
}

// ID is the run's name for rollback, "" before anything was written.
func (t *Transaction) ID() string {
	if t.run == nil {
		return ""
	}
	return t.run.ID
}

// findDaemons collects the daemons whose files change, and the hand-offs to ask.
func (t *Transaction) findDaemons() error {
	changed := map[string]bool{}
	for _, c := range t.Plan.Changes {
		changed[c.Path] = true
	}
	add := func(d *Daemon, err error) error {
		if err == nil && d != nil && d.runnable() && !slices.ContainsFunc(t.daemons, func(have *Daemon) bool { return have.Kind == d.Kind && have.Conf == d.Conf }) {
			p, err := d.running()
			if err != nil && t.Reload && d.ReloadCommand == "" {
				return &RolledBackError{Cause: err, Untouched: true}
			}
			d.Abrupt = err == nil && d.abrupt(p) // before the files change
			t.daemons = append(t.daemons, d)
		}
		return err
	}
	for i, s := range t.Plan.After.Stacks {
		for j, m := range t.Plan.Before.Stacks[i].Masters {
			if readsAny(m, changed) || readsAny(s.Masters[j], changed) { // a pool that comes is in the latter only
				if err := add(t.fpmDaemon(s, m)); err != nil {
					return err
				}
			}
		}
		for _, c := range s.Nginx {
			for _, f := range c.Files {
				if changed[f.Source.Disk] {
					if err := add(t.nginxDaemon(s, c)); err != nil {
						return err
					}
					break
				}
			}
		}
		for j, h := range s.Handoffs {
			at := place{i, j}
			touched := slices.ContainsFunc(t.Plan.Applied, func(a Applied) bool { return slices.Contains(a.handoffs, at) })
			for _, b := range h.Backends {
				for _, p := range b.Pools {
					touched = touched || slices.ContainsFunc(t.daemons, func(d *Daemon) bool { return d.Kind == kindFPM && d.Conf == p.Pool.Master.Conf.Disk })
				}
			}
			if touched && s.Live && !s.Split {
				t.watched = append(t.watched, at)
			}
		}
	}
	return nil
}

// readsAny says whether a PHP-FPM reads one of some files, php.ini's among them.
func readsAny(m *fpm.Master, changed map[string]bool) bool {
	for _, f := range m.Files {
		if changed[f.Disk] {
			return true
		}
	}
	for _, name := range m.INIFiles() {
		if real, err := m.Root.Resolve(name); err == nil && changed[filepath.Join(m.Root.Disk(), real)] {
			return true
		}
	}
	return false
}

// check tests the configurations as they stand and as they would be.
func (t *Transaction) check(ctx context.Context) error {
	baseline := map[*Daemon]error{}
	for _, d := range t.daemons {
		baseline[d] = d.test(ctx, nil)
		if err := baseline[d]; err != nil {
			t.Say(Step{Action: "check", Object: d.Name() + " as it is", Note: "refused: " + err.Error()})
		} else {
			t.Say(Step{Action: "check", Object: d.Name() + " as it is"})
		}
	}
	if len(t.daemons) == 0 {
		t.Say(Step{Action: "check", Object: "nginx and PHP-FPM", Note: "not run: the files are not this machine's (--nginx-test and --fpm-test give commands)"})
		return nil
	}
	t.tellTakenOver()
	c, err := stage(t.Plan.Changes)
	defer c.close()
	for _, d := range t.daemons {
		if err == nil {
			err = d.test(ctx, c)
		}
		switch {
		case errors.Is(err, errNoNamespace):
			t.Say(Step{Action: "prove", Object: "the change before it is made", Note: "not possible here: " + err.Error() + "; it is checked right after"})
			return nil
		case err != nil && baseline[d] != nil && err.Error() == baseline[d].Error():
			return fmt.Errorf("%s is refused with the fix and without it, so that the fix cannot be proven; mend this first: %w", d.Name(), err)
		case err != nil:
			return err
		}
		t.Say(Step{Action: "prove", Object: d.Name() + " with the change"})
	}
	return nil
}

// prepare fills the run's manifest. A file that is not as the plan saw it stops the run.
func (t *Transaction) prepare() error {
	now := time.Now()
	t.run = &run{Version: 1, ID: newID(now), Time: now.UTC(), State: statePrepared}
	for _, a := range t.Plan.Applied {
		t.run.Fixes = append(t.run.Fixes, a.Finding.Rule+": "+a.Finding.Fix.Description)
	}
	inodes := map[[2]uint64]string{}
	for i, c := range t.Plan.Changes {
		f := savedFile{
			Path: c.Path, Created: c.Created, NewSum: sum(c.New),
			Temp: filepath.Join(filepath.Dir(c.Path), fmt.Sprintf(".fpmlint-%s-%d", t.run.ID, i)), // no glob takes a name with a dot first
		}
		if err := t.unchanged(c); err != nil {
			return err
		}
		if !c.Created {
			m, err := readMetadata(c.Path)
			if err != nil {
				return err
			}
			if other := inodes[[2]uint64{m.Device, m.Inode}]; other != "" {
				return fmt.Errorf("%s and %s are one file with two names (hard links): the fixes would change it twice", other, c.Path)
			}
			inodes[[2]uint64{m.Device, m.Inode}] = c.Path
			f.Old, f.OldSum, f.InPlace = m, sum(c.Old), m.Links > 1 || mounted(c.Path)
			if why := frozen(c.Path); why != "" {
				return &RolledBackError{Cause: errors.New(why), Untouched: true}
			}
		}
		if why := frozen(filepath.Dir(c.Path)); why != "" && !f.InPlace {
			return &RolledBackError{Cause: errors.New(why), Untouched: true}
		}
		t.run.Files = append(t.run.Files, f)
	}
	if t.Reload {
		t.run.Daemons = t.daemons
		t.run.Sockets = socketsToAlign(t.Plan.Before.Stacks, t.Plan.After.Stacks)
	}
	return nil
}

// unchanged says whether a file still is as the plan saw it.
func (t *Transaction) unchanged(c Change) error {
	now, err := os.ReadFile(c.Path)
	switch {
	case c.Created && errors.Is(err, os.ErrNotExist):
		return nil
	case c.Created && err == nil:
		return &RolledBackError{Cause: fmt.Errorf("%s appeared while the fixes were planned", c.Name), Untouched: true}
	case err != nil:
		return &RolledBackError{Cause: err, Untouched: true}
	case !bytes.Equal(now, c.Old):
		return &RolledBackError{Cause: fmt.Errorf("%s changed while the fixes were planned", c.Name), Untouched: true}
	}
	return nil
}

// change is all that happens between the backups and the end.
func (t *Transaction) change(ctx context.Context) error {
	for i, c := range t.Plan.Changes {
		if err := t.unchanged(c); err != nil {
			t.run.Files = t.run.Files[:i] // the rest is as its owner left it, and not to be taken back
			return errors.Unwrap(err)
		}
		if err := t.write(i, c); err != nil {
			t.run.Files = t.run.Files[:i+1]
			return err
		}
		t.Say(Step{Action: "write", Object: c.Name})
	}
	for _, d := range t.daemons {
		if err := d.test(ctx, nil); err != nil {
			return err
		}
		t.Say(Step{Action: "check", Object: d.Name() + " as it is now"})
	}
	if !t.Reload {
		return nil
	}
	for _, s := range t.run.Sockets {
		if err := s.set(t.Journal.do, s.NewUID, s.NewGID, s.NewMode); err != nil {
			return err
		}
		t.Say(Step{Action: "align", Object: s.Path, Note: fmt.Sprintf("the live socket now is %d:%d mode %04o", s.NewUID, s.NewGID, s.NewMode)})
	}
	if err := t.reload(ctx); err != nil {
		return err
	}
	return t.verify(ctx)
}

func (t *Transaction) write(i int, c Change) error {
	f := t.run.Files[i]
	do := t.Journal.do
	if f.Created {
		return do.createAt(f.Path, f.Temp, c.Like, c.New)
	}
	if f.InPlace {
		// The journal must know both contents to tell an overwrite that was cut short.
		if err := do.create(filepath.Join(t.Journal.runDir(t.run.ID), newName(f.Backup)), c.New, 0o600); err != nil {
			return err
		}
		return do.overwrite(f.Path, c.New, f.Old, false)
	}
	return do.replace(f.Path, f.Temp, c.New, f.Old, false)
}

// reload reloads PHP-FPM first: nginx is sent to a pool only when it is there.
func (t *Transaction) reload(ctx context.Context) error {
	asked := false
	for _, kind := range []string{kindFPM, kindNginx} {
		for _, d := range t.daemons {
			if d.Kind != kind {
				continue
			}
			if kind == kindNginx && t.Probe && !asked {
				if err := t.ready(ctx, t.watched, t.patience()); err != nil {
					return err
				}
				asked = true
			}
			before, err := d.running()
			if err != nil && d.ReloadCommand == "" {
				return err
			}
			if why := t.spare(ctx, d, before); why != "" {
				t.Say(Step{Action: "reload", Object: d.Name(), Note: why})
				continue
			}
			if before == nil && d.ReloadCommand == "" {
				t.todo(d.toStart())
				t.Say(Step{Action: "reload", Object: d.Name(), Note: "not running; it takes the change over when it starts"})
				continue
			}
			t.reloaded = append(t.reloaded, reloaded{d, before})
			if err := d.reload(ctx); err != nil {
				return err
			}
			t.Say(Step{Action: "reload", Object: d.Name()})
		}
	}
	return nil
}

// spare says why a PHP-FPM is not reloaded: without process_control_timeout a reload cuts running
// requests off, and only a hand-off that fails without one is worth that: one to a pool that is new,
// or that is broken still. What an aligned socket mends does not fail any more.
func (t *Transaction) spare(ctx context.Context, d *Daemon, p *process) string {
	if p == nil || !d.Abrupt || d.ReloadCommand != "" || !t.Probe {
		return ""
	}
	var led []place
	for _, at := range t.watched {
		for _, b := range t.Plan.After.Stacks[at.stack].Handoffs[at.handoff].Backends {
			if slices.ContainsFunc(b.Pools, func(m stack.PoolMatch) bool { return m.Pool.Master.Conf.Disk == d.Conf }) {
				led = append(led, at)
				break
			}
		}
	}
	for _, err := range answers(ctx, t.Plan.After.Stacks, led, 0) {
		if err != nil {
			return ""
		}
	}
	return "left running: the process_control_timeout that it runs with is 0, so a reload would cut running requests off; the change counts from its next restart"
}
