package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/snapshot"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Input is a snapshot, a root, or a JSON report.
type Input struct{ path string }

// Name is the host's by the file's name, where the content tells no better.
func (in Input) Name() string {
	name := filepath.Base(in.path)
	if abs, err := filepath.Abs(in.path); err == nil {
		name = filepath.Base(abs)
	}
	if host, err := os.Hostname(); name == "/" && err == nil {
		return host // this machine
	}
	for _, ext := range append(snapshotSuffixes, ".json") {
		if rest, ok := strings.CutSuffix(name, ext); ok && rest != "" {
			return rest
		}
	}
	return name
}

var snapshotSuffixes = []string{".tar.zst", ".tar.gz", ".tgz", ".tar"}

func isSnapshot(p string) bool {
	for _, ext := range snapshotSuffixes {
		if strings.HasSuffix(p, ext) {
			return true
		}
	}
	return false
}

// Find lists the inputs of the paths: files as they are, directories that are laid out like a
// root, and all of these below other directories. A link there counts where it leads to no file that is
// listed anyhow, or to nothing, which is a host that cannot be read.
func Find(paths []string) ([]Input, error) {
	var out []Input
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() || stack.RootLike(p) {
			out = append(out, Input{p})
			continue
		}
		var links []string
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			input := isSnapshot(name) || strings.HasSuffix(name, ".json")
			switch {
			case err != nil:
				return err
			case d.IsDir() && name != p && stack.RootLike(name):
				out = append(out, Input{name})
				return filepath.SkipDir
			case input && d.Type().IsRegular():
				out = append(out, Input{name})
			case input && d.Type() == fs.ModeSymlink:
				links = append(links, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		out = append(out, leading(links, p)...)
	}
	if len(out) == 0 {
		return nil, errors.New("no snapshot, root or report was found")
	}
	return out, nil
}

// leading are the links that lead out of a directory, or to nothing.
func leading(links []string, dir string) (out []Input) {
	top, err := filepath.EvalSymlinks(dir)
	if err != nil {
		top = dir
	}
	for _, name := range links {
		real, err := filepath.EvalSymlinks(name)
		if err == nil {
			info, err := os.Stat(real)
			listed := strings.HasPrefix(real, strings.TrimSuffix(top, "/")+"/") && (isSnapshot(real) || strings.HasSuffix(real, ".json"))
			if listed || err == nil && !info.Mode().IsRegular() {
				continue
			}
		}
		out = append(out, Input{name})
	}
	return out
}

// result is what one host came to.
type result struct {
	host, status, reason string
	findings             []Finding
	settings             map[string]setting
}

func (in Input) read(ctx context.Context, rules []lint.Rule) []result {
	results, err := in.try(ctx, rules)
	if err != nil {
		return []result{{host: in.Name(), status: Failed, reason: printable(err.Error())}}
	}
	return results
}

func (in Input) try(ctx context.Context, rules []lint.Rule) ([]result, error) {
	if strings.HasSuffix(in.path, ".json") {
		return in.report()
	}
	root, err := in.root()
	if err != nil {
		return nil, err
	}
	host := in.Name()
	if f, err := root.Read(snapshot.ManifestFile); err == nil {
		var m snapshot.Manifest
		if err := json.Unmarshal(f.Data, &m); err != nil {
			return nil, fmt.Errorf("its manifest: %w", err)
		}
		host = cmp.Or(m.Host, host)
	} else if root, err = masked(ctx, root, rules); err != nil {
		return nil, err
	}
	s, err := stack.LoadRoot(root, host, stack.Options{})
	if err != nil {
		return nil, err
	}
	r, err := lint.Run(ctx, []*stack.Stack{s}, rules)
	if err != nil {
		return nil, err
	}
	out := result{host: host, status: OK, reason: unread(s), settings: settings(s)}
	for i := range r.Findings {
		out.findings = append(out.findings, finding(&r.Findings[i]))
	}
	return []result{out}, nil
}

// unread says which parts of a host's configuration could not be judged; "" where none.
func unread(s *stack.Stack) string {
	var problems []source.Problem
	for _, c := range s.Nginx {
		for _, p := range c.Problems {
			if p.Kind == source.Unread && c.Root.Whole() {
				continue // it is a finding
			}
			if p.Kind != source.Template {
				p.Message = "include " + p.Span.Text() + ": " + p.Message
			}
			problems = append(problems, p)
		}
	}
	for _, m := range s.Masters {
		problems = append(problems, m.Problems...)
	}
	problems = slices.DeleteFunc(problems, func(p source.Problem) bool {
		return p.Kind != source.Unread && p.Kind != source.Denied && p.Kind != source.Template
	})
	if len(problems) == 0 {
		return ""
	}
	first := problems[0]
	more := ""
	if n := len(problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return printable(fmt.Sprintf("not all of it was read: %s:%d: %s%s", first.Span.File.Path, first.Span.Position().Line, first.Message, more))
}

// masked is a root as its snapshot would show it. A report of many hosts goes round: what it quotes
// must not hold their secrets.
func masked(ctx context.Context, root *source.Root, rules []lint.Rule) (*source.Root, error) {
	rec := root.Record()
	s, err := stack.LoadRoot(root, root.Name, stack.Options{})
	if err != nil {
		return nil, err
	}
	// What the rules ask for belongs to it.
	if _, err := lint.Run(ctx, []*stack.Stack{s}, rules); err != nil {
		return nil, err
	}
	return snapshot.Root(s, rec)
}

func (in Input) root() (*source.Root, error) {
	info, err := os.Stat(in.path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return source.Dir(in.path)
	}
	f, err := os.Open(in.path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	root, err := source.Snapshot(f)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it is cut short, or no archive")
	}
	return root, err
}

// document is a report of lint, or what a fleet's tool says of a host that it did not reach.
type document struct {
	Version  int
	Host     string
	Status   string
	Reason   string
	Stacks   []struct{ Name string }
	Hosts    []struct{} // only a report of audit has them
	Findings []struct {
		Finding
		Stack string
	}
}

const maxReport = 64 << 20

var errNoReport = errors.New("no report of fpmlint lint --format json")

func (in Input) report() ([]result, error) {
	f, err := os.Open(in.path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxReport {
		return nil, fmt.Errorf("larger than %d MiB", maxReport>>20)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		var shape *json.UnmarshalTypeError
		if errors.As(err, &shape) {
			return nil, errNoReport
		}
		return nil, fmt.Errorf("%w: %w", errNoReport, err)
	}
	r := result{host: in.Name(), status: OK}
	if d.Host != "" {
		r.host = d.Host
	}
	switch {
	case d.Version != 1:
		return nil, fmt.Errorf("version %d is not 1", d.Version)
	case d.Status == Unreachable || d.Status == Failed:
		r.status, r.reason = d.Status, printable(snapshot.Text(d.Reason))
		return []result{r}, nil
	case d.Hosts != nil:
		return nil, errors.New("a report of fpmlint audit is no host: --since takes it")
	case d.Stacks == nil || d.Findings == nil:
		return nil, errNoReport
	}
	for _, f := range d.Findings {
		if _, known := ranks[f.Severity]; !known {
			return nil, fmt.Errorf("unknown severity %q", f.Severity)
		}
		f.File, f.Message, f.Help = onHost(f.File, f.Stack), quoted(f.Message, f.Stack), quoted(f.Help, f.Stack)
		f.Hosts, f.Frame, f.Diff = nil, nil, "" // a report of lint has none
		r.findings = append(r.findings, f.Finding)
	}
	return []result{r}, nil
}

// onHost is a path of a root as it is called on the host, as in snapshots.
func onHost(name, root string) string {
	if rest, ok := strings.CutPrefix(name, strings.TrimSuffix(root, "/")+"/"); ok && root != "" {
		return "/" + rest
	}
	return name
}

// quoted is a sentence of lint as a snapshot would have it: with the host's paths, and without secrets.
func quoted(text, root string) string {
	words := strings.SplitAfter(text, " ")
	for i := range words {
		words[i] = onHost(words[i], root)
	}
	return snapshot.Text(strings.Join(words, ""))
}
