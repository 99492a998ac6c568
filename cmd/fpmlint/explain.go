package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fpmlint/lint/logs"
	"fpmlint/lint/report"
	"fpmlint/rules"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "print the documentation of a rule, or of a cause that diagnose names",
		ArgsUsage: "RULE",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return errors.New("explain takes one rule; fpmlint rules lists them")
			}
			var ids []string
			for _, r := range rules.All() {
				if r.ID == c.Args().First() {
					return printPage(c, r.Doc)
				}
				ids = append(ids, r.ID)
			}
			for _, cause := range logs.Causes() {
				if cause.ID == c.Args().First() {
					_, err := fmt.Fprint(c.App.Writer, cause.Page())
					return err
				}
				ids = append(ids, cause.ID)
			}
			return fmt.Errorf("unknown rule %q%s", c.Args().First(), didYouMean(c.Args().First(), ids))
		},
	}
}

// printPage renders a page on a terminal; elsewhere it stays Markdown, for other programs.
func printPage(c *cli.Context, page string) error {
	w := c.App.Writer
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		_, err := io.WriteString(w, page)
		return err
	}
	return report.Markdown(w, page, report.Options{Color: colored(c, w), Width: width(w)})
}
