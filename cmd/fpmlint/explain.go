package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"fpmlint/lint/logs"
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
					_, err := fmt.Fprint(c.App.Writer, r.Doc)
					return err
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
