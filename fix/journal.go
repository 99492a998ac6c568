//go:build unix

package fix

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// The states of a run. Files are as before it in prepared's beginning, and as it left them in done;
// what ended in between is unfinished and is rolled back.
const (
	statePrepared   = "prepared"
	stateDone       = "done"
	stateRolledBack = "rolled back"
)

// errLocked says that another run is at work on the same state directory.
var errLocked = errors.New("another fpmlint run is at work")

// Journal is a state directory, locked: the backups and manifests of the runs.
type Journal struct {
	dir  string
	lock *flock.Flock
	do   calls
}

// run is one run's manifest.
type run struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	State   string    `json:"state"`
	// Outcome says in words how the run ended.
	Outcome string        `json:"outcome,omitempty"`
	Fixes   []string      `json:"fixes"`
	Files   []savedFile   `json:"files"`
	Sockets []savedSocket `json:"sockets,omitempty"`
	Daemons []*Daemon     `json:"daemons,omitempty"`
}

// savedFile is a file of a run. Its old content is beside the manifest.
type savedFile struct {
	Path    string `json:"path"`
	Created bool   `json:"created,omitempty"`
	// InPlace says that the file has other names, or is a mount, so that it is not replaced but overwritten.
	InPlace bool   `json:"inPlace,omitempty"`
	OldSum  string `json:"oldSum,omitempty"`
	NewSum  string `json:"newSum"`
	// Backup is the old content's name in the run's directory, Temp the path used while writing.
	Backup string   `json:"backup,omitempty"`
	Temp   string   `json:"temp"`
	Old    metadata `json:"old"`
}

// savedSocket is a live socket whose owner or mode a run changes.
type savedSocket struct {
	Path    string `json:"path"`
	OldUID  int    `json:"oldUID"`
	OldGID  int    `json:"oldGID"`
	OldMode uint32 `json:"oldMode"`
	NewUID  int    `json:"newUID"`
	NewGID  int    `json:"newGID"`
	NewMode uint32 `json:"newMode"`
}

// OpenJournal makes the state directory where it is missing, and locks it until Close.
func OpenJournal(dir string) (*Journal, error) { return openJournal(dir, plainly) }

func openJournal(dir string, do calls) (*Journal, error) {
	if err := os.MkdirAll(filepath.Join(dir, "runs"), 0o700); err != nil {
		return nil, unwritable(err)
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, unwritable(err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", dir, errLocked)
	}
	return &Journal{dir: dir, lock: lock, do: do}, nil
}

func unwritable(err error) error {
	return fmt.Errorf("the state directory, which keeps the backups, cannot be written (--state-dir DIR names another): %w", askRoot(err))
}

// askRoot adds to an error what a user who lacks a permission needs.
func askRoot(err error) error {
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return fmt.Errorf("%w; run fpmlint as root or as the owner", err)
	}
	return err
}

// Close lets the next run at the state directory.
func (j *Journal) Close() error { return j.lock.Close() }

func (j *Journal) runDir(id string) string { return filepath.Join(j.dir, "runs", id) }

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func newID(now time.Time) string {
	var b [3]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand does not fail
	return now.UTC().Format("20060102-150405-") + hex.EncodeToString(b[:])
}

// save writes a run's manifest, at once and synced.
func (j *Journal) save(r *run) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	dir := j.runDir(r.ID)
	temp := filepath.Join(dir, "manifest.new")
	if err := j.do.remove(temp); err != nil { // a killed run's
		return err
	}
	if err := j.do.create(temp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return j.do.rename(temp, filepath.Join(dir, "manifest.json"))
}

// begin writes the backups and the manifest of a run. Nothing else is changed before that lasts.
func (j *Journal) begin(r *run, changes []Change) error {
	dir := j.runDir(r.ID)
	if err := j.do.mkdir(dir, 0o700); err != nil {
		return err
	}
	for i := range r.Files {
		f := &r.Files[i]
		if f.Created {
			continue
		}
		f.Backup = fmt.Sprintf("old-%d", i)
		if err := j.do.create(filepath.Join(dir, f.Backup), changes[i].Old, 0o600); err != nil {
			return err
		}
	}
	if err := j.save(r); err != nil {
		return err
	}
	return j.do.syncDir(filepath.Dir(dir))
}

// load reads a run's manifest.
func (j *Journal) load(id string) (*run, error) {
	name := filepath.Join(j.runDir(id), "manifest.json")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := &run{}
	if err = json.Unmarshal(data, r); err == nil && (r.ID != id || r.Version != 1) {
		err = errors.New("not a manifest of this version of fpmlint")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; the old contents of the run's files are beside it (old-0, ...): see whether they are needed, then move %s out of the state directory", name, err, filepath.Dir(name))
	}
	return r, nil
}

// runs are all runs with a manifest, oldest first. A run without one was killed before it changed
// anything; what it left is removed.
func (j *Journal) runs() ([]*run, error) {
	entries, err := os.ReadDir(filepath.Join(j.dir, "runs"))
	if err != nil {
		return nil, err
	}
	var out []*run
	for _, e := range entries {
		r, err := j.load(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			if err := os.RemoveAll(j.runDir(e.Name())); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *run) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}
