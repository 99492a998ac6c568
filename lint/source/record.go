package source

import (
	"errors"
	"io/fs"
	"path"
	"sync"
)

// Seen is one thing that was asked for below a root.
type Seen struct {
	Mode fs.FileMode
	// Link is where a symbolic link leads.
	Link string
	// Data is what was read; nil where only its being there was asked for.
	Data []byte
	// Listed says that it was only seen in the list of its directory.
	Listed bool
	// Unread says that this process was not allowed to read it.
	Unread bool
}

// Recording remembers all that is asked for below a root, by real path: what a snapshot must hold
// to give the same answers.
type Recording struct {
	backend
	mu   sync.Mutex
	seen map[string]*Seen
}

// Record starts to remember. It is called before the root is used.
func (r *Root) Record() *Recording {
	rec := &Recording{backend: r.back, seen: map[string]*Seen{}}
	r.back = rec
	return rec
}

// Each yields what was asked for and is there; a path may come in any order.
func (rec *Recording) Each(yield func(string, Seen) bool) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for p, s := range rec.seen {
		if !yield(p, *s) {
			return
		}
	}
}

func (rec *Recording) note(name string, mode fs.FileMode, listed bool) *Seen {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	s := rec.seen[name]
	if s == nil {
		s = &Seen{Mode: mode, Listed: listed}
		rec.seen[name] = s
	}
	s.Listed = s.Listed && listed
	return s
}

// refused notes what this process was not allowed to read: it is not the same as nothing.
func (rec *Recording) refused(name string, mode fs.FileMode, err error) {
	if !errors.Is(err, fs.ErrPermission) {
		return
	}
	s := rec.note(name, mode, false)
	rec.mu.Lock()
	s.Unread = true
	rec.mu.Unlock()
}

// Lstat describes a path and notes it.
func (rec *Recording) Lstat(name string) (fs.FileInfo, error) { return rec.lstat(name, false) }

func (rec *Recording) lstat(name string, listed bool) (fs.FileInfo, error) {
	info, err := rec.backend.Lstat(name)
	if err != nil {
		rec.refused(name, 0, err)
		return nil, err
	}
	s := rec.note(name, info.Mode(), listed)
	if info.Mode().Type() == fs.ModeSymlink && s.Link == "" {
		if link, err := rec.Readlink(name); err == nil {
			rec.mu.Lock()
			s.Link = link
			rec.mu.Unlock()
		}
	}
	return info, nil
}

// ReadDir lists a directory and notes what is in it.
func (rec *Recording) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := rec.backend.ReadDir(name)
	rec.refused(name, fs.ModeDir, err)
	for _, e := range entries {
		_, _ = rec.lstat(path.Join(name, e.Name()), true) // one that is gone meanwhile is not noted
	}
	return entries, err
}

func (rec *Recording) load(name string, info fs.FileInfo) ([]byte, error) {
	data, err := rec.backend.load(name, info)
	rec.refused(name, info.Mode(), err)
	if err == nil {
		s := rec.note(name, info.Mode(), false)
		rec.mu.Lock()
		s.Data = data
		rec.mu.Unlock()
	}
	return data, err
}
