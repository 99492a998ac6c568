package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"fpmlint/lint"
	"fpmlint/rules"
)

func rulesCommand() *cli.Command {
	return &cli.Command{
		Name:  "rules",
		Usage: "list the rules",
		Flags: []cli.Flag{&cli.StringFlag{Name: "format", Value: "text", Usage: "text, json or markdown"}},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fmt.Errorf("rules takes no argument; fpmlint explain %s prints a rule's documentation", c.Args().First())
			}
			switch format := c.String("format"); format {
			case "text":
				return listRules(c)
			case "json":
				return encodeRules(c)
			case "markdown":
				_, err := fmt.Fprint(c.App.Writer, rules.Markdown())
				return err
			default:
				return fmt.Errorf("--format: unknown format %q%s", format, didYouMean(format, []string{"text", "json", "markdown"}))
			}
		},
	}
}

func listRules(c *cli.Context) error {
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	family := ""
	for _, r := range rules.All() {
		if r.Family != family {
			fmt.Fprintf(w, "%s:\n", r.Family) //nolint:errcheck // Flush returns it
			family = r.Family
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", r.ID, r.Severity, r.Summary) //nolint:errcheck // Flush returns it
	}
	return w.Flush()
}

func encodeRules(c *cli.Context) error {
	type rule struct {
		ID       string        `json:"id"`
		Severity lint.Severity `json:"severity"`
		Family   string        `json:"family"`
		Summary  string        `json:"summary"`
	}
	var list []rule
	for _, r := range rules.All() {
		list = append(list, rule{r.ID, r.Severity, r.Family, r.Summary})
	}
	e := json.NewEncoder(c.App.Writer)
	e.SetIndent("", "  ")
	return e.Encode(list)
}
