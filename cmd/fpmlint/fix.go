package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/fatih/color"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fpmlint/fix"
	"fpmlint/lint"
	"fpmlint/lint/report"
	"fpmlint/lint/stack"
)

func fixCommand() *cli.Command {
	const commands = "programs and commands"
	return &cli.Command{
		Name:      "fix",
		Usage:     "mend problems: print a diff, or make the change, reload and verify",
		ArgsUsage: "[PATH...]",
		Description: "Without --write the unified diff of the safe fixes is printed and nothing is changed.\n" +
			"With it the change is proven with nginx -t and php-fpm -t, made in one transaction, and taken\n" +
			"back when anything fails. Exit codes: 0 nothing to fix, or all applied; 1 a diff was printed, or\n" +
			"with --write findings remain; 2 wrong usage or input; 3 a check failed and all is as before; 4 the\n" +
			"rollback failed, and what to do is printed.",
		Flags: append(append(loadFlags(), selectFlags()...),
			&cli.BoolFlag{Name: "write", Usage: "make the change"},
			&cli.BoolFlag{Name: "reload", Usage: "make the change, reload PHP-FPM and nginx, and verify the hand-offs"},
			&cli.BoolFlag{Name: "unsafe", Usage: "also the fixes that change behaviour beyond mending the fault"},
			&cli.BoolFlag{Name: "upgrade", Usage: "move sites, pools and tuned values from one PHP version to another"},
			&cli.StringFlag{Name: "from", Usage: "with --upgrade: move all that uses this `VERSION`, what works too"},
			&cli.StringFlag{Name: "to", Usage: "with --upgrade: move to this `VERSION` (default: the newest that is installed)"},
			&cli.StringFlag{Name: "level", Value: "warning", Usage: "mend findings from this severity on: error, warning or info"},
			&cli.StringFlag{Name: "diff-file", Usage: "write the diff to `FILE` too, without colours"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask on a terminal"},
			&cli.BoolFlag{Name: "probe", Value: true, Usage: "ask the hand-offs over FastCGI after a reload"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text or json"},
			&cli.StringFlag{Name: "color", Value: "auto", Usage: "auto, always or never (NO_COLOR is honoured)"},
			stateFlag(),
			&cli.StringFlag{Name: "nginx-bin", Category: commands, Usage: "nginx's `FILE`"},
			&cli.StringSliceFlag{Name: "php-fpm-bin", Category: commands, Usage: "php-fpm's `FILE`, or VERSION=FILE for one of several versions (repeatable)"},
			&cli.StringFlag{Name: "nginx-test", Category: commands, Usage: "`CMD` in place of nginx -t"},
			&cli.StringFlag{Name: "fpm-test", Category: commands, Usage: "`CMD` in place of php-fpm -t"},
			&cli.StringFlag{Name: "reload-nginx", Category: commands, Usage: "`CMD` that reloads nginx"},
			&cli.StringFlag{Name: "reload-fpm", Category: commands, Usage: "`CMD` that reloads PHP-FPM"},
		),
		Action: runFix,
	}
}

func stateFlag() cli.Flag {
	return &cli.StringFlag{Name: "state-dir", Usage: "`DIR` keeps journals and backups (default /var/lib/fpmlint, below --root where that is given)"}
}

// fixRun is one call of fix: what it prints and where.
type fixRun struct {
	c     *cli.Context
	job   *job
	plan  *fix.Plan
	level lint.Severity
	json  bool
	steps []fix.Step
	// run is the run's name and stateDir where it is kept, for rollback.
	run, stateDir string
	// todo is what the run leaves to be done by hand.
	todo []string
}

func runFix(c *cli.Context) error {
	f := &fixRun{c: c, json: c.String("format") == "json"}
	if format := c.String("format"); format != "text" && format != "json" {
		return fmt.Errorf("--format: unknown format %q%s", format, didYouMean(format, []string{"text", "json"}))
	}
	if err := checkColor(c); err != nil {
		return err
	}
	programs, err := parsePrograms(c)
	if err != nil {
		return err
	}
	o, err := f.options(slices.Sorted(maps.Keys(programs.FPM)))
	if err != nil {
		return err
	}
	f.level = o.Level
	write := c.Bool("write") || c.Bool("reload")
	a, err := f.open(programs, write)
	if err != nil {
		return err
	}
	defer a.close()
	if f.plan, err = fix.Make(c.Context, o); err != nil {
		return err
	}
	diff, err := f.diff()
	if err != nil {
		return err
	}
	f.tellPlan()
	if err := f.printDiff(diff); err != nil {
		return err
	}
	switch {
	case len(f.plan.Changes) == 0 && write:
		f.todo = a.outdated()
		return f.end("nothing to fix", nil)
	case len(f.plan.Changes) == 0:
		f.end("nothing to fix", nil) //nolint:errcheck // what remains does not count without --write
		return nil
	case !write:
		f.end("planned", nil) //nolint:errcheck // the diff decides
		return exitError(exitFindings)
	}
	if ok, err := f.confirm(); !ok || err != nil {
		return errors.Join(err, f.end("not confirmed", nil), exitError(exitFindings))
	}
	if err := a.apply(); err != nil {
		return f.fail(err)
	}
	return f.end("applied", nil)
}

func (f *fixRun) options(installed []string) (o fix.Options, err error) {
	c := f.c
	if f.job, err = newJob(c); err != nil {
		return o, err
	}
	if o.Level, err = lint.ParseSeverity(c.String("level")); err != nil {
		return o, fmt.Errorf("--level: unknown severity %q: want error, warning or info", c.String("level"))
	}
	o.Unsafe = c.Bool("unsafe")
	if err := f.upgrade(&o); err != nil {
		return o, err
	}
	for i := range f.job.stacks {
		f.job.stacks[i].Installed = installed
	}
	o.Rules, o.Lint = f.job.rules, f.job.run
	return o, nil
}

// upgradeRules are those whose fixes make an upgrade.
var upgradeRules = []string{
	"socket-mismatch", "listen-permissions", "stale-php-version", "pool-left-behind", "pool-settings-lost",
	"ini-settings-lost", "extension-lost", "versioned-path", "listen-conflict", "old-service-enabled",
}

// upgrade makes an upgrade of a fix: the rules about it, unsafe fixes included.
func (f *fixRun) upgrade(o *fix.Options) error {
	from, to := f.c.String("from"), f.c.String("to")
	switch {
	case !f.c.Bool("upgrade") && (from != "" || to != ""):
		return errors.New("--from and --to belong to --upgrade")
	case !f.c.Bool("upgrade"):
		return nil
	case from != "" && from == to:
		return fmt.Errorf("--from and --to are both %s", from)
	}
	for i := range f.job.stacks {
		f.job.stacks[i].Upgrade = &stack.UpgradeOptions{From: from, To: to}
	}
	o.Unsafe = true
	f.job.rules = slices.DeleteFunc(f.job.rules, func(r lint.Rule) bool { return !slices.Contains(upgradeRules, r.ID) })
	return nil
}

func parsePrograms(c *cli.Context) (p fix.Programs, err error) {
	p = fix.Programs{
		Nginx: c.String("nginx-bin"), FPM: map[string]string{},
		NginxTest: c.String("nginx-test"), FPMTest: c.String("fpm-test"),
		NginxReload: c.String("reload-nginx"), FPMReload: c.String("reload-fpm"),
	}
	for _, text := range c.StringSlice("php-fpm-bin") {
		version, file, ok := strings.Cut(text, "=")
		if !ok {
			version, file = "", text
		}
		if p.FPM[version] != "" {
			return p, fmt.Errorf("--php-fpm-bin: two files for one version: %s and %s", p.FPM[version], file)
		}
		p.FPM[version] = file
	}
	if p.Nginx != "" {
		if err := checkProgram("nginx-bin", p.Nginx); err != nil {
			return p, err
		}
	}
	for _, version := range slices.Sorted(maps.Keys(p.FPM)) {
		if err := checkProgram("php-fpm-bin", p.FPM[version]); err != nil {
			return p, err
		}
	}
	return p, nil
}

func checkProgram(flag, name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return fmt.Errorf("--%s: %w", flag, err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("--%s: %s is not a program", flag, name)
	}
	return nil
}

func (f *fixRun) diff() (string, error) {
	var b bytes.Buffer
	for _, change := range f.plan.Changes {
		if err := fix.WriteDiff(&b, change); err != nil {
			return "", err
		}
	}
	if name := f.c.String("diff-file"); name != "" {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			return "", fmt.Errorf("--diff-file: %w", err)
		}
	}
	return b.String(), nil
}

// printDiff prints the diff as it is, so that it can be applied; on a terminal what would drive
// that is escaped.
func (f *fixRun) printDiff(diff string) error {
	if f.json {
		return nil
	}
	w := f.c.App.Writer
	if !isTerminal(w) && f.c.String("color") != "always" {
		_, err := io.WriteString(w, diff)
		return err
	}
	paint := func(attributes ...color.Attribute) func(string) string {
		p := color.New(attributes...)
		p.EnableColor()
		if !colored(f.c, w) {
			p.DisableColor()
		}
		return func(s string) string { return p.Sprint(s) }
	}
	red, green, cyan, bold := paint(color.FgRed), paint(color.FgGreen), paint(color.FgCyan), paint(color.Bold)
	for line := range strings.Lines(diff) {
		line = report.Escape(strings.TrimRight(line, "\r\n"))
		switch {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			line = bold(line)
		case strings.HasPrefix(line, "@@"):
			line = cyan(line)
		case strings.HasPrefix(line, "-"):
			line = red(line)
		case strings.HasPrefix(line, "+"):
			line = green(line)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// say prints a line about the run itself: to standard error, as standard output is the diff's.
func (f *fixRun) say(format string, args ...any) {
	if f.json {
		return
	}
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		fmt.Fprintln(f.c.App.ErrWriter, report.Escape(line)) //nolint:errcheck // nowhere to report it
	}
}

// tellPlan says what would be mended, and for whom.
func (f *fixRun) tellPlan() {
	for _, a := range f.plan.Applied {
		pos := a.Finding.Span.Position()
		kind := ""
		if !a.Finding.Fix.Safe {
			kind = " (unsafe)"
		}
		f.say("%s[%s] %s:%d: %s", a.Finding.Severity, a.Finding.Rule, a.Finding.Span.File.Display, pos.Line, a.Finding.Message)
		f.say("  fix%s: %s%s", kind, a.Finding.Fix.Description, sites(a.Sites))
	}
}

func sites(names []string) string {
	const most = 5
	switch n := len(names); {
	case n == 0:
		return ""
	case n > most:
		return fmt.Sprintf(" (for %s and %d more)", strings.Join(names[:most], ", "), n-most)
	}
	return " (for " + strings.Join(names, ", ") + ")"
}

func (f *fixRun) tellStep(s fix.Step) {
	f.steps = append(f.steps, s)
	switch {
	case s.Error != "":
		f.say("FAILED  %s: %s", s.Object, s.Error)
	case s.Note != "":
		f.say("note    %s %s: %s", s.Action, s.Object, s.Note)
	default:
		f.say("ok      %s %s", s.Action, s.Object)
	}
}

// confirm asks on a terminal.
func (f *fixRun) confirm() (bool, error) {
	in, ok := f.c.App.Reader.(*os.File)
	if f.c.Bool("yes") || f.json || !ok || !term.IsTerminal(int(in.Fd())) {
		return true, nil
	}
	fmt.Fprintf(f.c.App.ErrWriter, "Make this change to %s? [y/N] ", count(len(f.plan.Changes), "file", "files")) //nolint:errcheck // the answer shows
	answered := make(chan string, 1)
	go func() {
		var answer string
		fmt.Fscanln(in, &answer) //nolint:errcheck // no answer is no
		answered <- answer
	}()
	var answer string
	select {
	case answer = <-answered:
	case <-f.c.Done(): // Ctrl-C
		fmt.Fprintln(f.c.App.ErrWriter) //nolint:errcheck // it only ends the question's line
	}
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), nil
}

// fail ends a run that changed nothing, or took everything back, or could not.
func (f *fixRun) fail(err error) error {
	code := failureCode(err)
	if code == 0 {
		return err
	}
	outcome := "rolled back"
	if code == exitStuck {
		outcome = "stuck"
	}
	f.say("fpmlint: %v", err)
	return errors.Join(f.print(outcome, err), exitError(code))
}

// end says how the run ended and what remains.
func (f *fixRun) end(outcome string, err error) error {
	remaining := f.plan.Remaining(f.level)
	switch outcome {
	case "applied":
		back := "fpmlint rollback"
		if f.c.Bool("reload") {
			back += " --reload"
		}
		f.say("%s applied to %s; %s --state-dir %s %s takes it back", count(len(f.plan.Applied), "fix", "fixes"), count(len(f.plan.Changes), "file", "files"), back, f.stateDir, f.run)
	case "nothing to fix":
		f.say("nothing to fix")
	case "planned":
		f.say("%s in %s; fpmlint fix --write makes the change, --reload also reloads and verifies", count(len(f.plan.Applied), "fix", "fixes"), count(len(f.plan.Changes), "file", "files"))
	}
	if len(remaining) > 0 {
		f.say("%s:", count(len(remaining), "finding remains", "findings remain"))
		for _, r := range remaining {
			at := ""
			if !r.Span.IsZero() {
				at = fmt.Sprintf(" %s:%d", r.Span.File.Display, r.Span.Position().Line)
			}
			f.say("  %s[%s]%s: %s", r.Severity, r.Rule, at, r.Message)
			switch {
			case r.Fix != nil && !r.Fix.Safe:
				f.say("    with --unsafe: %s", r.Fix.Description)
			case r.Help != "":
				f.say("    %s", r.Help)
			}
		}
	}
	f.tellUndecided()
	for _, what := range f.todo {
		f.say("to do: %s", what)
	}
	if err := f.print(outcome, err); err != nil {
		return err
	}
	if len(remaining)+len(f.todo) > 0 {
		return exitError(exitFindings)
	}
	return nil
}

// undecided is what an upgrade leaves to the owner besides what remains: pools that differ in both
// versions, sites that stay on the old one, its service. It does not count for the exit code.
func (f *fixRun) undecided() []lint.Finding {
	if !f.c.Bool("upgrade") {
		return nil
	}
	return slices.DeleteFunc(f.plan.Remaining(lint.Info), func(r lint.Finding) bool { return r.Severity >= f.level })
}

func (f *fixRun) tellUndecided() {
	if !f.c.Bool("upgrade") {
		return
	}
	for _, s := range f.plan.After.Stacks {
		for _, note := range s.Notes {
			f.say("note    %s", note)
		}
	}
	list := f.undecided()
	if len(list) > 0 {
		f.say("%s to you:", count(len(list), "thing is left", "things are left"))
	}
	for _, r := range list {
		f.say("  %s[%s] %s:%d: %s\n    %s", r.Severity, r.Rule, r.Span.File.Display, r.Span.Position().Line, r.Message, r.Help)
	}
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

type fixFinding struct {
	Rule        string   `json:"rule"`
	Severity    string   `json:"severity"`
	Message     string   `json:"message"`
	File        string   `json:"file,omitempty"`
	Line        int      `json:"line,omitempty"`
	Description string   `json:"description,omitempty"`
	Safe        *bool    `json:"safe,omitempty"`
	Sites       []string `json:"sites,omitempty"`
}

func describe(r lint.Finding) fixFinding {
	out := fixFinding{Rule: r.Rule, Severity: r.Severity.String(), Message: r.Message}
	if !r.Span.IsZero() {
		out.File, out.Line = r.Span.File.Display, r.Span.Position().Line
	}
	if r.Fix != nil {
		out.Description, out.Safe = r.Fix.Description, &r.Fix.Safe
	}
	return out
}

// print writes the JSON document.
func (f *fixRun) print(outcome string, failure error) error {
	if !f.json {
		return nil
	}
	type file struct {
		Path string `json:"path"`
		Diff string `json:"diff"`
	}
	doc := struct {
		Version   int          `json:"version"`
		Outcome   string       `json:"outcome"`
		Error     string       `json:"error,omitempty"`
		Run       string       `json:"run,omitempty"`
		Applied   []fixFinding `json:"applied"`
		Files     []file       `json:"files"`
		Steps     []fix.Step   `json:"steps"`
		Remaining []fixFinding `json:"remaining"`
		Undecided []fixFinding `json:"undecided,omitempty"`
		Todo      []string     `json:"todo"`
	}{Version: 1, Outcome: outcome, Run: f.run, Applied: []fixFinding{}, Files: []file{}, Steps: append([]fix.Step{}, f.steps...), Remaining: []fixFinding{}, Todo: append([]string{}, f.todo...)}
	if failure != nil {
		doc.Error = failure.Error()
	}
	for _, a := range f.plan.Applied {
		d := describe(a.Finding)
		d.Sites = a.Sites
		doc.Applied = append(doc.Applied, d)
	}
	for _, change := range f.plan.Changes {
		var b bytes.Buffer
		if err := fix.WriteDiff(&b, change); err != nil {
			return err
		}
		doc.Files = append(doc.Files, file{change.Name, strings.ToValidUTF8(b.String(), "\ufffd")})
	}
	for _, r := range f.plan.Remaining(f.level) {
		doc.Remaining = append(doc.Remaining, describe(r))
	}
	for _, r := range f.undecided() {
		doc.Undecided = append(doc.Undecided, describe(r))
	}
	e := json.NewEncoder(f.c.App.Writer)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}
