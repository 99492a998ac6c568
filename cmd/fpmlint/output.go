package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fpmlint/lint"
	"fpmlint/lint/report"
)

// output is one report: a format and the file it goes to, "" for standard output.
type output struct{ format, file string }

func formatNames() []string {
	var names []string
	for _, f := range report.Formats {
		names = append(names, f.Name)
	}
	return names
}

// parseOutputs reads --format and --output; known are the formats that the command has.
func parseOutputs(c *cli.Context, known []string) ([]output, error) {
	formats := c.StringSlice("format")
	if len(formats) == 0 {
		formats = []string{"text"}
	}
	var out []output
	for _, f := range formats {
		format, file, _ := strings.Cut(f, "=")
		if !slices.Contains(known, format) {
			hint := didYouMean(format, known)
			if hint == "" {
				hint = ": want " + strings.Join(known, ", ")
			}
			return nil, fmt.Errorf("--format: unknown format %q%s", format, hint)
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
	return out, nil
}

func checkColor(c *cli.Context) error {
	if color := c.String("color"); color != "auto" && color != "always" && color != "never" {
		return fmt.Errorf("--color: %q is not auto, always or never", color)
	}
	return nil
}

func (o output) print(c *cli.Context, r *lint.Result, j *job) error {
	if o.file == "" {
		return o.write(c, c.App.Writer, r, j)
	}
	f, err := os.Create(o.file)
	if err != nil {
		return err
	}
	return errors.Join(o.write(c, f, r, j), f.Close())
}

func (o output) write(c *cli.Context, w io.Writer, r *lint.Result, j *job) error {
	i := slices.IndexFunc(report.Formats, func(f report.Format) bool { return f.Name == o.format })
	return report.Formats[i].Write(w, r, report.Options{
		Color: colored(c, w), Quiet: c.Bool("quiet"), Width: width(w), Fix: fixLine(c, j),
		Tool: report.Tool{Name: "fpmlint", Version: version()}, Rules: j.rules,
		Top: top(o.format),
	})
}

// top is the directory that the forge that reads a format takes for the repository's top; "" where
// none is known.
func top(format string) string {
	name := os.Getenv("GITHUB_WORKSPACE")
	if format == "gitlab" {
		name = os.Getenv("CI_PROJECT_DIR")
	}
	real, err := filepath.EvalSymlinks(name)
	if name == "" || err != nil {
		return ""
	}
	return real
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

// width is that of the terminal in columns; 0 where it is none.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return n
}

// fixLine is the command line of fpmlint fix for what lint was given; "" where fix cannot take it.
func fixLine(c *cli.Context, j *job) string {
	line := "fpmlint fix"
	var known []string
	for _, f := range fixCommand().Flags {
		known = append(known, f.Names()...)
	}
	if j.policy.File != "" && !slices.Contains(known, "config") {
		return ""
	}
	for _, f := range slices.Concat(loadFlags(), selectFlags()) {
		name := f.Names()[0]
		if !c.IsSet(name) {
			continue
		}
		if !slices.Contains(known, name) {
			return ""
		}
		values := []string{c.String(name)}
		if _, ok := f.(*cli.StringSliceFlag); ok {
			values = c.StringSlice(name)
		}
		for _, v := range values {
			line += " --" + name + " " + quote(v)
		}
	}
	for _, p := range c.Args().Slice() {
		if p == "-" {
			return ""
		}
		if strings.HasPrefix(p, "-") {
			p = "./" + p
		}
		line += " " + quote(p)
	}
	return line
}

// quote makes a word of a text for a POSIX shell.
func quote(s string) string {
	special := func(r rune) bool {
		return r < 0x80 && !strings.ContainsRune("%+,-./:=@_", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
