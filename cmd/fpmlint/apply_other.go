//go:build !unix

package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"fpmlint/fix"
)

var errOnlyUnix = errors.New("on this system fix prints the diff only; apply it with git apply")

type applier struct{}

func (f *fixRun) open(_ fix.Programs, write bool) (*applier, error) {
	if write {
		return nil, errOnlyUnix
	}
	return &applier{}, nil
}

func (a *applier) close()             {}
func (a *applier) apply() error       { return errOnlyUnix }
func (a *applier) outdated() []string { return nil }
func failureCode(error) int           { return 0 }

func rollbackCommand() *cli.Command {
	return &cli.Command{Name: "rollback", Usage: "take a fix run back", Action: func(*cli.Context) error { return errOnlyUnix }}
}
