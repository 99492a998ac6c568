package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms are the packages in the order in which data flows through them: each may import those
// before it, and none behind it.
var rooms = []string{
	"lint/address", "lint/fastcgi", "lint/lazy", "lint/spell", "lint/source",
	"lint/nginx", "lint/fpm", "lint/host", "lint/compose", "lint/stack",
	"lint", "lint/config", "lint/logs", "lint/snapshot", "lint/audit", "lint/probe", "lint/report",
	"rules", "fix", "cmd/fpmlint/early", "cmd/fpmlint",
}

// TestImports holds the packages to the order of the rooms. Rules and fixes do not know each other,
// rules read nothing by themselves, and nothing that lints runs a program.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "fpmlint/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		room := strings.TrimPrefix(fields[0], "fpmlint/")
		at := slices.Index(rooms, room)
		if at < 0 {
			t.Errorf("%s is not among the rooms", room)
			continue
		}
		for _, imported := range fields[1:] {
			inner, ours := strings.CutPrefix(imported, "fpmlint/")
			switch {
			case ours && slices.Index(rooms, inner) >= at:
				t.Errorf("%s imports %s, which comes behind it", room, inner)
			case room == "fix" && inner == "rules", room == "rules" && inner == "fix":
				t.Errorf("%s imports %s", room, inner)
			case room == "rules" && (imported == "os" || imported == "io" || strings.HasPrefix(imported, "net/http")):
				t.Errorf("rules import %s: a rule sees the stack alone", imported)
			case imported == "os/exec" && room != "fix" && room != "lint/logs": // logs asks journalctl
				t.Errorf("%s imports os/exec: nothing that lints runs a program", room)
			}
		}
	}
}
