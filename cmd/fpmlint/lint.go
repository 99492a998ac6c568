package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

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
		&cli.StringFlag{Name: "write-baseline", Usage: "write all findings to `FILE`, with which --baseline leaves them out; they do not fail this run"},
		&cli.BoolFlag{Name: "strict", Usage: "a skip counts as an error"},
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "auto, always or never (NO_COLOR is honoured)"},
		&cli.BoolFlag{Name: "quiet", Usage: "no summary"},
	}
}

func runLint(c *cli.Context) error {
	outputs, err := parseOutputs(c, formatNames())
	if err != nil {
		return err
	}
	if err := checkColor(c); err != nil {
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
	if name := c.String("write-baseline"); name != "" {
		if err := writeBaseline(c, name, result, j.rules); err != nil {
			return err
		}
	}
	for _, o := range outputs {
		if err := o.print(c, result, j); err != nil {
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

// writeBaseline writes what was found, which from now on is known.
func writeBaseline(c *cli.Context, name string, r *lint.Result, ran []lint.Rule) error {
	b := r.Baseline()
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("--write-baseline: %w", err)
	}
	if err := errors.Join(report.Baseline(f, b), f.Close()); err != nil {
		return fmt.Errorf("--write-baseline: %w", err)
	}
	r.Know(b, ran)
	_, err = fmt.Fprintf(c.App.ErrWriter, "fpmlint: findings written to %s: %d\n", printable(name), len(b.Findings))
	return err
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
