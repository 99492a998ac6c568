package stack_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

// files are a tree's files by name. A content "-> target" makes a link.
type files map[string]string

func (f files) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		full := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(full), 0o755)
		if target, ok := strings.CutPrefix(f[name], "-> "); ok {
			err = errors.Join(err, os.Symlink(target, full))
		} else {
			err = errors.Join(err, os.WriteFile(full, []byte(f[name]), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func loadOne(t *testing.T, o stack.Options) *stack.Stack {
	t.Helper()
	stacks, err := stack.Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(stacks) != 1 {
		t.Fatalf("%d stacks", len(stacks))
	}
	return stacks[0]
}

// outline writes a stack as lines: its main files, its pools with their addresses, and where each
// hand-off leads.
func outline(s *stack.Stack) string {
	var b strings.Builder
	for _, c := range s.Nginx {
		fmt.Fprintf(&b, "nginx %s\n", c.Conf.Path)
	}
	for _, m := range s.Masters {
		fmt.Fprintf(&b, "fpm %s\n", strings.Join(strings.Fields(m.Family+" "+m.Version+" "+m.Conf.Path), " "))
		for _, p := range m.Pools {
			addr, setting, err := p.Listen()
			text := addr.String()
			if setting.Unknown != "" {
				text = "unknown"
			} else if err != nil {
				text = err.Error()
			}
			fmt.Fprintf(&b, "  %s %s\n", p.Name, text)
		}
	}
	for _, h := range s.Handoffs {
		fmt.Fprintf(&b, "%s:", h.Scope.Label())
		if h.Unknown != "" {
			b.WriteString(" unknown")
		}
		for _, a := range h.Backends {
			fmt.Fprintf(&b, " %s=", a.Address)
			switch {
			case a.Err != nil:
				b.WriteString(a.Err.Error())
			case len(a.Pools) > 0:
				var names []string
				for _, m := range a.Pools {
					names = append(names, m.Pool.Name+[]string{"!", "?", "~", ""}[m.Match])
				}
				b.WriteString(strings.Join(names, ","))
			case a.External != "":
				b.WriteString("external")
			default:
				b.WriteString("nobody")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// run lints a stack with all rules: the errors, and the skips by rule.
func run(t *testing.T, s *stack.Stack) (faults []string, skips map[string][]string) {
	t.Helper()
	r, err := lint.Run(context.Background(), []*stack.Stack{s}, rules.All())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Severity == lint.Error {
			faults = append(faults, f.Rule+": "+f.Message)
		}
	}
	skips = map[string][]string{}
	for _, s := range r.Skipped {
		skips[s.Rule] = append(skips[s.Rule], s.Reason)
	}
	return faults, skips
}

func compare(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimLeft(want, "\n"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// params are the FastCGI parameters that every distribution's files set.
const params = "fastcgi_param REQUEST_METHOD $request_method;\nfastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n"

// oneSite is a main file with one hand-off.
func oneSite(user, pass string) string {
	return user + "events {}\nhttp { server { server_name a; root /srv;\n location ~ \\.php$ { " + strings.ReplaceAll(params, "\n", " ") + "fastcgi_pass " + pass + "; } } }\n"
}

// poolFile is a whole pool.
func poolFile(name, listen string, more ...string) string {
	return "[" + name + "]\nuser = www-data\nlisten = " + listen + "\npm = static\npm.max_children = 2\n" + strings.Join(more, "\n") + "\n"
}
