// Package config reads a team's policy, .fpmlint.yaml: what is linted, which rules count and how.
// It knows the names of rules and their options, not what they look for.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"fpmlint/lint"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Name is the policy file's.
const Name = ".fpmlint.yaml"

// maxSize bounds a policy file, in bytes: the parser needs much more memory than the file.
const maxSize = 64 << 10

// Policy is what a policy file says. The zero value says nothing.
type Policy struct {
	// File is the path of the file, "" where there is none. Its paths are relative to Dir, which
	// is absolute.
	File, Dir string
	// FailOn is the severity from which findings fail a run, or "never"; "" where it is not set.
	FailOn string
	// Baseline is the file of known findings, named from the working directory; "" for none.
	Baseline string
	// Facts are those of the host of all stacks.
	Facts Facts
	// Stacks are what is linted where the command line names nothing.
	Stacks []Stack

	rules  map[string]rule
	ignore []string
}

// At says whether a path is the policy's directory.
func (p *Policy) At(name string) bool {
	if p.File == "" {
		return false
	}
	dir, err := os.Stat(p.Dir)
	if err != nil {
		return false
	}
	at, err := os.Stat(name)
	return err == nil && os.SameFile(dir, at)
}

// Facts about a host, in bytes; 0 is not given.
type Facts struct{ RAM, Reserve, WorkerRSS int64 }

// Stack is one stack to lint. The fields are those of stack.Options, with paths as they stand in
// the file.
type Stack struct {
	Name                     string
	Paths                    []string
	Root, NginxRoot, FPMRoot string
	NginxConf, FPMConf       []string
	// Hosts are the FPM sides by the host names under which nginx reaches them.
	Hosts map[string]string
	Facts Facts
}

// rule is what the policy says about a rule.
type rule struct {
	off    bool
	forced lint.Severity
	// set is the rule with its options.
	set lint.Rule
}

// Find looks for a policy file in a directory and those above it; "" where there is none. The
// path is relative to the directory.
func Find(dir string) (string, error) {
	top, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := top; ; at = filepath.Dir(at) {
		name := filepath.Join(at, Name)
		_, err := os.Stat(name)
		switch {
		case err == nil:
			if rel, err := filepath.Rel(top, name); err == nil {
				name = filepath.Join(dir, rel)
			}
			return name, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", err
		case at == filepath.Dir(at):
			return "", nil
		}
	}
}

// Read reads a policy file; all are the rules that there are. Its errors name line and column, one
// on each line.
func Read(name string, all []lint.Rule) (*Policy, error) {
	data, err := source.ReadRegular(name, maxSize)
	if errors.Is(err, source.ErrTooLarge) {
		return nil, fmt.Errorf("%s: larger than %d KiB", name, maxSize>>10)
	}
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, err
	}
	p := &Policy{File: name, Dir: filepath.Dir(abs)}
	return p, p.parse(data, all)
}

// ReadFound is Read for a file that nobody named: whoever wrote the repository in which it was found
// may not send fpmlint elsewhere on the machine.
func ReadFound(name string, all []lint.Rule) (*Policy, error) {
	top, err := repository(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	if !below(top, name) {
		return nil, fmt.Errorf("%s leads out of %s: name it with --config if it is yours", name, top)
	}
	p, err := Read(name, all)
	if err != nil {
		return p, err
	}
	names := []string{p.Baseline}
	for _, s := range p.Stacks {
		o := p.Options(s)
		names = append(names, o.Root, o.NginxRoot, o.FPMRoot)
		names = append(names, o.Paths...)
		names = slices.AppendSeq(names, maps.Values(o.Hosts))
	}
	slices.Sort(names)
	for _, n := range names {
		if n != "" && n != "-" && !below(top, n) {
			return nil, fmt.Errorf("%s names %s, which is outside of %s: name the policy with --config if it is yours", name, n, top)
		}
	}
	return p, nil
}

// repository is the directory of the checkout that a directory belongs to, the directory itself where
// there is none.
func repository(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return "", err
	}
	for at := abs; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
	}
	return abs, nil
}

// below says whether a path leads to a place in a directory. One that is not there is judged by its
// name.
func below(top, name string) bool {
	at, err := filepath.Abs(name)
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(at); err == nil {
		at = real
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	rel, err := filepath.Rel(top, at)
	return err == nil && filepath.IsLocal(rel)
}

// Rules are those of all that the policy leaves on, set as it says. One that is selected by name
// runs even where the policy turns it off.
func (p *Policy) Rules(all []lint.Rule, selected []string) []lint.Rule {
	var out []lint.Rule
	for _, r := range all {
		said, ok := p.rules[r.ID]
		if ok {
			r = said.set
			r.Forced = said.forced
		}
		if !said.off || slices.Contains(selected, r.ID) {
			out = append(out, r)
		}
	}
	return out
}

// Ignored says whether findings in a file do not count.
func (p *Policy) Ignored(f *source.File) bool {
	if len(p.ignore) == 0 {
		return false
	}
	name := path.Clean(filepath.ToSlash(f.Display))
	if f.Disk != "" {
		rel, err := filepath.Rel(p.Dir, f.Disk)
		if err != nil || !filepath.IsLocal(rel) {
			return false
		}
		name = filepath.ToSlash(rel)
	}
	return slices.ContainsFunc(p.ignore, func(pattern string) bool {
		return doublestar.MatchUnvalidated(pattern, name) || doublestar.MatchUnvalidated(pattern+"/**", name)
	})
}

// Options turns a stack into what is to be loaded. Facts of the stack go before those of the policy.
func (p *Policy) Options(s Stack) stack.Options {
	at := p.relative
	all := func(names []string) []string {
		var out []string
		for _, n := range names {
			out = append(out, at(n))
		}
		return out
	}
	o := stack.Options{
		Name: s.Name, Paths: all(s.Paths), Root: at(s.Root), NginxRoot: at(s.NginxRoot), FPMRoot: at(s.FPMRoot),
		NginxConf: all(s.NginxConf), FPMConf: all(s.FPMConf),
	}
	if len(s.Hosts) > 0 {
		o.Hosts = map[string]string{}
		for host, side := range s.Hosts {
			o.Hosts[host] = at(side)
		}
	}
	s.Facts.Over(p.Facts).Apply(&o)
	return o
}

// relative names a path of the policy file from the working directory, so that reports name it so.
func (p *Policy) relative(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	full := filepath.Join(p.Dir, name)
	wd, err := os.Getwd()
	if err != nil {
		return full
	}
	if wd, err = filepath.EvalSymlinks(wd); err != nil {
		return full
	}
	if rel, err := filepath.Rel(wd, full); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return full
}

// Over are the facts with those of below where there are none.
func (f Facts) Over(below Facts) Facts {
	for _, v := range []struct{ to, from *int64 }{{&f.RAM, &below.RAM}, {&f.Reserve, &below.Reserve}, {&f.WorkerRSS, &below.WorkerRSS}} {
		if *v.to == 0 {
			*v.to = *v.from
		}
	}
	return f
}

// Apply gives the facts to what is loaded, where it has none.
func (f Facts) Apply(o *stack.Options) {
	have := Facts{o.RAM, o.Reserve, o.WorkerRSS}.Over(f)
	o.RAM, o.Reserve, o.WorkerRSS = have.RAM, have.Reserve, have.WorkerRSS
}
