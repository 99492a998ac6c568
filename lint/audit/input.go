package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
// root, and all of these below other directories.
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
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && name != p && stack.RootLike(name):
				out = append(out, Input{name})
				return filepath.SkipDir
			case d.Type().IsRegular() && (isSnapshot(name) || strings.HasSuffix(name, ".json")):
				out = append(out, Input{name})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no snapshot, root or report was found")
	}
	return out, nil
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
		if m.Host != "" {
			host = m.Host
		}
	}
	s, err := stack.LoadRoot(root, host, stack.Options{})
	if err != nil {
		return nil, err
	}
	r, err := lint.Run(ctx, []*stack.Stack{s}, rules)
	if err != nil {
		return nil, err
	}
	out := result{host: host, status: OK, settings: settings(s)}
	for i := range r.Findings {
		out.findings = append(out.findings, finding(&r.Findings[i]))
	}
	return []result{out}, nil
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
	return source.Snapshot(f)
}

// document is a report of lint, or what a fleet's tool says of a host that it did not reach.
type document struct {
	Version  int
	Host     string
	Status   string
	Reason   string
	Stacks   []struct{ Name string }
	Findings []struct {
		Finding
		Stack string
	}
}

const maxReport = 64 << 20

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
		return nil, err
	}
	r := result{host: in.Name(), status: OK}
	if d.Host != "" {
		r.host = d.Host
	}
	switch {
	case d.Version != 1:
		return nil, fmt.Errorf("version %d is not 1", d.Version)
	case d.Status == Unreachable || d.Status == Failed:
		r.status, r.reason = d.Status, printable(d.Reason)
		return []result{r}, nil
	case d.Stacks == nil || d.Findings == nil:
		return nil, errors.New("no report of fpmlint lint --format json")
	}
	for _, f := range d.Findings {
		if _, known := ranks[f.Severity]; !known {
			return nil, fmt.Errorf("unknown severity %q", f.Severity)
		}
		f.Hosts = nil
		// A root's files are called by their paths on the host, as in snapshots.
		if rest, ok := strings.CutPrefix(f.File, strings.TrimSuffix(f.Stack, "/")+"/"); ok && f.Stack != "" {
			f.File = "/" + rest
		}
		r.findings = append(r.findings, f.Finding)
	}
	return []result{r}, nil
}
