// Package audit lints many hosts and merges what it finds into one report. It collects nothing
// from the hosts, and prints nothing: packages snapshot and report do.
package audit

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"fpmlint/lint"
)

// Statuses of a host.
const (
	OK          = "ok"
	Failed      = "failed"
	Unreachable = "unreachable"
)

// Report is what an audit found over all hosts. Its JSON is stable.
type Report struct {
	Version  int       `json:"version"`
	Hosts    []Host    `json:"hosts"`
	Findings []Finding `json:"findings"`
	Outliers []Outlier `json:"outliers"`
	Drift    *Drift    `json:"drift,omitempty"`
}

// Host is one machine.
type Host struct {
	Name   string `json:"name"`
	Group  string `json:"group"`
	Status string `json:"status"`
	// Reason is why the host failed, or what of an audited one was not read.
	Reason  string  `json:"reason,omitempty"`
	Summary Summary `json:"summary"`
}

// Summary counts findings by severity.
type Summary struct {
	Error   int `json:"error"`
	Warning int `json:"warning"`
	Info    int `json:"info"`
}

// Finding is one fault, with the hosts that have it.
type Finding struct {
	Rule        string `json:"rule"`
	Severity    string `json:"severity"`
	Message     string `json:"message"`
	Help        string `json:"help,omitempty"`
	File        string `json:"file"`
	Line        int    `json:"line"`
	Column      int    `json:"column"`
	EndLine     int    `json:"endLine"`
	EndColumn   int    `json:"endColumn"`
	Fingerprint string `json:"fingerprint"`
	// Frame are the lines around the fault, on the first host; Diff is what its fix changes.
	Frame []Line   `json:"frame,omitempty"`
	Diff  string   `json:"diff,omitempty"`
	Hosts []string `json:"hosts"`
}

// Line is a line of a file.
type Line struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
}

// Options say how to audit.
type Options struct {
	Rules []lint.Rule
	// Group names a host's group; nil is GroupOf.
	Group func(host string) string
	// Done is called after each host, from several goroutines; nil is nobody.
	Done func()
}

// GroupOf is a host's role by its name: web1.example.com and web-02 are web.
func GroupOf(host string) string {
	label, _, _ := strings.Cut(host, ".")
	if role := strings.TrimRight(strings.TrimRight(label, "0123456789"), "-_"); role != "" {
		return role
	}
	return host
}

// Interrupted is the reason of hosts that an interrupted audit did not come to.
const Interrupted = "interrupted"

// Run audits the inputs in parallel. It keeps only findings and settings of a host, so that memory
// does not grow with what the hosts hold. Where ctx ends, the hosts that were not audited are
// reported as failed, also those whose input keeps it waiting.
func Run(ctx context.Context, inputs []Input, o Options) *Report {
	if o.Group == nil {
		o.Group = GroupOf
	}
	m := &merger{findings: map[key]*Finding{}, texts: texts{numbers: map[string]int32{}}}
	var mu sync.Mutex
	names := map[string]int{}
	read := make([]bool, len(inputs))
	merge := func(i int, results []result) { // with mu held
		read[i] = true
		for _, r := range results {
			r.host = printable(r.host)
			if names[r.host]++; names[r.host] > 1 {
				r.host += " (" + inputs[i].Name() + ")"
			}
			m.add(r, o.Group(r.host))
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, in := range inputs {
			group.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				results := in.read(ctx, o.Rules)
				mu.Lock()
				defer mu.Unlock()
				if ctx.Err() != nil {
					return nil // the report may be made already
				}
				merge(i, results)
				if o.Done != nil {
					o.Done()
				}
				return nil
			})
		}
		_ = group.Wait() // no input's failure ends the others
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	for i, in := range inputs {
		if !read[i] {
			merge(i, []result{{host: in.Name(), status: Failed, reason: Interrupted}})
		}
	}
	return m.report()
}

type key struct {
	rule, severity, message, file string
	line                          int
}

func (f *Finding) key() key { return key{f.Rule, f.Severity, f.Message, f.File, f.Line} }

// merger gathers the hosts' results.
type merger struct {
	hosts    []Host
	findings map[key]*Finding
	rows     [][]row // by host
	texts    texts
}

func (m *merger) add(r result, group string) {
	h := Host{Name: r.host, Group: group, Status: r.status, Reason: r.reason}
	for _, f := range r.findings {
		switch f.Severity {
		case "error":
			h.Summary.Error++
		case "warning":
			h.Summary.Warning++
		default:
			h.Summary.Info++
		}
		have := m.findings[f.key()]
		if have == nil {
			m.findings[f.key()] = &f
			f.Hosts = []string{r.host}
			continue
		}
		if r.host < slices.Min(have.Hosts[:1]) { // the frame is the first host's, whoever came first
			have.Frame, have.Diff = f.Frame, f.Diff
			have.Hosts = slices.Insert(have.Hosts, 0, r.host)
		} else {
			have.Hosts = append(have.Hosts, r.host)
		}
	}
	m.hosts = append(m.hosts, h)
	m.rows = append(m.rows, m.texts.rows(r.settings))
}

var ranks = map[string]int{"error": 0, "warning": 1, "info": 2}

func (m *merger) report() *Report {
	r := &Report{Version: 1, Hosts: slices.Clone(m.hosts), Findings: make([]Finding, 0, len(m.findings)), Outliers: m.outliers()}
	if r.Hosts == nil {
		r.Hosts = []Host{}
	}
	slices.SortFunc(r.Hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(ok(a), ok(b)), cmp.Compare(b.Summary.Error, a.Summary.Error),
			cmp.Compare(b.Summary.Warning, a.Summary.Warning), cmp.Compare(b.Summary.Info, a.Summary.Info), cmp.Compare(a.Name, b.Name))
	})
	for f := range maps.Values(m.findings) {
		slices.Sort(f.Hosts)
		f.Hosts = slices.Compact(f.Hosts)
		r.Findings = append(r.Findings, *f)
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(ranks[a.Severity], ranks[b.Severity]), cmp.Compare(len(b.Hosts), len(a.Hosts)),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return r
}

func ok(h Host) int {
	if h.Status == OK {
		return 1
	}
	return 0
}

// printable keeps a host's name from another machine on one line.
func printable(s string) string {
	const longest = 255
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return s[:min(len(s), longest)]
}
