package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fpmlint/lint"
	"fpmlint/lint/logs"
	"fpmlint/lint/report"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

func diagnoseCommand() *cli.Command {
	return &cli.Command{
		Name:      "diagnose",
		Usage:     "say from logs which hand-off broke, how, since when and for which requests",
		ArgsUsage: "[LOG...]",
		Description: "LOG is an error log of nginx, a log or slow log of PHP-FPM, the kernel's messages (dmesg -T) or a journal\n" +
			"(journalctl -o export, short or json), also .gz and .zst; - is standard input. Without a LOG the logs that the\n" +
			"configuration names are read, those of the last day unless --since says otherwise.\n" +
			"The configuration is that of --root and its likes or of --stack; this machine's where the logs are its own.\n" +
			"Exit codes: 0 no failed hand-off, 1 failed hand-offs, 2 wrong usage or logs that cannot be read.",
		Flags: slices.Concat(loadFlags(), []cli.Flag{
			&cli.StringSliceFlag{Name: "stack", Category: "what is loaded", Usage: "`PATH` of the configuration, as lint takes it (repeatable)"},
			&cli.StringFlag{Name: "since", Usage: "from this `TIME` on: 2026-11-21 08:00, RFC 3339, or 2h, 3d ago"},
			&cli.StringFlag{Name: "until", Usage: "up to this `TIME`"},
			&cli.StringFlag{Name: "host", Usage: "only requests for this `NAME`, or a pattern such as *.example.com"},
			&cli.BoolFlag{Name: "follow", Usage: "go on reading what is written, and print incidents as they begin"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text, json or html"},
			&cli.StringFlag{Name: "output", Usage: "write the report to `FILE`"},
			&cli.StringFlag{Name: "color", Value: "auto", Usage: "auto, always or never (NO_COLOR is honoured)"},
			&cli.BoolFlag{Name: "quiet", Usage: "no summary"},
		}),
		Action: runDiagnose,
	}
}

func runDiagnose(c *cli.Context) error {
	format := c.String("format")
	if formats := []string{"text", "json", "html"}; !slices.Contains(formats, format) {
		return fmt.Errorf("--format: unknown format %q%s", format, didYouMean(format, formats))
	}
	if err := checkColor(c); err != nil {
		return err
	}
	if c.Bool("follow") && format == "html" {
		return errors.New("--follow: an html report is of an end: give --format text or json")
	}
	o := logs.Options{Host: c.String("host"), Now: time.Now()}
	for flag, to := range map[string]*time.Time{"since": &o.Since, "until": &o.Until} {
		t, err := parseMoment(c.String(flag), o.Now)
		if err != nil {
			return fmt.Errorf("--%s: %w", flag, err)
		}
		*to = t
	}
	inputs, done, err := diagnoseInputs(c, &o)
	if err != nil {
		return err
	}
	out, finish, err := diagnoseOutput(c)
	if err != nil {
		return err
	}
	a := logs.New(o)
	style := report.Options{Color: colored(c, out), Quiet: c.Bool("quiet")}
	if c.Bool("follow") {
		err = followLogs(c, a, inputs, out, style)
	} else {
		err = a.Read(c.Context, inputs)
	}
	done()
	r := a.Report()
	if err != nil && r.Lines == 0 {
		return errors.Join(err, finish())
	}
	switch {
	case c.Bool("follow") && format == "json":
	case format == "json":
		err = errors.Join(err, report.DiagnoseJSON(out, r))
	case format == "html":
		err = errors.Join(err, report.DiagnoseHTML(out, r))
	default:
		err = errors.Join(err, report.DiagnoseText(out, r, style))
	}
	if err = errors.Join(err, finish()); err != nil {
		return err
	}
	if r.Failed() {
		return exitError(exitFindings)
	}
	return nil
}

func diagnoseOutput(c *cli.Context) (io.Writer, func() error, error) {
	name := c.String("output")
	if name == "" {
		return c.App.Writer, func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}

// diagnoseInputs finds the logs and the configuration to join them with.
func diagnoseInputs(c *cli.Context, o *logs.Options) (inputs []logs.Input, done func(), err error) {
	done = func() {}
	given := c.Args().Slice()
	load, err := loadOptions(c)
	if err != nil {
		return nil, nil, err
	}
	load.Paths = c.StringSlice("stack")
	named := len(load.Paths) > 0 || load.Root+load.NginxRoot+load.FPMRoot != "" || len(load.NginxConf)+len(load.FPMConf) > 0
	result, err := diagnoseStacks(c.Context, load)
	if err != nil && (named || len(given) == 0) {
		return nil, nil, err
	}
	since := o.Since
	if since.IsZero() && len(given) == 0 {
		since = o.Now.Add(-24 * time.Hour)
	}
	var all, current []string
	if result != nil {
		all, current = logs.Configured(result.Stacks, since)
	}
	for _, name := range given {
		in := logs.Input{Name: name}
		if name == "-" {
			in = logs.Input{Name: "standard input", Reader: c.App.Reader}
		}
		inputs = append(inputs, in)
	}
	if len(given) == 0 {
		o.Since = since
		if c.Bool("follow") {
			all = current
		}
		for _, name := range all {
			inputs = append(inputs, logs.Input{Name: name})
		}
		if load.Root == "" && len(load.Paths) == 0 && !c.Bool("follow") {
			if journal, wait, ok := logs.Journal(c.Context, since); ok {
				inputs, done = append(inputs, journal), wait
			}
		}
		if len(inputs) == 0 {
			return nil, nil, errors.New("the configuration names no log that is there: give LOG")
		}
	}
	// The configuration of this machine says nothing about another machine's logs.
	if result != nil && (named || len(given) == 0 || slices.ContainsFunc(given, func(name string) bool { return isOneOf(name, all) })) {
		o.Config = logs.NewConfig(result)
	}
	return inputs, done, nil
}

func diagnoseStacks(ctx context.Context, o stack.Options) (*lint.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stacks, err := stack.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	return lint.Run(ctx, stacks, rules.All())
}

// isOneOf says whether a file is one of those named.
func isOneOf(name string, list []string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(other string) bool {
		if filepath.Base(other) != filepath.Base(name) {
			return false
		}
		have, err := os.Stat(other)
		return err == nil && os.SameFile(info, have)
	})
}

// parseMoment reads a point in time, or how long ago it was.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: want 2026-11-21 08:00, RFC 3339, or how long ago, such as 2h or 3d", text)
}

// followLogs prints incidents as they begin, until the run is interrupted.
func followLogs(c *cli.Context, a *logs.Analysis, inputs []logs.Input, out io.Writer, style report.Options) error {
	return a.Follow(c.Context, inputs, func(i *logs.Incident) error {
		if c.String("format") == "json" {
			return report.IncidentJSON(out, i)
		}
		return report.IncidentText(out, i, style)
	})
}
