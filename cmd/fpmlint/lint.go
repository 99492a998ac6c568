package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fpmlint/lint"
	"fpmlint/lint/report"
)

func lintCommand() *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "find problems",
		ArgsUsage: "[PATH...]",
		Description: "PATH is a directory, a file, a snapshot (.tar, .tar.gz, .tar.zst) or - for standard input,\n" +
			"where nginx -T may be piped in. Without a PATH this machine is linted. Nothing is written or run.",
		Flags:  slices.Concat(loadFlags(), selectFlags(), lintFlags()),
		Action: runLint,
	}
}

func lintFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "format", Usage: "`FORMAT`[=FILE]: " + strings.Join(formatNames(), ", ") + " (repeatable)"},
		&cli.StringFlag{Name: "output", Usage: "write the report to `FILE`"},
		&cli.StringFlag{Name: "fail-on", Value: "error", Usage: "exit with 1 from this severity on: error, warning, info or never"},
		&cli.BoolFlag{Name: "strict", Usage: "a skip counts as an error"},
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "auto, always or never (NO_COLOR is honoured)"},
		&cli.BoolFlag{Name: "quiet", Usage: "no summary"},
	}
}

func runLint(c *cli.Context) error {
	outputs, err := parseOutputs(c)
	if err != nil {
		return err
	}
	j, err := newJob(c)
	if err != nil {
		return err
	}
	threshold := c.String("fail-on")
	if !c.IsSet("fail-on") && j.policy.FailOn != "" {
		threshold = j.policy.FailOn
	}
	failOn, err := parseFailOn(threshold)
	if err != nil {
		return err
	}
	result, err := j.run(c.Context, nil)
	if err != nil {
		return err
	}
	for _, o := range outputs {
		if err := o.print(c, result, j.rules); err != nil {
			return err
		}
	}
	if c.Bool("strict") && len(result.Skipped) > 0 {
		return exitError(exitFindings)
	}
	for i := range result.Findings {
		if failOn != 0 && result.Findings[i].Severity >= failOn {
			return exitError(exitFindings)
		}
	}
	return nil
}

func parseFailOn(text string) (lint.Severity, error) {
	if text == "never" {
		return 0, nil
	}
	s, err := lint.ParseSeverity(text)
	if err != nil {
		return 0, fmt.Errorf("--fail-on: unknown severity %q: want error, warning, info or never", text)
	}
	return s, nil
}

// output is one report: a format and the file it goes to, "" for standard output.
type output struct{ format, file string }

func formatNames() []string {
	var names []string
	for _, f := range report.Formats {
		names = append(names, f.Name)
	}
	return names
}

func parseOutputs(c *cli.Context) ([]output, error) {
	formats := c.StringSlice("format")
	if len(formats) == 0 {
		formats = []string{"text"}
	}
	var out []output
	for _, f := range formats {
		format, file, _ := strings.Cut(f, "=")
		if !slices.Contains(formatNames(), format) {
			return nil, fmt.Errorf("--format: unknown format %q%s", format, didYouMean(format, formatNames()))
		}
		if file == "" {
			file = c.String("output")
		}
		for _, have := range out {
			if have.file == file {
				return nil, fmt.Errorf("--format: two reports go to the same place: give one of them a file, %s=FILE", format)
			}
		}
		out = append(out, output{format, file})
	}
	return out, checkColor(c)
}

func checkColor(c *cli.Context) error {
	if color := c.String("color"); color != "auto" && color != "always" && color != "never" {
		return fmt.Errorf("--color: %q is not auto, always or never", color)
	}
	return nil
}

func (o output) print(c *cli.Context, r *lint.Result, chosen []lint.Rule) error {
	if o.file == "" {
		return o.write(c, c.App.Writer, r, chosen)
	}
	f, err := os.Create(o.file)
	if err != nil {
		return err
	}
	return errors.Join(o.write(c, f, r, chosen), f.Close())
}

func (o output) write(c *cli.Context, w io.Writer, r *lint.Result, chosen []lint.Rule) error {
	i := slices.IndexFunc(report.Formats, func(f report.Format) bool { return f.Name == o.format })
	return report.Formats[i].Write(w, r, report.Options{
		Color: colored(c, w), Quiet: c.Bool("quiet"),
		Tool: report.Tool{Name: "fpmlint", Version: version()}, Rules: chosen,
	})
}

// colored says whether to colour: on a terminal, unless NO_COLOR is set (no-color.org).
func colored(c *cli.Context, w io.Writer) bool {
	switch c.String("color") {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
