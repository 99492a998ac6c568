package lint_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// load writes files below a directory and reads them as a root.
func load(t *testing.T, files map[string]string) *stack.Stack {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	stacks, err := stack.Load(context.Background(), stack.Options{Root: dir})
	if err != nil {
		t.Fatal(err)
	}
	return stacks[0]
}

// everyPass reports each hand-off at its fastcgi_pass.
func everyPass(message func(*stack.Handoff) string) lint.Rule {
	return lint.Rule{ID: "test", Severity: lint.Warning, Check: func(p *lint.Pass) {
		for _, h := range p.Stack.Handoffs {
			p.Skip("seen %s", h.Pass.Arg(0))
			p.Report(lint.Finding{
				Message: message(h), Span: h.Pass.Span(), Handoffs: []*stack.Handoff{h},
				Related: []source.Related{{Span: h.Scope.Server().Statement.Span(), Message: "server"}},
				Fix:     &lint.Fix{Edits: []source.Edit{{Span: h.Pass.Span(), NewText: "fastcgi_pass x;"}}},
			})
		}
	}}
}

func runOne(t *testing.T, s *stack.Stack, list ...lint.Rule) *lint.Result {
	t.Helper()
	r, err := lint.Run(context.Background(), []*stack.Stack{s}, list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var threeSites = map[string]string{
	"etc/nginx/nginx.conf": "events {}\nhttp {\n server { server_name a; include php; }\n server { server_name b; include php; }\n server { server_name c; include php; }\n}\n",
	"etc/nginx/php":        "location ~ \\.php$ { fastcgi_pass unix:/run/a.sock; }\n",
}

// TestMerge holds a line that three sites include to one finding with three hand-offs.
func TestMerge(t *testing.T) {
	s := load(t, threeSites)
	r := runOne(t, s, everyPass(func(*stack.Handoff) string { return "same" }))
	if len(r.Findings) != 1 || len(r.Skipped) != 1 {
		t.Fatalf("%d findings, %d skips", len(r.Findings), len(r.Skipped))
	}
	var labels []string
	for _, h := range r.Findings[0].Handoffs {
		labels = append(labels, h.Scope.Label())
	}
	want := []string{`server a, location ~ \.php$`, `server b, location ~ \.php$`, `server c, location ~ \.php$`}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Error(diff)
	}
	if n := len(r.Findings[0].Related); n != 3 {
		t.Errorf("%d servers are named", n)
	}
	r = runOne(t, s, everyPass(func(h *stack.Handoff) string { return h.Scope.Label() }))
	if len(r.Findings) != 3 {
		t.Errorf("%d findings of three messages", len(r.Findings))
	}
}

// TestSeverity: a finding has the rule's severity, its own, or the one that the policy forces.
func TestSeverity(t *testing.T) {
	s := load(t, threeSites)
	rule := lint.Rule{ID: "test", Severity: lint.Warning, Check: func(p *lint.Pass) {
		p.Report(lint.Finding{Message: "b"})
		p.Report(lint.Finding{Message: "a", Severity: lint.Info})
	}}
	severities := func() string {
		var b strings.Builder
		for _, f := range runOne(t, s, rule).Findings {
			fmt.Fprintf(&b, "%s %s\n", f.Message, f.Severity)
		}
		return b.String()
	}
	if got := severities(); got != "a info\nb warning\n" {
		t.Error(got)
	}
	rule.Forced = lint.Error
	if got := severities(); got != "a error\nb error\n" {
		t.Error(got)
	}
}

// TestWithheld: where a second reader reads a file differently, its fix is taken back and the help
// says so; those of other files stay.
func TestWithheld(t *testing.T) {
	s := load(t, map[string]string{
		"etc/nginx/nginx.conf":         "events {}\nhttp { server { location ~ \\.php$ { fastcgi_pass unix:/run/a.sock; } } }\n",
		"etc/php/8.2/fpm/php-fpm.conf": "[global]\nlog_level = notice\n[www]\nlisten = /run/a.sock\npm = static\npm.max_children = 1\nenv[A] = x\nenv[B] = `x`\n",
	})
	if s.Differs(s.Masters[0].Conf) == "" {
		t.Fatal("both readers agree")
	}
	at := func(p *lint.Pass, span source.Span) {
		p.Report(lint.Finding{Message: span.File.Path, Help: "mend it", Span: span, Fix: &lint.Fix{Edits: []source.Edit{{Span: span}}}})
	}
	r := runOne(t, s, lint.Rule{ID: "test", Severity: lint.Error, Check: func(p *lint.Pass) {
		at(p, p.Stack.Handoffs[0].Pass.Span())
		at(p, p.Stack.Masters[0].Pools[0].Header)
	}})
	if f := r.Findings[0]; f.Fix == nil || f.Help != "mend it" {
		t.Errorf("nginx's file: %v, %q", f.Fix, f.Help)
	}
	if f := r.Findings[1]; f.Fix != nil || !strings.HasPrefix(f.Help, "mend it (by hand: two readers disagree on ") {
		t.Errorf("FPM's file: %v, %q", f.Fix, f.Help)
	}
}

// TestCancel: a run ends when its context does.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := lint.Run(ctx, []*stack.Stack{load(t, threeSites)}, []lint.Rule{everyPass(func(*stack.Handoff) string { return "" })}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestManySkips counts equal skips once, however many there are.
func TestManySkips(t *testing.T) {
	r := runOne(t, load(t, threeSites), lint.Rule{ID: "test", Severity: lint.Error, Check: func(p *lint.Pass) {
		for i := range 100_000 {
			p.Skip("the pool %d of many that nothing is known of", i/2)
		}
	}})
	if len(r.Skipped) != 50_000 {
		t.Errorf("%d skips", len(r.Skipped))
	}
}
