//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"fpmlint/fix"
	"fpmlint/lint/report"
	"fpmlint/lint/stack"
)

func rollbackCommand() *cli.Command {
	return &cli.Command{
		Name:      "rollback",
		Usage:     "take a fix run back, finished or cut short",
		ArgsUsage: "[ID]",
		Description: "Without an ID the latest run is taken back: the files' bytes, owners, modes and times, and the\n" +
			"owners and modes of live sockets. Files that changed since stop it, unless --force is given.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "show the runs"},
			&cli.BoolFlag{Name: "force", Usage: "restore files that changed since too, and keep copies of them"},
			&cli.BoolFlag{Name: "reload", Usage: "reload nginx and PHP-FPM afterwards"},
			&cli.StringFlag{Name: "root", Usage: "the `DIR` that was given to fix"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text or json, for --list"},
			stateFlag(),
		},
		Action: runRollback,
	}
}

func runRollback(c *cli.Context) error {
	if c.NArg() > 1 {
		return errors.New("rollback takes one ID; fpmlint rollback --list shows the runs")
	}
	dir, _, err := stateDir(c.String("state-dir"), []stack.Options{{Root: c.String("root")}})
	if err != nil {
		return err
	}
	outliveReader()
	journal, err := fix.OpenJournal(dir)
	if err != nil {
		return err
	}
	defer journal.Close() //nolint:errcheck // the lock ends with the process
	if c.Bool("list") {
		return listRuns(c, journal)
	}
	run, daemons, err := journal.Rollback(c.Args().First(), c.Bool("force"))
	if err != nil {
		return err
	}
	say := func(format string, args ...any) {
		fmt.Fprintln(c.App.Writer, report.Escape(fmt.Sprintf(format, args...))) //nolint:errcheck // nowhere to report it
	}
	say("run %s was rolled back: %s", run.ID, strings.Join(run.Files, ", "))
	if len(daemons) == 0 {
		return nil
	}
	if !c.Bool("reload") {
		for _, d := range fix.Homeward(daemons) {
			say("%s", d.AfterRollback())
		}
		return nil
	}
	tell := func(s fix.Step) {
		if s.Note != "" {
			say("note    %s %s: %s", s.Action, s.Object, s.Note)
			return
		}
		say("ok      %s %s", s.Action, s.Object)
	}
	if err := fix.ReloadAll(c.Context, daemons, tell); err != nil {
		say("fpmlint: the files are rolled back, and not all daemons run with them: %v", err)
		return exitError(exitStuck)
	}
	return nil
}

func listRuns(c *cli.Context, journal *fix.Journal) error {
	runs, err := journal.Runs()
	if err != nil {
		return err
	}
	if c.String("format") == "json" {
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return e.Encode(append([]fix.Summary{}, runs...))
	}
	for _, r := range runs {
		state := r.State
		if r.Unfinished() {
			state = "cut short"
		}
		fmt.Fprintf(c.App.Writer, "%s  %s  %s\n", r.ID, r.Time.Local().Format("2006-01-02 15:04:05"), state) //nolint:errcheck // nowhere to report it
		for _, f := range r.Files {
			fmt.Fprintf(c.App.Writer, "  %s\n", report.Escape(f)) //nolint:errcheck // nowhere to report it
		}
		for _, f := range r.Fixes {
			fmt.Fprintf(c.App.Writer, "    %s\n", report.Escape(f)) //nolint:errcheck // nowhere to report it
		}
	}
	return nil
}
