package report

import (
	"io"

	"fpmlint/lint"
)

// Tool names the program in reports.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Options say how a report is printed.
type Options struct {
	// Color paints text for a terminal.
	Color bool
	// Quiet leaves the summary of a text out.
	Quiet bool
	// Width is that of the terminal in columns, in which text is broken into lines; 0 breaks nothing.
	Width int
	// Fix is the command line that would fix what was linted; "" where nothing can be fixed there.
	Fix  string
	Tool Tool
	// Top is the absolute, real path of the repository's top, to which a forge takes paths to be
	// relative: those of GitHub, GitLab and SARIF reports are. "" is the working directory.
	Top string
	// Rules are those that ran, for formats that list them.
	Rules []lint.Rule
}

// Format is one way to print what a run found.
type Format struct {
	Name  string
	Write func(io.Writer, *lint.Result, Options) error
}

// Formats are all ways to print what a run found, the default first.
var Formats = []Format{
	{"text", writeText},
	{"json", func(w io.Writer, r *lint.Result, o Options) error { return writeJSON(w, r, o.Tool) }},
	{"sarif", writeSARIF},
	{"github", writeGitHub},
	{"gitlab", writeGitLab},
	{"junit", writeJUnit},
	{"checkstyle", writeCheckstyle},
}
