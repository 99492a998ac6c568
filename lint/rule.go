// Package lint runs rules over stacks. A rule is a value that knows what it looks for; the engine
// knows no rule, loads nothing and prints nothing.
package lint

import (
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Rule is one check with its documentation.
type Rule struct {
	// ID is the rule's stable name, such as socket-mismatch.
	ID string
	// Severity is that of the rule's findings unless a finding says otherwise.
	Severity Severity
	// Family groups rules in lists: start, connectivity, capacity, crashes, time, buffers,
	// requests, exposure, observability, edge, upgrade.
	Family string
	// Summary says in one line what the rule finds.
	Summary string
	// Doc is the rule's documentation in Markdown.
	Doc string
	// Options are thresholds that the policy file may change, with Set.
	Options []Option
	// Forced is the severity that the policy file gives all findings of the rule; 0 leaves them theirs.
	Forced Severity
	// Check looks at one stack. It must not keep state between calls: stacks are checked in parallel.
	Check func(*Pass)
	// CheckSuppressions, which stands in place of Check, looks at a comment that suppresses
	// findings, once all other rules have run.
	CheckSuppressions func(*Pass, *Suppression)

	values map[string]any
}

// Pass is one rule at work on one stack.
type Pass struct {
	Stack *stack.Stack
	Rule  *Rule

	findings []Finding
	skips    []Skip
	skipped  map[string]bool // the reasons of skips
}

// Report adds a finding. Rule and Stack are filled in; a zero Severity means the rule's.
func (p *Pass) Report(f Finding) {
	f.Rule = p.Rule.ID
	f.Stack = p.Stack.Name
	if f.Severity == 0 {
		f.Severity = p.Rule.Severity
	}
	if p.Rule.Forced != 0 {
		f.Severity = p.Rule.Forced
	}
	f.Message, f.Help = clip(f.Message), clip(f.Help)
	if slices.ContainsFunc(f.Related, func(r source.Related) bool { return len(r.Message) > maxText }) {
		f.Related = slices.Clone(f.Related)
		for i := range f.Related {
			f.Related[i].Message = clip(f.Related[i].Message)
		}
	}
	p.findings = append(p.findings, f)
}

// maxText bounds a text of a report, in bytes: a configuration may have names of any length.
const maxText = 2000

// clip takes the middle out of a text that is too long.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText*3/4], "") + " ... " + strings.ToValidUTF8(s[len(s)-maxText/4:], "")
}

// Skip records that the rule could not judge something, and why. Equal reasons count once.
func (p *Pass) Skip(format string, args ...any) {
	reason := clip(fmt.Sprintf(format, args...))
	if p.skipped[reason] {
		return
	}
	if p.skipped == nil {
		p.skipped = map[string]bool{}
	}
	p.skipped[reason] = true
	p.skips = append(p.skips, Skip{Rule: p.Rule.ID, Stack: p.Stack.Name, Reason: reason})
}

// Finding is a fault at a place.
type Finding struct {
	Rule     string
	Stack    string
	Severity Severity
	// Message is one sentence with the values that matter.
	Message string
	// Help says what to do about it, in one sentence.
	Help string
	// Span is where the fault stands.
	Span source.Span
	// Related are the places on the other side, or where a value came from.
	Related []source.Related
	// Handoffs are those that the fault breaks; a snippet that many sites include has many.
	Handoffs []*stack.Handoff
	// Refused says that a daemon does not start or reload with it, whether or not the hand-offs get requests.
	Refused bool
	// Fix mends the fault; nil where there is none.
	Fix *Fix
	// Fingerprint names the finding across runs, unrelated edits and checkouts. Run fills it in.
	Fingerprint string
}

// Fix is a set of edits that belong together.
type Fix struct {
	// Safe marks a fix that can only mend. The others change behaviour or choose for the owner.
	Safe        bool
	Description string
	Edits       []source.Edit
	// Files are new files that the fix makes.
	Files []NewFile
}

// NewFile is a file that a fix makes.
type NewFile struct {
	Root *source.Root
	// Path is the file's path inside the root; its directory exists.
	Path string
	Data []byte
	// Like is the file whose owner, mode and attributes it gets.
	Like *source.File
}

// Skip says that a rule could not judge a stack or a part of it.
type Skip struct {
	Rule   string
	Stack  string
	Reason string
}
