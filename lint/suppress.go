package lint

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"fpmlint/lint/fpm"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Suppression is a comment that takes findings away:
// fpmlint:ignore RULE[,RULE] [until=YYYY-MM-DD] reason.
type Suppression struct {
	// Span is the comment, from its sign to the end of the line.
	Span source.Span
	// Alone says that nothing else stands on the line: the comment is about the next one.
	Alone bool
	Rules []SuppressedRule
	// Until is the day from which the suppression counts no more, as it is written; "" for never.
	Until string
	// Expired says that the day has come.
	Expired bool
	// Fault says why the comment suppresses nothing; "" where it is well formed.
	Fault string

	stacks map[string]bool
}

// SuppressedRule is one rule that a comment names.
type SuppressedRule struct {
	ID string
	// Span is the name.
	Span source.Span
	// Found says that the rule finds something there.
	Found bool
	// Judged says that the rule ran and left nothing out in the stacks that the file belongs to, so
	// that Found can be trusted.
	Judged bool
}

var (
	ignoreSyntax = lazy.Regexp(`fpmlint:(\S*)[ \t]*([a-z0-9-]+(?:[ \t]*,[ \t]*[a-z0-9-]+)*)?[ \t]*(?:until=(\S*))?[ \t]*(.*?)[ \t\r]*$`)
	ruleName     = lazy.Regexp(`[a-z0-9-]+`)
)

// maxComment bounds a comment, in bytes: messages quote it.
const maxComment = 1000

// parseSuppression reads a comment that begins with fpmlint:.
func parseSuppression(comment source.Span, now time.Time) *Suppression {
	s := &Suppression{Span: comment, stacks: map[string]bool{}}
	line, start := comment.File.Line(comment.Position().Line)
	s.Alone = len(bytes.TrimSpace(line[:comment.Start-start])) == 0
	if comment.End-comment.Start > maxComment {
		s.Fault = fmt.Sprintf("it is longer than %d bytes", maxComment)
		return s
	}
	text := comment.Text()
	m := ignoreSyntax().FindStringSubmatchIndex(text)
	group := func(i int) string {
		if m[2*i] < 0 {
			return ""
		}
		return text[m[2*i]:m[2*i+1]]
	}
	switch {
	case m == nil || group(1) != "ignore":
		s.Fault = "it does not read fpmlint:ignore RULE reason"
		return s
	case group(2) == "":
		s.Fault = "it names no rule"
		return s
	}
	for _, at := range ruleName().FindAllStringIndex(group(2), -1) {
		from := comment.Start + m[4] + at[0]
		s.Rules = append(s.Rules, SuppressedRule{ID: group(2)[at[0]:at[1]], Span: comment.File.Span(from, from+at[1]-at[0])})
	}
	if m[6] >= 0 {
		s.Until = group(3)
		if _, err := time.Parse(time.DateOnly, s.Until); err != nil {
			s.Fault = "until=" + s.Until + " is no day such as until=2027-01-31"
			return s
		}
		s.Expired = s.Until <= now.Format(time.DateOnly)
	}
	if group(4) == "" {
		s.Fault = "it gives no reason"
	}
	return s
}

// block is a run of lines that are comments alone: all of them are about the same line.
type block struct {
	file             *source.File
	first, end, line int
}

// target is the line that the comment is about; 0 where it is about none. last is the block of the
// comment before, which spares reading a long one again for each of its lines.
func (s *Suppression) target(last *block) (line int) {
	n := s.Span.Position().Line
	if !s.Alone {
		return n
	}
	if last.file == s.Span.File && last.first <= n && n < last.end {
		return last.line
	}
	first := n
	defer func() { *last = block{s.Span.File, first, n, line} }()
	for {
		n++
		line, _ := s.Span.File.Line(n)
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			return 0
		case line[0] != '#' && line[0] != ';':
			return n
		}
	}
}

// suppressions are the comments of all stacks by the lines that they are about.
type suppressions struct {
	list []*Suppression
	at   map[lineKey][]*Suppression
	// files have comments: most have none.
	files map[string]bool
}

type lineKey struct {
	file string
	line int
}

// fileKey is the same for the same file of two stacks.
func fileKey(f *source.File) string {
	if f.Disk != "" {
		return f.Disk
	}
	return f.Display
}

// findSuppressions reads the comments of the stacks' files, and of the php.ini files in which
// something was found.
func findSuppressions(stacks []*stack.Stack, findings []Finding, now time.Time) *suppressions {
	out := &suppressions{at: map[lineKey][]*Suppression{}, files: map[string]bool{}}
	seen := map[*source.File]bool{}
	known := map[source.Span]*Suppression{}
	first := map[string]*source.File{}
	var last block
	add := func(f *source.File, name string, comments func() []source.Span) {
		list := comments()
		if len(list) == 0 || seen[f] {
			return
		}
		seen[f] = true
		if first[fileKey(f)] == nil {
			first[fileKey(f)] = f
		}
		for _, c := range list {
			c.File = first[fileKey(f)] // one comment, however many stacks read the file
			s := known[c]
			if s == nil {
				s = parseSuppression(c, now)
				known[c] = s
				out.list = append(out.list, s)
				out.files[fileKey(f)] = true
				key := lineKey{fileKey(f), s.target(&last)}
				out.at[key] = append(out.at[key], s)
			}
			s.stacks[name] = true
		}
	}
	for _, s := range stacks {
		for _, c := range s.Nginx {
			for _, f := range c.Files {
				add(f.Source, s.Name, func() []source.Span { return f.Marks })
			}
		}
		for _, m := range s.Masters {
			for _, f := range m.Files {
				add(f, s.Name, func() []source.Span { return fpm.Marks(f, m.Version) })
			}
		}
	}
	for i := range findings {
		if f := findings[i].Span.File; f != nil && strings.HasSuffix(f.Path, ".ini") {
			add(f, findings[i].Stack, func() []source.Span { return fpm.Marks(f, "") })
		}
	}
	return out
}

// maxSpanLines bounds the lines of a finding on which a comment may stand.
const maxSpanLines = 100

// take says whether a comment takes a finding away: one at its first line, or behind one of its
// lines.
func (x *suppressions) take(f *Finding) bool {
	if f.Span.IsZero() || !x.files[fileKey(f.Span.File)] {
		return false
	}
	taken := false
	first := f.Span.Position().Line
	for line := first; line <= min(f.Span.EndPosition().Line, first+maxSpanLines); line++ {
		for _, s := range x.at[lineKey{fileKey(f.Span.File), line}] {
			if line != first && s.Alone {
				continue
			}
			for i := range s.Rules {
				if s.Rules[i].ID == f.Rule {
					s.Rules[i].Found = true
					taken = taken || s.Fault == "" && !s.Expired
				}
			}
		}
	}
	return taken
}

// judge notes of which rules it is known whether they find something.
func (x *suppressions) judge(rules []Rule, skipped []Skip) {
	type key struct{ rule, stack string }
	skips := map[key]bool{}
	for _, s := range skipped {
		skips[key{s.Rule, s.Stack}] = true
	}
	for _, s := range x.list {
		for i := range s.Rules {
			rule := &s.Rules[i]
			rule.Judged = slices.ContainsFunc(rules, func(r Rule) bool { return r.ID == rule.ID })
			for name := range s.stacks {
				rule.Judged = rule.Judged && !skips[key{rule.ID, name}]
			}
		}
	}
}

// suppress takes the findings away that comments name, then lets rules look at the comments.
func (r *Result) suppress(rules []Rule, now time.Time) {
	x := findSuppressions(r.Stacks, r.Findings, now)
	if len(x.list) == 0 {
		return
	}
	r.Suppress(x.take)
	x.judge(rules, r.Skipped)
	var found []Finding
	for i := range rules {
		if rules[i].CheckSuppressions == nil {
			continue
		}
		reported := map[*Suppression]bool{}
		for _, s := range r.Stacks {
			p := &Pass{Stack: s, Rule: &rules[i]}
			for _, comment := range x.list {
				if comment.stacks[s.Name] && !reported[comment] {
					reported[comment] = true
					rules[i].CheckSuppressions(p, comment)
				}
			}
			for j := range p.findings {
				withhold(&p.findings[j], s)
			}
			found = append(found, p.findings...)
		}
	}
	sortFindings(found)
	fingerprint(found)
	r.Findings = append(r.Findings, found...)
	sortFindings(r.Findings)
}
