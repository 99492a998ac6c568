package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"fpmlint/rules"
)

func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "print a rule's documentation",
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
			return fmt.Errorf("unknown rule %q%s", c.Args().First(), didYouMean(c.Args().First(), ids))
		},
	}
}
