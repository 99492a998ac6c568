//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
func (f *fixRun) open(o fix.Options, programs fix.Programs, write bool) (*applier, error) {
	dir, live, err := stateDir(f.c.String("state-dir"), o.Load)
	if err != nil {
		return nil, err
	}
	programs.Live = live
	a := &applier{run: f, programs: programs}
	if !write {
		return a, nil
	}
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
	a.run.run = t.ID()
	return err
}

// stateDir is where journals and backups are kept, and whether the root is this machine.
func stateDir(given string, o stack.Options) (dir string, live bool, err error) {
	root := o.Root
	live = o.NginxRoot == "" && o.FPMRoot == "" && (root == "" && len(o.Paths) == 0 || root != "" && filepath.Clean(root) == "/")
	switch {
	case given != "":
		dir, err = filepath.Abs(given)
		return dir, live, err
	case live:
		return "/var/lib/fpmlint", live, nil
	case root == "" && len(o.Paths) == 1 && stack.RootLike(o.Paths[0]):
		root = o.Paths[0]
	}
	if root != "" {
		dir, err = filepath.Abs(filepath.Join(root, "var/lib/fpmlint"))
		return dir, live, err
	}
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) { // as the XDG base directory specification has it
		home, err := os.UserHomeDir()
		if err != nil {
			return "", live, fmt.Errorf("%w: give --state-dir DIR, where backups are kept", err)
		}
		base = filepath.Join(home, ".local/state")
	}
	var names []string
	for _, p := range append([]string{o.NginxRoot, o.FPMRoot}, o.Paths...) {
		abs, err := filepath.Abs(p)
		if err != nil {
			return "", live, err
		}
		names = append(names, abs)
	}
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return filepath.Join(base, "fpmlint", hex.EncodeToString(sum[:8])), live, nil
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
