package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fpmlint/lint"
	"fpmlint/lint/audit"
	"fpmlint/lint/report"
)

func auditFormats() []string {
	var names []string
	for _, f := range report.AuditFormats {
		names = append(names, f.Name)
	}
	return names
}

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Usage:     "lint many hosts and merge what is found",
		ArgsUsage: "PATH...",
		Description: "PATH is a snapshot (fpmlint snapshot writes them), a root, a JSON report of fpmlint lint, or a directory of\n" +
			"these. The report has the hosts by severity, the findings with the hosts that have them, settings in which\n" +
			"a host differs from its group, and with --since what changed.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "format", Usage: "`FORMAT`[=FILE]: " + strings.Join(auditFormats(), ", ") + " (repeatable)"},
			&cli.StringFlag{Name: "output", Usage: "write the report to `FILE`"},
			&cli.StringFlag{Name: "fail-on", Value: "error", Usage: "exit with 1 from this severity on: error, warning, info or never"},
			&cli.StringFlag{Name: "group-by", Usage: "a host's group is what `REGEXP` finds in its name, or its first parentheses (default: the name without its number and domain)"},
			&cli.StringFlag{Name: "since", Usage: "compare with the earlier `REPORT.json`"},
			&cli.StringFlag{Name: "select", Usage: "only these `RULE,...`"},
			&cli.StringFlag{Name: "ignore", Usage: "not these `RULE,...`"},
			&cli.BoolFlag{Name: "strict", Usage: "a host that was not audited, or not read completely, counts as an error"},
			&cli.BoolFlag{Name: "quiet", Usage: "no summary"},
		},
		Action: runAudit,
	}
}

func runAudit(c *cli.Context) error {
	debug.SetGCPercent(100) // hosts come and go: what they leave is collected, so that many take no more than few
	outputs, err := parseOutputs(c, auditFormats())
	if err != nil {
		return err
	}
	failOn, err := parseFailOn(c.String("fail-on"))
	if err != nil {
		return err
	}
	chosen, err := chooseRules(c.String("select"), c.String("ignore"))
	if err != nil {
		return err
	}
	if c.NArg() == 0 {
		return errors.New("audit needs a snapshot, a root, a report, or a directory of them")
	}
	inputs, err := audit.Find(c.Args().Slice())
	if err != nil {
		return err
	}
	o := audit.Options{Rules: chosen}
	if pattern := c.String("group-by"); pattern != "" {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return fmt.Errorf("--group-by: %w", err)
		}
		o.Group = func(host string) string { return groupBy(re, host) }
	}
	var finish func()
	o.Done, finish = progress(c, len(inputs))
	r := audit.Run(c.Context, inputs, o)
	finish()
	interrupted := 0
	for _, h := range r.Hosts {
		if h.Status == audit.Failed && h.Reason == audit.Interrupted {
			interrupted++
		} else if h.Status != audit.OK {
			fmt.Fprintf(c.App.ErrWriter, "fpmlint: %s: %s: %s\n", printable(h.Name), h.Status, printable(h.Reason)) //nolint:errcheck // nowhere to report it
		}
	}
	if since := c.String("since"); since != "" {
		if err := r.Compare(since); err != nil {
			return fmt.Errorf("--since: %w", err)
		}
	}
	for _, out := range outputs {
		if err := out.printAudit(c, r, chosen); err != nil {
			return err
		}
	}
	if interrupted > 0 {
		return fmt.Errorf("interrupted: %d of %d hosts were not audited", interrupted, len(r.Hosts))
	}
	return auditExit(r, failOn, c.Bool("strict"))
}

// auditExit is 1 from a severity on, and 2 where no host could be audited at all.
func auditExit(r *audit.Report, failOn lint.Severity, strict bool) error {
	if !slices.ContainsFunc(r.Hosts, func(h audit.Host) bool { return h.Status == audit.OK }) {
		return errors.New("no host could be audited")
	}
	if strict && slices.ContainsFunc(r.Hosts, func(h audit.Host) bool { return h.Status != audit.OK || h.Reason != "" }) {
		return exitError(exitFindings)
	}
	for _, f := range r.Findings {
		if s, err := lint.ParseSeverity(f.Severity); err == nil && failOn != 0 && s >= failOn {
			return exitError(exitFindings)
		}
	}
	return nil
}

func groupBy(re *regexp.Regexp, host string) string {
	m := re.FindStringSubmatch(host)
	switch {
	case m == nil:
		return host
	case len(m) > 1:
		return m[1]
	}
	return m[0]
}

// progress shows on a terminal how many hosts are done; elsewhere nothing.
func progress(c *cli.Context, n int) (done, finish func()) {
	f, ok := c.App.ErrWriter.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || c.Bool("quiet") {
		return nil, func() {}
	}
	bar := progressbar.NewOptions(n, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("hosts"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	return func() { _ = bar.Add(1) }, func() { _ = bar.Finish() } // a terminal that is gone ends no audit
}

func (o output) printAudit(c *cli.Context, r *audit.Report, chosen []lint.Rule) error {
	w := c.App.Writer
	var f *os.File
	if o.file != "" {
		var err error
		if f, err = os.Create(o.file); err != nil {
			return err
		}
		w = f
	}
	i := slices.IndexFunc(report.AuditFormats, func(f report.AuditFormat) bool { return f.Name == o.format })
	err := report.AuditFormats[i].Write(w, r, report.Options{
		Quiet: c.Bool("quiet"), Width: width(w), Tool: report.Tool{Name: "fpmlint", Version: version()}, Rules: chosen,
	})
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	return err
}
