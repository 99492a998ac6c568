package lint

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Result is what a run found. Findings are sorted by file, line, column and rule.
type Result struct {
	Stacks   []*stack.Stack
	Findings []Finding
	Skipped  []Skip
	// Suppressed counts the findings that a comment or the policy file takes away.
	Suppressed int
	// Known counts the findings of the baseline, Stale are its entries that are found no more.
	Known int
	Stale []Known
}

// Suppress takes findings away.
func (r *Result) Suppress(known func(*Finding) bool) {
	before := len(r.Findings)
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return known(&f) })
	r.Suppressed += before - len(r.Findings)
}

// Count is the number of findings of a severity.
func (r *Result) Count(s Severity) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

// Run applies every rule to every stack, in parallel. It ends early only when ctx does.
func Run(ctx context.Context, stacks []*stack.Stack, rules []Rule) (*Result, error) {
	passes := make([]Pass, len(stacks)*len(rules))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	// The last rules of the list look at whole servers: begun first, none of them is left to one processor
	// when all others have ended.
	for i := len(passes) - 1; i >= 0; i-- {
		p := &passes[i]
		p.Stack, p.Rule = stacks[i/len(rules)], &rules[i%len(rules)]
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if p.Rule.Check != nil {
				p.Rule.Check(p)
			}
			p.findings = merge(p.findings)
			for j := range p.findings {
				withhold(&p.findings[j], p.Stack)
				lower(&p.findings[j], p)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	r := &Result{Stacks: stacks}
	for i := range passes {
		r.Findings = append(r.Findings, passes[i].findings...)
		r.Skipped = append(r.Skipped, passes[i].skips...)
	}
	sortFindings(r.Findings)
	fingerprint(r.Findings)
	r.suppress(rules, time.Now())
	return r, nil
}

func sortFindings(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(display(a.Span), display(b.Span)),
			cmp.Compare(a.Span.Start, b.Span.Start),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

func display(s source.Span) string {
	if s.IsZero() {
		return ""
	}
	return s.File.Display
}

// withhold takes back a fix of a file that a second reader reads differently.
func withhold(f *Finding, s *stack.Stack) {
	if f.Fix == nil {
		return
	}
	for _, e := range f.Fix.Edits {
		if why := s.Differs(e.Span.File); why != "" {
			f.Fix = nil
			f.Help += fmt.Sprintf(" (by hand: two readers disagree on %s)", why)
			return
		}
	}
}

// lower makes a warning of an error in hand-offs to which nginx passes no request.
func lower(f *Finding, p *Pass) {
	if f.Severity != Error || f.Refused || p.Rule.Forced != 0 || len(f.Handoffs) == 0 {
		return
	}
	for _, h := range f.Handoffs {
		if p.Stack.Unasked(h) == "" {
			return
		}
	}
	f.Severity = Warning
	f.Help += " (" + p.Stack.Unasked(f.Handoffs[0]) + ")"
}

// merge makes one finding of those with the same place and message: a snippet that three sites
// include is one line to mend, and three hand-offs that it breaks. Where they are mended in different
// ways, there is no fix.
func merge(findings []Finding) []Finding {
	type key struct {
		span    source.Span
		message string
	}
	type merged struct {
		index    int
		disputed bool // two of them have different fixes
		handoffs map[*stack.Handoff]bool
		related  map[source.Related]bool
	}
	at := map[key]*merged{}
	var out []Finding
	for _, f := range findings {
		m, ok := at[key{f.Span, f.Message}]
		if !ok {
			at[key{f.Span, f.Message}] = &merged{index: len(out)}
			out = append(out, f)
			continue
		}
		have := &out[m.index]
		if m.handoffs == nil {
			m.handoffs, m.related = setOf(have.Handoffs), setOf(have.Related)
			have.Handoffs, have.Related = slices.Clip(have.Handoffs), slices.Clip(have.Related)
		}
		have.Severity = max(have.Severity, f.Severity)
		have.Handoffs = appendNew(have.Handoffs, f.Handoffs, m.handoffs)
		have.Related = appendNew(have.Related, f.Related, m.related)
		switch {
		case have.Fix == nil && !m.disputed:
			have.Fix = f.Fix
		case f.Fix != nil && have.Fix != f.Fix && have.Fix != nil && !slices.Equal(have.Fix.Edits, f.Fix.Edits):
			have.Fix, m.disputed = nil, true
		}
	}
	return out
}

func setOf[T comparable](list []T) map[T]bool {
	set := make(map[T]bool, len(list))
	for _, v := range list {
		set[v] = true
	}
	return set
}

func appendNew[T comparable](list, more []T, have map[T]bool) []T {
	for _, v := range more {
		if !have[v] {
			have[v] = true
			list = append(list, v)
		}
	}
	return list
}
