package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"fpmlint/lint/config"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name:        "init",
		Usage:       "write a policy file for this directory",
		Description: "The file is " + config.Name + " in the working directory, commented, with the configurations that are found there.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Usage: "replace a policy file that is there"},
			&cli.BoolFlag{Name: "schema", Usage: "print the JSON Schema of policy files instead"},
		},
		Action: runInit,
	}
}

func runInit(c *cli.Context) error {
	if c.Args().Present() {
		return errors.New("init takes no argument: it writes the policy file of the working directory")
	}
	if c.Bool("schema") {
		schema, err := config.Schema(rules.All())
		if err != nil {
			return err
		}
		_, err = c.App.Writer.Write(schema)
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	found, err := stack.Load(c.Context, stack.Options{Paths: []string{"."}})
	if err != nil && !errors.Is(err, stack.ErrNothing) {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Bool("force") {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(config.Name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; --force replaces it", config.Name)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(config.Template(dir, found))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "wrote %s\n", config.Name)
	return err
}
