package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"fpmlint/lint/probe"
	"fpmlint/lint/report"
	"fpmlint/lint/stack"
)

func probeCommand() *cli.Command {
	return &cli.Command{
		Name:      "probe",
		Usage:     "ask a site as a visitor does, past the edge and at PHP-FPM, and say which leg is broken",
		ArgsUsage: "URL",
		Description: "With --origin the same page is asked for at the server behind the edge, under the same name, in TLS too.\n" +
			"On a machine with nginx each hand-off to PHP-FPM on it is asked over FastCGI: its ping.path, where it has one.\n" +
			"Exit codes: 0 no leg is broken, 1 one is, 2 wrong usage.",
		Flags: slices.Concat(loadFlags(), []cli.Flag{
			&cli.StringFlag{Name: "origin", Usage: "`ADDRESS` of the server behind the edge, with or without a port"},
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "longest wait for each answer"},
			&cli.BoolFlag{Name: "handoffs", Value: true, Usage: "ask the hand-offs on this machine"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text or json"},
			&cli.StringFlag{Name: "color", Value: "auto", Usage: "auto, always or never (NO_COLOR is honoured)"},
		}),
		Action: runProbe,
	}
}

func runProbe(c *cli.Context) error {
	format := c.String("format")
	if format != "text" && format != "json" {
		return fmt.Errorf("--format: unknown format %q%s", format, didYouMean(format, []string{"text", "json"}))
	}
	if err := checkColor(c); err != nil {
		return err
	}
	if c.NArg() != 1 {
		return errors.New("probe takes one URL")
	}
	if c.Duration("timeout") <= 0 {
		return errors.New("--timeout: it must be above zero")
	}
	o := probe.Options{URL: c.Args().First(), Origin: c.String("origin"), Timeout: c.Duration("timeout")}
	if c.Bool("handoffs") {
		load, err := loadOptions(c)
		if err != nil {
			return err
		}
		load.Paths = nil
		stacks, err := stack.Load(c.Context, load)
		switch {
		case err == nil:
			o.Handoffs = probe.Handoffs(stacks)
		case !errors.Is(err, stack.ErrNothing):
			return err
		}
	}
	r, err := probe.Run(c.Context, o)
	if err != nil {
		return err
	}
	if format == "json" {
		err = report.ProbeJSON(c.App.Writer, r)
	} else {
		err = report.ProbeText(c.App.Writer, r, report.Options{Color: colored(c, c.App.Writer)})
	}
	if err == nil && r.Leg != probe.None {
		return exitError(exitFindings)
	}
	return err
}
