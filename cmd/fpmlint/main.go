// Command fpmlint lints and mends the hand-off between nginx and PHP-FPM. Each command has a file, which
// turns flags into calls and results into an exit code; it decides nothing about a configuration.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	_ "fpmlint/cmd/fpmlint/early" // before all others
	"fpmlint/lint/lazy"
	"fpmlint/lint/report"
	"fpmlint/lint/spell"
)

// Exit codes; fpmlint --help lists them.
const (
	exitClean    = 0
	exitFindings = 1
	exitUsage    = 2
	// exitRolledBack: a check or the reload failed, and everything is as before.
	exitRolledBack = 3
	// exitStuck: the rollback failed too.
	exitStuck = 4
)

func main() {
	// Trees are built once and dropped at the end: a larger heap is cheaper than collecting it, up to
	// what any machine has.
	debug.SetGCPercent(800)
	debug.SetMemoryLimit(1 << 30)
	os.Exit(runProcess())
}

// runProcess is run with what the process was given.
func runProcess() int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	return run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
}

// endings are the signals on which a run takes back what it began: Ctrl-C, a kill, and a terminal that
// goes away, unless nohup keeps that off.
func endings() []os.Signal {
	out := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		out = append(out, syscall.SIGHUP)
	}
	return out
}

// exitError carries an exit code that is no failure of the run.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := newApp(stdin, stdout, stderr)
	err := app.RunContext(ctx, reorder(app, args))
	var exit exitError
	switch {
	case err == nil:
		return exitClean
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintf(stderr, "fpmlint: %s\n", printable(err.Error())) //nolint:errcheck // nowhere to report it
	return exitUsage
}

// printable keeps an error, which may quote a file's name, from driving the terminal.
func printable(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Escape(lines[i])
	}
	return strings.Join(lines, "\n")
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	usage := func(_ *cli.Context, err error, _ bool) error { return err }
	app := &cli.App{
		Name:      "fpmlint",
		Usage:     "find and mend broken hand-offs between nginx and PHP-FPM",
		UsageText: "fpmlint COMMAND [flags] [PATH...]",
		Description: "Exit codes: 0 nothing found at or above --fail-on, 1 findings, 2 wrong usage or input that cannot be read.\n" +
			"Without a PATH the commands look at this machine.",
		HideVersion:               true,
		Suggest:                   true,
		DisableSliceFlagSeparator: true,
		Reader:                    stdin,
		Writer:                    stdout,
		ErrWriter:                 stderr,
		OnUsageError:              usage,
		ExitErrHandler:            func(*cli.Context, error) {},
		Commands: []*cli.Command{
			lintCommand(), fixCommand(), rollbackCommand(), auditCommand(), snapshotCommand(), diagnoseCommand(), probeCommand(),
			rulesCommand(), explainCommand(), initCommand(), completionCommand(), manCommand(), versionCommand(),
		},
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return fmt.Errorf("unknown command %q%s", name, didYouMean(name, commandNames(c.App)))
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = func(cc *cli.Context, err error, _ bool) error { return suggestFlag(cc, err) }
	}
	return app
}

// noArgument is for commands that take none and have no advice on what was meant.
func noArgument(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("%s takes no argument", c.Command.Name)
	}
	return nil
}

func commandNames(app *cli.App) []string {
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return names
}

var oneDash = lazy.Regexp(`^(flag needs an argument: |invalid .* for (?:flag )?)-([a-z])`)

// suggestFlag adds the nearest flag to the flag package's error.
func suggestFlag(c *cli.Context, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		// The flag package names all flags with one dash.
		return errors.New(oneDash().ReplaceAllString(err.Error(), "$1--$2"))
	}
	name = strings.TrimLeft(name, "-")
	if len(name) == 1 {
		return fmt.Errorf("unknown flag -%s; fpmlint %s --help lists the flags", name, c.Command.Name)
	}
	var names []string
	for _, f := range c.Command.Flags {
		names = append(names, f.Names()...)
	}
	return fmt.Errorf("unknown flag --%s%s", name, didYouMean(name, names))
}

// didYouMean names the word that one was likely meant to be.
func didYouMean(word string, known []string) string { return spell.Hint(word, known) }

// reorder puts a command's flags before its arguments, as cli stops reading flags at the first
// argument. After "--" all is arguments.
func reorder(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	var command *cli.Command
	for _, c := range app.Commands {
		if c.HasName(args[1]) {
			command = c
		}
	}
	if command == nil {
		return args
	}
	takesValue := map[string]bool{}
	for _, f := range command.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			takesValue[n] = !isBool
		}
	}
	flags, rest := []string{args[0], args[1]}, []string{}
	for i := 2; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(a) < 2 || a[0] != '-' {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if takesValue[name] && !hasValue {
			if i++; i == len(args) {
				return flags // cli says that the value is missing
			}
			flags = append(flags, args[i])
		}
	}
	return append(append(flags, "--"), rest...)
}
