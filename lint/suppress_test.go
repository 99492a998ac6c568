package lint_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// finder reports every fastcgi_read_timeout and every pool.
var finder = lint.Rule{ID: "finder", Severity: lint.Warning, Check: func(p *lint.Pass) {
	for _, h := range p.Stack.Handoffs {
		p.Report(lint.Finding{Message: "found", Span: h.Pass.Span()})
	}
	for _, pool := range p.Stack.Pools() {
		p.Report(lint.Finding{Message: "found", Span: pool.Header})
	}
}}

// comments keeps what an engine tells of each comment.
func comments(out *[]string) lint.Rule {
	return lint.Rule{ID: "comments", Severity: lint.Info, CheckSuppressions: func(p *lint.Pass, s *lint.Suppression) {
		state := s.Fault
		for _, r := range s.Rules {
			switch {
			case s.Fault != "":
			case !r.Judged:
				state += " unjudged"
			case r.Found && s.Expired:
				state += " expired"
			case r.Found:
				state += " used"
			default:
				state += " unused"
			}
		}
		*out = append(*out, strings.TrimSpace(state))
	}}
}

func run(t *testing.T, nginx, fpm string, rules ...lint.Rule) *lint.Result {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"nginx.conf": nginx, "php-fpm.conf": fpm} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The same files in two stacks: a comment counts once.
	stacks, err := stack.Load(context.Background(), stack.Options{Paths: []string{dir, dir}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := lint.Run(context.Background(), stacks, rules)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSuppress(t *testing.T) {
	today, tomorrow := time.Now().Format(time.DateOnly), time.Now().AddDate(0, 0, 2).Format(time.DateOnly)
	for comment, want := range map[string]string{
		"fpmlint:ignore finder why":                             "used",
		"#  fpmlint:ignore finder why":                          "used",
		"fpmlint:ignore other,finder why":                       "unjudged used",
		"fpmlint:ignore other , finder why":                     "unjudged used",
		"fpmlint:ignore comments why":                           "unused",
		"fpmlint:ignore finder until=" + tomorrow + " why":      "used",
		"fpmlint:ignore finder until=" + today + " why":         "expired",
		"fpmlint:ignore finder until=2027-02-30 why":            "until=2027-02-30 is no day such as until=2027-01-31",
		"fpmlint:ignore finder":                                 "it gives no reason",
		"fpmlint:ignore finder until=" + tomorrow:               "it gives no reason",
		"fpmlint:ignore":                                        "it names no rule",
		"fpmlint:ignore Finder why":                             "it names no rule",
		"fpmlint:ignored finder why":                            "it does not read fpmlint:ignore RULE reason",
		"fpmlint: ignore finder why":                            "it does not read fpmlint:ignore RULE reason",
		"fpmlint:ignore finder " + strings.Repeat("why ", 1000): "it is longer than 1000 bytes",
	} {
		for name, conf := range map[string][2]string{
			"nginx behind": {"events {}\nhttp { server {\nfastcgi_pass a:1; # " + comment + "\n} }\n", ""},
			"nginx before": {"events {}\nhttp { server {\n  # " + comment + "\r\n# more\nfastcgi_pass a:1;\n} }\n", ""},
			"FPM behind":   {"events {}\n", "[www] ; " + comment + "\nlisten = 9000\npm = static\n"},
			"FPM before":   {"events {}\n", "\t; " + comment + "\n[www]\nlisten = 9000\npm = static\n"},
		} {
			var told []string
			r := run(t, conf[0], conf[1], finder, comments(&told))
			if len(told) != 1 || told[0] != want {
				t.Errorf("%s: %.60q: %q, want %q", name, comment, told, want)
			}
			taken := strings.HasSuffix(want, "used") && !strings.HasSuffix(want, "unused")
			if (r.Suppressed == 2) != taken || r.Suppressed+r.Count(lint.Warning) != 2 {
				t.Errorf("%s: %.60q: %d suppressed, %d left", name, comment, r.Suppressed, r.Count(lint.Warning))
			}
		}
	}
}

// TestNotAComment are texts that only look like comments, and comments about nothing.
func TestNotAComment(t *testing.T) {
	for _, text := range []string{
		`set $a "# fpmlint:ignore finder why";` + "\n",
		"set $a b#fpmlint:ignore-finder-why;\n",
		"content_by_lua_block { -- # fpmlint:ignore finder why\n}",
		"# see fpmlint:ignore finder why\n",
		"# fpmlint:ignore finder why\n\n",
	} {
		var told []string
		r := run(t, "events {}\nhttp { server {\n"+text+"fastcgi_pass a:1;\n} }\n", "", finder, comments(&told))
		about := strings.HasPrefix(text, "# fpmlint")
		if r.Suppressed > 0 || (len(told) == 1) != about || about && told[0] != "unused" {
			t.Errorf("%q: %d suppressed, comments %q", text, r.Suppressed, told)
		}
	}
}

// TestSkipped judges no comment of a rule that left something out.
func TestSkipped(t *testing.T) {
	shy := lint.Rule{ID: "finder", Severity: lint.Info, Check: func(p *lint.Pass) { p.Skip("no facts") }}
	var told []string
	run(t, "events {}\nhttp { server {\nfastcgi_pass a:1; # fpmlint:ignore finder why\n} }\n", "", shy, comments(&told))
	if len(told) != 1 || told[0] != "unjudged" {
		t.Error(told)
	}
}

// TestSpanLines finds a comment behind any line of a finding, but one alone before its first only.
func TestSpanLines(t *testing.T) {
	for text, want := range map[string]int{
		"fastcgi_pass # fpmlint:ignore finder why\na:1;":   2,
		"fastcgi_pass\na:1; # fpmlint:ignore finder why":   2,
		"fastcgi_pass\n# fpmlint:ignore finder why\na:1;":  0,
		"# fpmlint:ignore finder why\nfastcgi_pass\na:1;":  2,
		"fastcgi_pass\na:1;\n# fpmlint:ignore finder why":  0,
		"fastcgi_pass a:1;\n\n# fpmlint:ignore finder why": 0,
	} {
		if r := run(t, "events {}\nhttp { server {\n"+text+"\n} }\n", "", finder); r.Suppressed != want {
			t.Errorf("%q: %d suppressed, want %d", text, r.Suppressed, want)
		}
	}
}

func TestBaseline(t *testing.T) {
	const conf = "events {}\nhttp { server { location /a { fastcgi_pass a:1; } location /b { fastcgi_pass a:2; } } }\n"
	r := run(t, conf, "", finder)
	b := r.Baseline()
	if len(b.Findings) != 4 {
		t.Fatal(b)
	}
	b.Findings = append(b.Findings, lint.Known{Fingerprint: "gone", Rule: "finder"}, lint.Known{Fingerprint: "gone", Rule: "off"})
	b.Findings = b.Findings[1:]
	r.Know(b, []lint.Rule{finder})
	if len(r.Findings) != 1 || r.Known != 3 || len(r.Stale) != 1 || r.Stale[0].Rule != "finder" {
		t.Errorf("%d left, %d known, stale %v", len(r.Findings), r.Known, r.Stale)
	}
	r = run(t, conf, "", finder)
	r.Skipped = []lint.Skip{{Rule: "finder"}}
	if r.Know(b, []lint.Rule{finder}); len(r.Stale) > 0 {
		t.Error("an entry is stale though its rule left something out")
	}
	name := filepath.Join(t.TempDir(), "b.json")
	for text, ok := range map[string]bool{`{"version": 1, "findings": []}`: true, `{"version": 2}`: false, `[]`: false, ``: false} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := lint.ReadBaseline(name); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := os.Truncate(name, source.MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := lint.ReadBaseline(name); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}
