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

	"fpmlint/lint"
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
		return &RolledBackError{Cause: err, Untouched: true}
	}
	if t.Reload && t.Probe {
		t.before = answers(ctx, t.Plan.Before.Stacks, t.watched, 0)
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
		if stopped := context.Cause(ctx); stopped != nil {
			err = fmt.Errorf("the run was stopped: %w", stopped)
		}
		return t.takeBack(context.WithoutCancel(ctx), err)
	}
	t.run.State, t.run.Outcome = stateDone, "done"
	if err := t.Journal.save(t.run); err != nil {
		return t.takeBack(context.WithoutCancel(ctx), err)
	}
	return nil
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
			t.daemons = append(t.daemons, d)
		}
		return err
	}
	for i, s := range t.Plan.After.Stacks {
		for _, m := range t.Plan.Before.Stacks[i].Masters {
			for _, f := range m.Files {
				if changed[f.Disk] {
					if err := add(t.Programs.fpmDaemon(m)); err != nil {
						return err
					}
					break
				}
			}
		}
		for _, c := range s.Nginx {
			for _, f := range c.Files {
				if changed[f.Source.Disk] {
					if err := add(t.Programs.nginxDaemon(c)); err != nil {
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
			return fmt.Errorf("refused with the fix and without it, so that it cannot be proven: %w", err)
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
	t.run = &run{Version: 1, ID: newID(now), Time: now.UTC().Truncate(time.Second), State: statePrepared}
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
			f.Old, f.OldSum, f.InPlace = m, sum(c.Old), m.Links > 1
		}
		t.run.Files = append(t.run.Files, f)
	}
	t.run.Daemons = t.daemons
	if t.Reload {
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
		if err := t.write(i, c); err != nil {
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
	if err := t.unchanged(c); err != nil {
		return errors.Unwrap(err)
	}
	do := t.Journal.do
	if f.Created {
		return do.createAt(f.Path, f.Temp, c.New)
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
	for _, kind := range []string{kindFPM, kindNginx} {
		for _, d := range t.daemons {
			if d.Kind != kind {
				continue
			}
			if why := t.spare(ctx, d); why != "" {
				t.Say(Step{Action: "reload", Object: d.Name(), Note: why})
				continue
			}
			before, err := d.running()
			if err != nil && d.ReloadCommand == "" {
				return err
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
// requests off, and only a hand-off that still fails is worth that. What an aligned socket mends does
// not fail any more.
func (t *Transaction) spare(ctx context.Context, d *Daemon) string {
	if d.Kind != kindFPM || d.Grace > 0 || d.ReloadCommand != "" || !t.Probe {
		return ""
	}
	var broken []place
	for at, err := range t.before {
		if err == nil {
			continue
		}
		for _, b := range t.Plan.After.Stacks[at.stack].Handoffs[at.handoff].Backends {
			if slices.ContainsFunc(b.Pools, func(m stack.PoolMatch) bool { return m.Pool.Master.Conf.Disk == d.Conf }) {
				broken = append(broken, at)
				break
			}
		}
	}
	for _, err := range answers(ctx, t.Plan.After.Stacks, broken, 0) {
		if err != nil {
			return ""
		}
	}
	return "left running: its process_control_timeout was 0, so a reload would cut running requests off; the change counts from its next restart"
}

// verify asks the hand-offs that were touched. One that answered before has to answer, and one that
// was broken too, since it is what the fix is for.
func (t *Transaction) verify(ctx context.Context) error {
	if !t.Probe {
		return nil
	}
	wait := startTime
	for _, r := range t.reloaded {
		wait = max(wait, startTime+r.daemon.Grace)
	}
	logs := watchLogs(t.daemons)
	after := answers(ctx, t.Plan.After.Stacks, t.watched, wait)
	var addresses []string
	for _, at := range t.watched {
		err, asked := after[at]
		if !asked {
			continue
		}
		h := t.Plan.After.Stacks[at.stack].Handoffs[at.handoff]
		name := fmt.Sprintf("%s (%s)", h.Pass.Arg(0), strings.Join(h.Scope.ServerNames(), ", "))
		was, askedBefore := t.before[at]
		switch {
		case err == nil:
			t.Say(Step{Action: "verify", Object: name})
			for _, b := range h.Backends {
				addresses = append(addresses, b.Address.String())
			}
		case askedBefore && was == nil:
			return fmt.Errorf("the hand-off %s answered before and does not now: %w", name, err)
		case t.mends(at):
			return fmt.Errorf("the hand-off %s does not answer with the fix either: %w", name, err)
		default:
			t.Say(Step{Action: "verify", Object: name, Note: "did not answer before, and does not now: " + err.Error()})
		}
	}
	if lines := logs.complaints(addresses); len(lines) > 0 {
		return fmt.Errorf("nginx's error log has a new complaint: %s", lines[0])
	}
	return nil
}

// mends says whether a fix was meant to make a hand-off work.
func (t *Transaction) mends(at place) bool {
	return slices.ContainsFunc(t.Plan.Applied, func(a Applied) bool {
		return a.Finding.Severity == lint.Error && slices.Contains(a.handoffs, at)
	})
}

// takeBack restores files and sockets, and reloads what was reloaded.
func (t *Transaction) takeBack(ctx context.Context, cause error) error {
	t.Say(Step{Action: "fail", Object: "the run", Error: cause.Error()})
	t.run.State, t.run.Outcome = statePrepared, "failed: "+cause.Error()
	err := t.Journal.takeBack(t.run, false)
	if err == nil {
		for _, c := range t.Plan.Changes {
			t.Say(Step{Action: "restore", Object: c.Name})
		}
	}
	if err == nil {
		err = t.reloadBack(ctx)
	}
	if err == nil {
		return &RolledBackError{Cause: cause}
	}
	return &StuckError{Cause: cause, Rollback: err, Commands: t.byHand()}
}

// reloadBack makes the daemons run with the old files again, and asks the hand-offs that worked
// before.
func (t *Transaction) reloadBack(ctx context.Context) error {
	for _, r := range t.reloaded {
		now, err := r.daemon.running()
		switch {
		case err == nil && now == nil && r.before != nil:
			limited, cancel := context.WithTimeout(ctx, reloadTimeout+r.daemon.Grace)
			err = r.daemon.revive(limited, r.before)
			cancel()
			t.Say(Step{Action: "start", Object: r.daemon.Name(), Note: "it had ended at its reload"})
		case r.before == nil && r.daemon.ReloadCommand == "":
			continue // it did not run before either
		default:
			err = r.daemon.reload(ctx)
			t.Say(Step{Action: "reload", Object: r.daemon.Name()})
		}
		if err != nil {
			return err
		}
	}
	if len(t.reloaded) == 0 {
		return nil
	}
	healthy := slices.DeleteFunc(slices.Clone(t.watched), func(at place) bool {
		was, asked := t.before[at]
		return !asked || was != nil
	})
	for _, err := range answers(ctx, t.Plan.Before.Stacks, healthy, startTime) {
		if err != nil {
			return fmt.Errorf("a hand-off that answered before does not now: %w", err)
		}
	}
	return nil
}

// byHand are the commands that finish a rollback.
func (t *Transaction) byHand() []string {
	var out []string
	for _, f := range t.run.Files {
		if f.Created {
			out = append(out, "rm -f "+quote(f.Path))
			continue
		}
		out = append(out, fmt.Sprintf("cat %s > %s", quote(filepath.Join(t.Journal.runDir(t.run.ID), f.Backup)), quote(f.Path)))
	}
	for _, s := range t.run.Sockets {
		out = append(out, fmt.Sprintf("chown %d:%d %s && chmod %04o %s", s.OldUID, s.OldGID, quote(s.Path), s.OldMode, quote(s.Path)))
	}
	for _, r := range t.reloaded {
		out = append(out, r.daemon.ReloadByHand())
	}
	return out
}

// quote makes one word of a path for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
