//go:build unix

package fix

import (
	"fmt"
	"os"
	"strings"
	"time"

	"fpmlint/lint/source"
)

// grain is that of the clocks by which files and processes are dated.
const grain = 20 * time.Millisecond

// outdated are the daemon's files that changed after the running process loaded them, and when it
// did. Where that cannot be told, there are none.
func (d *Daemon) outdated(p *process) (files []string, loaded time.Time) {
	loaded = p.loaded(d)
	if loaded.IsZero() {
		return nil, loaded
	}
	for _, f := range d.files {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(loaded.Add(grain)) {
			files = append(files, f)
		}
	}
	return files, loaded
}

// ranBefore says whether a daemon runs with what it loaded before a time: a run that spared it, or was cut
// short before the reload, left it alone.
func (d *Daemon) ranBefore(when time.Time) bool {
	p, err := d.running()
	if err != nil || p == nil {
		return false
	}
	loaded := p.loaded(d)
	return !loaded.IsZero() && loaded.Add(grain).Before(when)
}

// AfterRollback says what is left to do for a daemon whose files were rolled back.
func (d *Daemon) AfterRollback() string {
	if p, err := d.running(); err == nil && p == nil && d.ReloadCommand == "" {
		return d.toStart()
	}
	return fmt.Sprintf("%s still runs with what the run had written; fpmlint rollback --reload would have reloaded it: %s", d.Name(), d.ReloadByHand())
}

func disks(files []*source.File) []string {
	var out []string
	for _, f := range files {
		if f.Disk != "" {
			out = append(out, f.Disk)
		}
	}
	return out
}

// abrupt says whether a reload cuts running requests off: the process_control_timeout that the
// running PHP-FPM loaded is 0, or is not known to be the one in the file.
func (d *Daemon) abrupt(p *process) bool {
	if d.Kind != kindFPM {
		return false
	}
	if d.Grace == 0 || p == nil {
		return d.Grace == 0
	}
	files, _ := (&Daemon{Kind: d.Kind, PIDFile: d.PIDFile, files: []string{d.graceFile}}).outdated(p)
	return len(files) > 0
}

// Outdated says for each running daemon of the plan's stacks which files changed since it loaded them,
// and how it is made to load them.
func (t *Transaction) Outdated() []string {
	var out []string
	tell := func(d *Daemon, err error) {
		if err != nil || d == nil {
			return
		}
		p, err := d.running()
		if err != nil || p == nil {
			return
		}
		if files, loaded := d.outdated(p); len(files) > 0 {
			how := "reload it"
			if d.abrupt(p) {
				how = "reload it when it is quiet, since that cuts running requests off"
			}
			out = append(out, fmt.Sprintf("%s runs with what it loaded at %s, and %s changed since; %s: %s",
				d.Name(), loaded.Format(time.DateTime), strings.Join(files, ", "), how, d.ReloadByHand()))
		}
	}
	for _, s := range t.Plan.After.Stacks {
		for _, m := range s.Masters {
			tell(t.fpmDaemon(s, m))
		}
		for _, c := range s.Nginx {
			tell(t.nginxDaemon(s, c))
		}
	}
	return out
}
