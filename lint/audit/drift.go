package audit

import (
	"encoding/json"
	"fmt"
	"os"
)

// Drift is what changed since an earlier audit.
type Drift struct {
	Since string `json:"since"`
	// New and Gone have only the hosts on which a finding came or went.
	New       []Finding `json:"new"`
	Gone      []Finding `json:"gone"`
	Unchanged int       `json:"unchanged"`
}

// Compare finds what changed since the report of an earlier audit. Findings of hosts that were
// not audited this time are not gone. Lines may have moved: the place is the file.
func (r *Report) Compare(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var before Report
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if before.Version != 1 || before.Hosts == nil || before.Findings == nil {
		return fmt.Errorf("%s is no report of fpmlint audit --format json", file)
	}
	d := &Drift{Since: file}
	audited := map[string]bool{}
	for _, h := range r.Hosts {
		audited[h.Name] = h.Status == OK
	}
	was, is := before.places(), r.places()
	d.New = r.without(was, nil)
	d.Gone = before.without(is, audited)
	for k := range is {
		if was[k] {
			d.Unchanged++
		}
	}
	r.Drift = d
	return nil
}

type placeKey struct{ rule, message, file, host string }

func (r *Report) places() map[placeKey]bool {
	out := map[placeKey]bool{}
	for _, f := range r.Findings {
		for _, h := range f.Hosts {
			out[placeKey{f.Rule, f.Message, f.File, h}] = true
		}
	}
	return out
}

// without are the findings that others do not have, with the hosts on which they do not.
func (r *Report) without(others map[placeKey]bool, only map[string]bool) []Finding {
	out := []Finding{}
	for _, f := range r.Findings {
		var hosts []string
		for _, h := range f.Hosts {
			if !others[placeKey{f.Rule, f.Message, f.File, h}] && (only == nil || only[h]) {
				hosts = append(hosts, h)
			}
		}
		if len(hosts) > 0 {
			f.Hosts = hosts
			out = append(out, f)
		}
	}
	return out
}
