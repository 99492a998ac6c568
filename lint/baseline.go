package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"fpmlint/lint/source"
)

// Baseline are findings that are known: a run reports others only.
type Baseline struct {
	Version  int     `json:"version"`
	Findings []Known `json:"findings"`
}

// Known is a finding of a baseline. Its fingerprint counts, the rest is for readers.
type Known struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	File        string `json:"file"`
	Message     string `json:"message"`
}

// ReadBaseline reads what report.Baseline wrote.
func ReadBaseline(name string) (*Baseline, error) {
	data, err := source.ReadRegular(name, source.MaxFileSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; --write-baseline makes one", err)
	}
	if err != nil {
		return nil, err
	}
	var b Baseline
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("%s: not a baseline: %w", name, err)
	}
	if b.Version != 1 {
		return nil, fmt.Errorf("%s: not a baseline of version 1", name)
	}
	return &b, nil
}

// Baseline holds what was found.
func (r *Result) Baseline() *Baseline {
	b := &Baseline{Version: 1, Findings: []Known{}}
	for i := range r.Findings {
		f := &r.Findings[i]
		b.Findings = append(b.Findings, Known{f.Fingerprint, f.Rule, display(f.Span), f.Message})
	}
	return b
}

// Know takes the findings of a baseline away. Entries that are found no more are Stale, unless
// their rule did not run or left something out.
func (r *Result) Know(b *Baseline, rules []Rule) {
	known := map[string]bool{}
	for _, k := range b.Findings {
		known[k.Fingerprint] = true
	}
	found := map[string]bool{}
	kept := r.Findings[:0]
	for _, f := range r.Findings {
		if known[f.Fingerprint] {
			found[f.Fingerprint] = true
			r.Known++
			continue
		}
		kept = append(kept, f)
	}
	r.Findings = kept
	judged := map[string]bool{}
	for _, rule := range rules {
		judged[rule.ID] = true
	}
	for _, s := range r.Skipped {
		delete(judged, s.Rule)
	}
	for _, k := range b.Findings {
		if judged[k.Rule] && !found[k.Fingerprint] {
			r.Stale = append(r.Stale, k)
		}
	}
}
