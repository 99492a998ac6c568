//go:build unix

package fix

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fpmlint/lint/lazy"
)

// takeBack restores files and sockets, and reloads what was reloaded.
func (t *Transaction) takeBack(ctx context.Context, cause error) error {
	t.Say(Step{Action: "fail", Object: "the run", Error: cause.Error()})
	t.run.State, t.run.Outcome = statePrepared, "failed: "+cause.Error()
	err := t.Journal.takeBack(t.run, false)
	if err == nil {
		for i := range t.run.Files {
			t.Say(Step{Action: "restore", Object: t.Plan.Changes[i].Name})
		}
	}
	if err == nil {
		err = t.reloadBack(ctx)
	}
	if err == nil {
		return &RolledBackError{Cause: cause}
	}
	return &StuckError{Cause: cause, Rollback: err, Commands: t.byHand(err)}
}

// reloadBack makes the daemons run with the old files again, and asks the hand-offs that worked
// before.
func (t *Transaction) reloadBack(ctx context.Context) error {
	for _, r := range t.homeward() {
		now, err := r.daemon.running()
		switch {
		case err == nil && now == nil && r.before != nil:
			limited, cancel := context.WithTimeout(ctx, reloadTimeout+r.daemon.Grace)
			err = r.daemon.revive(limited, r.before)
			cancel()
			t.Say(Step{Action: "start", Object: r.daemon.Name(), Note: "it had ended at its reload"})
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
		if err != nil && !errors.Is(err, errBusy) {
			return fmt.Errorf("a hand-off that answered before does not now: %w", err)
		}
	}
	return nil
}

// homeward is the order in which the daemons are taken back: what ended comes first, as all its pools are
// down; then nginx leaves the pools that the run brought, before they go.
func (t *Transaction) homeward() []reloaded {
	turn := func(r reloaded) int {
		now, err := r.daemon.running()
		switch {
		case err == nil && now == nil && r.before != nil:
			return 0
		case r.daemon.Kind == kindNginx:
			return 1
		}
		return 2
	}
	turns := map[*Daemon]int{}
	for _, r := range t.reloaded {
		turns[r.daemon] = turn(r)
	}
	return slices.SortedStableFunc(slices.Values(t.reloaded), func(a, b reloaded) int { return turns[a.daemon] - turns[b.daemon] })
}

// byHand are the commands that finish a rollback. Where it failed because somebody changed what the run
// had written, that is what keeps a copy of it.
func (t *Transaction) byHand(failed error) []string {
	if errors.Is(failed, ErrChanged) {
		command := fmt.Sprintf("fpmlint rollback %s --force --state-dir %s", t.run.ID, quote(t.Journal.dir))
		if len(t.reloaded) > 0 {
			command += " --reload"
		}
		return []string{command}
	}
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
	for _, r := range t.homeward() {
		out = append(out, r.daemon.ReloadByHand())
	}
	return out
}

// plainWord is what a shell takes as it stands.
var plainWord = lazy.Regexp(`^[\w./:@%+=-]+$`)

// quote makes one word of a text for a shell.
func quote(s string) string {
	if plainWord().MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
