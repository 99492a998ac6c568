package fix_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fpmlint/fix"
	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// writeStack writes an nginx main file with two sites that include one snippet, and loads options
// for it.
func writeStack(t *testing.T) (dir string, o fix.Options) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"etc/nginx/nginx.conf": "events {}\nhttp {\n" +
			"server { server_name a.example; location / { include php.conf; } }\n" +
			"server { server_name b.example; location / { include php.conf; } }\n}\n",
		"etc/nginx/php.conf": "fastcgi_read_timeout 5s;\nfastcgi_pass 127.0.0.1:9000;\n",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, fix.Options{Level: lint.Warning}
}

func plan(o fix.Options, dir string) (*fix.Plan, error) {
	o.Lint = fix.Linting(stack.Options{Root: dir}, o.Rules)
	return fix.Make(context.Background(), o)
}

// rewrite is a rule that replaces a word wherever a hand-off's file has it.
func rewrite(id string, safe bool, from, to string) lint.Rule {
	return lint.Rule{ID: id, Severity: lint.Warning, Check: func(p *lint.Pass) {
		for _, h := range p.Stack.Handoffs {
			f := h.Pass.Src
			at := bytes.Index(f.Data, []byte(from))
			if at < 0 {
				continue
			}
			span := f.Span(at, at+len(from))
			p.Report(lint.Finding{
				Message: from + " should be " + to, Span: span, Handoffs: []*stack.Handoff{h},
				Fix: &lint.Fix{Safe: safe, Description: "write " + to, Edits: []source.Edit{{Span: span, NewText: to}}},
			})
		}
	}}
}

// TestOneEditForManySites makes an edit in a shared snippet once, and names the sites.
func TestOneEditForManySites(t *testing.T) {
	dir, o := writeStack(t)
	o.Rules = []lint.Rule{rewrite("one", true, "5s", "60s")}
	p, err := plan(o, dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Applied) != 1 || !slices.Equal(p.Applied[0].Sites, []string{"a.example", "b.example"}) {
		t.Fatalf("%+v", p.Applied)
	}
	if len(p.Changes) != 1 || string(p.Changes[0].New) != "fastcgi_read_timeout 60s;\nfastcgi_pass 127.0.0.1:9000;\n" {
		t.Errorf("%+v", p.Changes)
	}
}

// TestFirstRuleWins has two rules change the same bytes: the first in order does, and what it leaves
// is linted again.
func TestFirstRuleWins(t *testing.T) {
	dir, o := writeStack(t)
	o.Rules = []lint.Rule{rewrite("first", true, "timeout 5s", "timeout 60s"), rewrite("second", true, "5s;", "7s;"), rewrite("third", true, "60s", "90s")}
	p, err := plan(o, dir)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, a := range p.Applied {
		ids = append(ids, a.Finding.Rule)
	}
	if !slices.Equal(ids, []string{"first", "third"}) || !strings.Contains(string(p.Changes[0].New), "fastcgi_read_timeout 90s;") {
		t.Errorf("%v %q", ids, p.Changes[0].New)
	}
	if len(p.After.Findings) > 0 {
		t.Errorf("left: %v", p.After.Findings)
	}
}

// TestRulesThatUndoEachOther ends in an error that names them.
func TestRulesThatUndoEachOther(t *testing.T) {
	dir, o := writeStack(t)
	o.Rules = []lint.Rule{rewrite("there", true, "5s", "60s"), rewrite("back", true, "60s", "5s")}
	if _, err := plan(o, dir); err == nil || !strings.Contains(err.Error(), "there") && !strings.Contains(err.Error(), "back") {
		t.Errorf("%v", err)
	}
}

// TestLevelAndSafety leaves what was not asked for.
func TestLevelAndSafety(t *testing.T) {
	dir, o := writeStack(t)
	o.Rules = []lint.Rule{rewrite("unsafe", false, "5s", "60s")}
	p, err := plan(o, dir)
	if err != nil || len(p.Applied) > 0 || len(p.Remaining(lint.Warning)) != 1 || len(p.Remaining(lint.Error)) != 0 {
		t.Errorf("%+v %v", p, err)
	}
	o.Unsafe = true
	if p, err = plan(o, dir); err != nil || len(p.Applied) != 1 {
		t.Errorf("%+v %v", p, err)
	}
	o.Level = lint.Error
	if p, err = plan(o, dir); err != nil || len(p.Applied) != 0 {
		t.Errorf("%+v %v", p, err)
	}
}

// TestFixThatBreaks is the net below the rules: what nginx would refuse is no plan.
func TestFixThatBreaks(t *testing.T) {
	dir, o := writeStack(t)
	syntax := lint.Rule{ID: "nginx-syntax", Severity: lint.Error, Check: func(p *lint.Pass) {
		for _, c := range p.Stack.Nginx {
			for _, problem := range c.Problems {
				p.Report(lint.Finding{Message: problem.Message, Span: problem.Span})
			}
		}
	}}
	o.Rules = []lint.Rule{syntax, rewrite("bad", true, "5s;", "5s } ;")}
	if _, err := plan(o, dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "etc/nginx/php.conf")) {
		t.Errorf("%v", err)
	}
}
