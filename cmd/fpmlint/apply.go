//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"fpmlint/fix"
	"fpmlint/lint/stack"
)

// applier makes a fixRun's changes.
type applier struct {
	run      *fixRun
	programs fix.Programs
	journal  *fix.Journal
}

// open prepares a run that writes: an earlier one that was cut short is rolled back first, since
// what it left is no base for a plan.
func (f *fixRun) open(programs fix.Programs, write bool) (*applier, error) {
	dir, live, err := stateDir(f.c.String("state-dir"), f.job.stacks)
	if err != nil {
		return nil, err
	}
	programs.Live = live
	f.stateDir = dir
	a := &applier{run: f, programs: programs}
	if !write {
		return a, nil
	}
	outliveReader()
	if a.journal, err = fix.OpenJournal(dir); err != nil {
		return nil, err
	}
	recovered, err := a.journal.Recover()
	for _, r := range recovered {
		f.say("note    run %s of %s was cut short; it was rolled back", r.ID, r.Time.Format("2006-01-02 15:04:05"))
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// outliveReader keeps a reader of the output that goes away (| head, a lost terminal) from ending the
// process amid a change: writing fails instead. The signal is caught, not ignored, so that no daemon
// inherits that.
func outliveReader() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

func (a *applier) close() {
	if a.journal != nil {
		a.journal.Close() //nolint:errcheck // the lock ends with the process
	}
}

func (a *applier) apply() error {
	t := &fix.Transaction{
		Plan: a.run.plan, Journal: a.journal, Programs: a.programs,
		Reload: a.run.c.Bool("reload"), Probe: a.run.c.Bool("probe"), Say: a.run.tellStep,
	}
	err := t.Run(a.run.c.Context)
	a.run.run, a.run.todo = t.ID(), t.Todo
	if err != nil || !t.Reload {
		return err
	}
	// The change is made: neither Ctrl-C nor what cannot be read any more makes it a failure.
	if err := a.run.plan.Relint(context.WithoutCancel(a.run.c.Context)); err != nil {
		a.run.todo = append(a.run.todo, fmt.Sprintf("run fpmlint lint: what remains is not known: %v", err))
	}
	return nil
}

// outdated says which daemons do not run with their files, where a reload was asked for and there is
// nothing to change.
func (a *applier) outdated() []string {
	if !a.programs.Live || !a.run.c.Bool("reload") {
		return nil
	}
	return (&fix.Transaction{Plan: a.run.plan, Programs: a.programs}).Outdated()
}

// liveDir keeps the journals and backups of this machine.
const liveDir = "/var/lib/fpmlint"

// stateDir is where journals and backups are kept, and whether the root is this machine.
func stateDir(given string, loaded []stack.Options) (dir string, live bool, err error) {
	root, live := oneRoot(loaded)
	switch {
	case given != "":
		dir, err = filepath.Abs(given)
	case live:
		dir = liveDir
	case root != "":
		dir, err = filepath.Abs(filepath.Join(root, "var/lib/fpmlint"))
	default:
		dir, err = userStateDir(loaded)
	}
	return dir, live, err
}

// oneRoot is the root that all files are below, "" where there are several or none.
func oneRoot(loaded []stack.Options) (root string, live bool) {
	if len(loaded) != 1 || loaded[0].NginxRoot != "" || loaded[0].FPMRoot != "" {
		return "", false
	}
	switch o := loaded[0]; {
	case o.Root != "":
		return o.Root, filepath.Clean(o.Root) == "/"
	case len(o.Paths) == 0:
		return "/", true
	case len(o.Paths) == 1 && stack.RootLike(o.Paths[0]):
		return o.Paths[0], filepath.Clean(o.Paths[0]) == "/"
	}
	return "", false
}

// userStateDir is a directory in the user's own state (XDG base directory specification), one for
// each set of paths: that of a repository, say.
func userStateDir(loaded []stack.Options) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%w: give --state-dir DIR, where backups are kept", err)
		}
		base = filepath.Join(home, ".local/state")
	}
	sum := sha256.New()
	for _, o := range loaded {
		for _, p := range append([]string{o.Root, o.NginxRoot, o.FPMRoot}, o.Paths...) {
			abs, err := filepath.Abs(p)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(sum, "%s\x00", abs) //nolint:errcheck // a hash takes all
		}
	}
	return filepath.Join(base, "fpmlint", hex.EncodeToString(sum.Sum(nil)[:8])), nil
}

// failureCode is the exit code of a transaction's error; 0 for wrong usage.
func failureCode(err error) int {
	var rolledBack *fix.RolledBackError
	var stuck *fix.StuckError
	switch {
	case errors.As(err, &stuck):
		return exitStuck
	case errors.As(err, &rolledBack):
		return exitRolledBack
	}
	return 0
}
