package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:   "version",
		Usage:  "print the version",
		Before: noArgument,
		Action: func(c *cli.Context) error {
			line := "fpmlint " + version()
			if r := revision(); r != "" {
				line += ", commit " + r
			}
			_, err := fmt.Fprintf(c.App.Writer, "%s, built with %s\n", line, runtime.Version())
			return err
		},
	}
}

// release is the version that a release's build sets with -ldflags.
var release string

// version is the release's or the module's version, or the commit that it was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	if r := revision(); r != "" {
		return r[:min(12, len(r))]
	}
	return "devel"
}

// revision is the commit that the program was built from, "" where the build did not see it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
