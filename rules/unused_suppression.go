package rules

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/spell"
)

//go:embed unused-suppression.md
var unusedSuppressionDoc string

// UnusedSuppression reports comments that suppress nothing.
var UnusedSuppression = lint.Rule{
	ID:                "unused-suppression",
	Severity:          lint.Info,
	Family:            "policy",
	Summary:           "a fpmlint:ignore comment suppresses nothing",
	Doc:               unusedSuppressionDoc,
	CheckSuppressions: checkUnusedSuppression,
}

// ids are the names of all rules. They are filled in at the start, as the list of rules names this
// rule too.
var ids []string

func init() {
	for _, r := range all {
		ids = append(ids, r.ID)
	}
}

func checkUnusedSuppression(p *lint.Pass, s *lint.Suppression) {
	for _, r := range s.Rules {
		if !slices.Contains(ids, r.ID) {
			p.Report(lint.Finding{
				Message: fmt.Sprintf("the comment suppresses nothing: there is no rule %q%s", r.ID, spell.Hint(r.ID, ids)),
				Help:    "write the rule's name; fpmlint rules lists them",
				Span:    r.Span,
			})
			return
		}
	}
	if s.Fault != "" {
		p.Report(lint.Finding{
			Message: "the comment suppresses nothing: " + s.Fault,
			Help:    "write fpmlint:ignore RULE[,RULE] [until=YYYY-MM-DD] and the reason",
			Span:    s.Span,
		})
		return
	}
	var unused []lint.SuppressedRule
	for _, r := range s.Rules {
		if r.Judged && !r.Found {
			unused = append(unused, r)
		}
	}
	switch {
	case len(unused) > 0:
		reportUnused(p, s, unused)
	case s.Expired && slices.ContainsFunc(s.Rules, func(r lint.SuppressedRule) bool { return r.Found }):
		p.Report(lint.Finding{
			Message: fmt.Sprintf("the comment suppresses nothing since %s, which it names as its end", s.Until),
			Help:    "mend what it hid, which is reported again, or write a later day and why",
			Span:    s.Span,
		})
	}
}

func reportUnused(p *lint.Pass, s *lint.Suppression, unused []lint.SuppressedRule) {
	var names []string
	for _, r := range unused {
		names = append(names, r.ID)
	}
	f := lint.Finding{
		Message: fmt.Sprintf("the comment suppresses nothing: %s finds nothing here", strings.Join(names, ", ")),
		Help:    "remove it, or move it to the line that it is about or the one before",
		Span:    unused[0].Span,
	}
	if editable(s.Span.File) {
		f.Fix = &lint.Fix{Safe: true, Description: "remove the comment", Edits: []source.Edit{{Span: whole(s)}}}
		if len(unused) < len(s.Rules) {
			f.Fix.Description = "take the rule out of the comment"
			f.Fix.Edits = []source.Edit{{Span: ruleList(s), NewText: strings.Join(rest(s, unused), ",")}}
		}
	}
	p.Report(f)
}

// whole is the comment with its line where it stands alone, else with the space before it.
func whole(s *lint.Suppression) source.Span {
	data, at := s.Span.File.Data, s.Span
	for at.Start > 0 && (data[at.Start-1] == ' ' || data[at.Start-1] == '\t') {
		at.Start--
	}
	if s.Alone {
		for at.End < len(data) && data[at.End] != '\n' {
			at.End++
		}
		at.End = min(at.End+1, len(data))
	}
	return at
}

func ruleList(s *lint.Suppression) source.Span {
	return s.Span.File.Span(s.Rules[0].Span.Start, s.Rules[len(s.Rules)-1].Span.End)
}

// rest are the rules of the comment that are not unused.
func rest(s *lint.Suppression, unused []lint.SuppressedRule) []string {
	var out []string
	for _, r := range s.Rules {
		if !slices.ContainsFunc(unused, func(u lint.SuppressedRule) bool { return u.Span == r.Span }) {
			out = append(out, r.ID)
		}
	}
	return out
}
