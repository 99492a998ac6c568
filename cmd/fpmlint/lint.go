package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fpmlint/lint"
	"fpmlint/lint/host"
	"fpmlint/lint/report"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

func lintCommand() *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "find problems",
		ArgsUsage: "[PATH...]",
		Description: "PATH is a directory, a file, a snapshot (.tar, .tar.gz, .tar.zst) or - for standard input,\n" +
			"where nginx -T may be piped in. Without a PATH this machine is linted. Nothing is written or run.",
		Flags:  append(loadFlags(), lintFlags()...),
		Action: runLint,
	}
}

func loadFlags() []cli.Flag {
	const loading = "what is loaded"
	return []cli.Flag{
		&cli.StringFlag{Name: "root", Category: loading, Usage: "look absolute paths up below `DIR`"},
		&cli.StringFlag{Name: "nginx-root", Category: loading, Usage: "`DIR` is the root of an nginx image that is apart from PHP"},
		&cli.StringFlag{Name: "fpm-root", Category: loading, Usage: "`DIR` is the root of a PHP image that is apart from nginx"},
		&cli.StringSliceFlag{Name: "nginx-conf", Category: loading, Usage: "nginx's main `FILE`, where it is not found by itself (repeatable)"},
		&cli.StringSliceFlag{Name: "fpm-conf", Category: loading, Usage: "PHP-FPM's main `FILE`, likewise (repeatable)"},
		&cli.StringFlag{Name: "ram", Category: loading, Usage: "the host's memory, such as 2G"},
		&cli.StringFlag{Name: "reserve", Category: loading, Usage: "memory that the rest of the host needs"},
		&cli.StringFlag{Name: "worker-rss", Category: loading, Usage: "memory of one PHP worker, such as 64M"},
	}
}

func lintFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "format", Usage: "`FORMAT`[=FILE]: " + strings.Join(formatNames(), ", ") + " (repeatable)"},
		&cli.StringFlag{Name: "output", Usage: "write the report to `FILE`"},
		&cli.StringFlag{Name: "fail-on", Value: "error", Usage: "exit with 1 from this severity on: error, warning, info or never"},
		&cli.BoolFlag{Name: "strict", Usage: "a skip counts as an error"},
		&cli.StringFlag{Name: "select", Usage: "only these `RULE,...`"},
		&cli.StringFlag{Name: "ignore", Usage: "not these `RULE,...`"},
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "auto, always or never (NO_COLOR is honoured)"},
		&cli.BoolFlag{Name: "quiet", Usage: "no summary"},
	}
}

func runLint(c *cli.Context) error {
	outputs, err := parseOutputs(c)
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
	result, err := lintStacks(c, chosen)
	if err != nil {
		return err
	}
	for _, o := range outputs {
		if err := o.print(c, result, chosen); err != nil {
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

func lintStacks(c *cli.Context, chosen []lint.Rule) (*lint.Result, error) {
	o, err := loadOptions(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	stacks, err := stack.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	return lint.Run(ctx, stacks, chosen)
}

func loadOptions(c *cli.Context) (o stack.Options, err error) {
	o = stack.Options{
		Paths: c.Args().Slice(), Root: c.String("root"), NginxRoot: c.String("nginx-root"), FPMRoot: c.String("fpm-root"),
		NginxConf: c.StringSlice("nginx-conf"), FPMConf: c.StringSlice("fpm-conf"), Stdin: c.App.Reader,
	}
	for _, size := range []struct {
		flag string
		to   *int64
	}{{"ram", &o.RAM}, {"reserve", &o.Reserve}, {"worker-rss", &o.WorkerRSS}} {
		if !c.IsSet(size.flag) {
			continue
		}
		if *size.to, err = host.ParseBytes(c.String(size.flag)); err != nil {
			return o, fmt.Errorf("--%s: %w", size.flag, err)
		}
	}
	return o, nil
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

func chooseRules(selected, ignored string) ([]lint.Rule, error) {
	all := rules.All()
	var ids []string
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	list := func(flag, text string) ([]string, error) {
		if text == "" {
			return nil, nil
		}
		names := strings.Split(text, ",")
		for i, n := range names {
			names[i] = strings.TrimSpace(n)
			if !slices.Contains(ids, names[i]) {
				return nil, fmt.Errorf("--%s: unknown rule %q%s", flag, n, didYouMean(n, ids))
			}
		}
		return names, nil
	}
	only, err := list("select", selected)
	if err != nil {
		return nil, err
	}
	not, err := list("ignore", ignored)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(r lint.Rule) bool {
		return only != nil && !slices.Contains(only, r.ID) || slices.Contains(not, r.ID)
	}), nil
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
	if color := c.String("color"); color != "auto" && color != "always" && color != "never" {
		return nil, fmt.Errorf("--color: %q is not auto, always or never", color)
	}
	return out, nil
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
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
