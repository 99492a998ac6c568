// Package fix mends what lint finds: it plans edits, shows them as a diff, and makes them in a
// transaction that is checked, reloaded, verified, and taken back when anything fails. It knows no
// rule.
package fix

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// maxRounds bounds how often a plan lints again: more means that two fixes undo each other.
const maxRounds = 10

// Options say what to mend.
type Options struct {
	// Rules are those whose findings are mended, in the order in which fixes are taken.
	Rules []lint.Rule
	// Lint finds what there is to mend, with the contents that an overlay gives to files on disk;
	// see Linter.
	Lint Linter
	// Level is the lowest severity that is mended.
	Level lint.Severity
	// Unsafe takes the fixes too that change behaviour or choose for the owner.
	Unsafe bool
}

// Linter loads stacks, some of their files with other contents, and lints them.
type Linter func(context.Context, source.Overlay) (*lint.Result, error)

// Linting is the Linter that loads one set of options and runs rules.
func Linting(o stack.Options, rules []lint.Rule) Linter {
	return func(ctx context.Context, overlay source.Overlay) (*lint.Result, error) {
		o.Overlay = overlay
		stacks, err := stack.Load(ctx, o)
		if err != nil {
			return nil, err
		}
		return lint.Run(ctx, stacks, rules)
	}
}

// Plan is what a run would change.
type Plan struct {
	// Applied are the fixes in the order in which they were taken.
	Applied []Applied
	// Changes are the files with their old and new contents, sorted by path.
	Changes []Change
	// Before is what lint finds as things stand, After what it will find.
	Before, After *lint.Result

	relint Linter
}

// Applied is a fix that the plan takes.
type Applied struct {
	Finding lint.Finding
	// Sites are the server names of the hand-offs that the fix touches.
	Sites []string
	// handoffs are the places of those hand-offs in the stacks.
	handoffs []place
}

// place is a hand-off by its stack and its number in it; a fix adds and removes none.
type place struct{ stack, handoff int }

// Change is one file's change.
type Change struct {
	// Path is the file's absolute real path on disk.
	Path string
	// Name is the path for a diff: relative to the working directory where it is below it, else to
	// the root.
	Name string
	// Old is what the plan was made from, New what the file shall hold.
	Old, New []byte
	// Created says that the file is new, Like is the file on disk whose owner, mode and attributes
	// it gets.
	Created bool
	Like    string
}

// ErrNotOnDisk says that a fix was asked for what lies in no file: a snapshot, a dump, standard input.
var ErrNotOnDisk = errors.New("fix edits files on disk; a snapshot, a dump or standard input can only be linted")

// Make plans the fixes. Fixes are taken in catalogue order; one that overlaps an earlier one waits
// until what that one leaves was linted again.
func Make(ctx context.Context, o Options) (*Plan, error) {
	p := &Plan{relint: o.Lint}
	files := map[string]*Change{}
	overlay := source.Overlay{}
	for round := 0; ; round++ {
		result, err := o.Lint(ctx, overlay)
		if err != nil {
			return nil, err
		}
		if p.Before == nil {
			p.Before = result
		}
		p.After = result
		r, err := newRound(o, result)
		if err != nil {
			return nil, err
		}
		if len(r.taken) == 0 {
			break
		}
		if round == maxRounds {
			return nil, fmt.Errorf("after %d rounds these rules still change what the others left: %s; mend one of them by hand, or leave it out with --ignore", maxRounds, r.ruleNames())
		}
		r.apply(files, overlay)
		p.Applied = append(p.Applied, r.taken...)
	}
	for _, c := range files {
		if c.Created || !bytes.Equal(c.Old, c.New) {
			p.Changes = append(p.Changes, *c)
		}
	}
	slices.SortFunc(p.Changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return p, p.worse()
}

// Relint finds what is left after the plan was carried out and the daemons were reloaded: a socket
// that was only to come is there by then.
func (p *Plan) Relint(ctx context.Context) error {
	result, err := p.relint(ctx, nil)
	if err != nil {
		return err
	}
	p.After = result
	return nil
}

// worse is an error where the plan would make a daemon refuse what it accepts now. No fix should
// do that; this is the net below them.
func (p *Plan) worse() error {
	had := map[string]int{}
	for _, f := range p.Before.Findings {
		if breaks(f) {
			had[f.Rule+f.Message]++
		}
	}
	for _, f := range p.After.Findings {
		if !breaks(f) {
			continue
		}
		if had[f.Rule+f.Message]--; had[f.Rule+f.Message] < 0 {
			pos := f.Span.Position()
			return fmt.Errorf("%s:%d:%d: the fixes would leave: %s; nothing was changed", f.Span.File.Display, pos.Line, pos.Column, f.Message)
		}
	}
	return nil
}

// breaks says whether a finding is one that keeps a daemon from starting.
func breaks(f lint.Finding) bool {
	return f.Severity == lint.Error && !f.Span.IsZero() && slices.Contains([]string{"nginx-syntax", "fpm-syntax", "fpm-config", "busy-buffers"}, f.Rule)
}

// Remaining are the findings at the level that the plan leaves.
func (p *Plan) Remaining(level lint.Severity) []lint.Finding {
	return slices.DeleteFunc(slices.Clone(p.After.Findings), func(f lint.Finding) bool { return f.Severity < level })
}

// round takes fixes that do not disturb each other.
type round struct {
	taken []Applied
	files map[string]*edited // by path on disk: two stacks may share a file
	fresh map[string]lint.NewFile
}

// edited is a file with the edits that were taken, sorted and apart from each other.
type edited struct {
	file  *source.File
	edits []edit
}

// edit replaces data[start:end] by text.
type edit struct {
	start, end int
	text       string
}

func newRound(o Options, result *lint.Result) (*round, error) {
	r := &round{files: map[string]*edited{}, fresh: map[string]lint.NewFile{}}
	order := map[string]int{}
	for i, rule := range o.Rules {
		order[rule.ID] = i
	}
	places := map[*stack.Handoff]place{}
	for i, s := range result.Stacks {
		for j, h := range s.Handoffs {
			places[h] = place{i, j}
		}
	}
	findings := slices.Clone(result.Findings)
	slices.SortStableFunc(findings, func(a, b lint.Finding) int { return cmp.Compare(order[a.Rule], order[b.Rule]) })
	for _, f := range findings {
		if f.Fix == nil || len(f.Fix.Edits)+len(f.Fix.Files) == 0 || f.Severity < o.Level || !f.Fix.Safe && !o.Unsafe {
			continue
		}
		for _, e := range f.Fix.Edits {
			if e.Span.File.Disk == "" {
				return nil, fmt.Errorf("%s: %w", e.Span.File.Display, ErrNotOnDisk)
			}
		}
		fresh, err := onDisk(f.Fix.Files)
		if err != nil {
			return nil, err
		}
		if r.differs(fresh) || !r.take(f.Fix.Edits) {
			continue
		}
		maps.Copy(r.fresh, fresh)
		a := Applied{Finding: f}
		for _, h := range f.Handoffs {
			a.handoffs = append(a.handoffs, places[h])
			for _, name := range h.Scope.ServerNames() {
				if name != "" && name != "_" && !slices.Contains(a.Sites, name) { // those two are no names
					a.Sites = append(a.Sites, name)
				}
			}
		}
		r.taken = append(r.taken, a)
	}
	return r, nil
}

// onDisk are new files by their paths on disk.
func onDisk(files []lint.NewFile) (map[string]lint.NewFile, error) {
	out := map[string]lint.NewFile{}
	for _, n := range files {
		if n.Root.Disk() == "" {
			return nil, fmt.Errorf("%s: %w", n.Path, ErrNotOnDisk)
		}
		real, err := n.Root.Resolve(n.Path)
		if err != nil {
			return nil, err
		}
		out[filepath.Join(n.Root.Disk(), real)] = n
	}
	return out, nil
}

// differs says whether another fix makes one of the files with another content.
func (r *round) differs(fresh map[string]lint.NewFile) bool {
	for name, n := range fresh {
		if have, ok := r.fresh[name]; ok && !bytes.Equal(have.Data, n.Data) {
			return true
		}
	}
	return false
}

// take adds a fix's edits, all or none: none where one of them touches an edit that another fix
// makes, unless it is the same.
func (r *round) take(edits []source.Edit) bool {
	fresh := edits[:0:0]
	for _, e := range edits {
		f := r.files[e.Span.File.Disk]
		if f == nil {
			fresh = append(fresh, e)
			continue
		}
		switch have, touches := f.touching(edit{e.Span.Start, e.Span.End, e.NewText}); {
		case !touches:
			fresh = append(fresh, e)
		case have != edit{e.Span.Start, e.Span.End, e.NewText}:
			return false
		}
	}
	for _, e := range fresh {
		name := e.Span.File.Disk
		if r.files[name] == nil {
			r.files[name] = &edited{file: e.Span.File}
		}
		r.files[name].add(edit{e.Span.Start, e.Span.End, e.NewText})
	}
	return true
}

func byStart(a, b edit) int { return cmp.Compare(a.start, b.start) }

// add keeps the order of a fix's insertions at one place.
func (f *edited) add(e edit) {
	at, _ := slices.BinarySearchFunc(f.edits, e.start+1, func(have edit, start int) int { return cmp.Compare(have.start, start) })
	f.edits = slices.Insert(f.edits, at, e)
}

// touching finds an edit that overlaps or adjoins another.
func (f *edited) touching(e edit) (edit, bool) {
	at, _ := slices.BinarySearchFunc(f.edits, e, byStart)
	for _, i := range []int{at, at - 1} { // those that are there lie apart: only neighbours can touch
		if i >= 0 && i < len(f.edits) && e.start <= f.edits[i].end && f.edits[i].start <= e.end {
			return f.edits[i], true
		}
	}
	return edit{}, false
}

// content is what the edits leave.
func (f *edited) content() []byte {
	var out bytes.Buffer
	at := 0
	for _, e := range f.edits {
		out.Write(f.file.Data[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(f.file.Data[at:])
	return out.Bytes()
}

func (r *round) apply(changes map[string]*Change, overlay source.Overlay) {
	for name, f := range r.files {
		if changes[name] == nil {
			changes[name] = &Change{Path: name, Name: diffName(f.file), Old: f.file.Data}
		}
		changes[name].New = f.content()
		overlay[name] = changes[name].New
	}
	for name, n := range r.fresh {
		changes[name] = &Change{Path: name, Name: diffName(&source.File{Path: n.Path, Display: n.Root.Display(n.Path)}), New: n.Data, Created: true, Like: n.Like.Disk}
		overlay[name] = n.Data
	}
}

// diffName is a file's path relative to the working directory, or else to its root.
func diffName(f *source.File) string {
	if filepath.IsAbs(f.Display) {
		return strings.TrimPrefix(f.Path, "/")
	}
	return f.Display
}

func (r *round) ruleNames() string {
	var ids []string
	for _, a := range r.taken {
		if !slices.Contains(ids, a.Finding.Rule) {
			ids = append(ids, a.Finding.Rule)
		}
	}
	return strings.Join(ids, ", ")
}
