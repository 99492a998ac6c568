package source

import (
	"io/fs"
	"path"
	"slices"
	"syscall"
	"time"
)

// memory is a root in memory: a snapshot, a dump, standard input.
type memory map[string]*node

// node is a file, a directory or a link in memory. It is its own fs.FileInfo and fs.DirEntry.
type node struct {
	name     string
	mode     fs.FileMode
	size     int64 // of the original, which may be more than data holds
	data     []byte
	link     string
	children []string
	unread   bool // it could not be read where the snapshot was taken
}

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.size }
func (n *node) Mode() fs.FileMode          { return n.mode }
func (n *node) ModTime() time.Time         { return time.Time{} }
func (n *node) IsDir() bool                { return n.mode.IsDir() }
func (n *node) Sys() any                   { return nil }
func (n *node) Type() fs.FileMode          { return n.mode.Type() }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }

func (m memory) get(op, name string) (*node, error) {
	if n := m[name]; n != nil {
		return n, nil
	}
	// A path below something that is not a directory is no better than one that is not there.
	return nil, &fs.PathError{Op: op, Path: name, Err: syscall.ENOENT}
}

func (m memory) Lstat(name string) (fs.FileInfo, error) {
	n, err := m.get("lstat", name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (m memory) Readlink(name string) (string, error) {
	n, err := m.get("readlink", name)
	if err != nil {
		return "", err
	}
	if n.mode.Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	return n.link, nil
}

func (m memory) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := m.get("open", name)
	if err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	if n.unread {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	children := slices.Compact(slices.Sorted(slices.Values(n.children)))
	out := make([]fs.DirEntry, 0, len(children))
	for _, c := range children {
		out = append(out, m[path.Join(name, c)])
	}
	return out, nil
}

func (m memory) load(name string, _ fs.FileInfo) ([]byte, error) {
	n, err := m.get("open", name)
	if err == nil && n.unread {
		err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	if err != nil {
		return nil, err
	}
	return n.data, nil
}

// put adds a node and the directories above it.
func (m memory) put(p string, n *node) {
	n.name = path.Base(p)
	if old := m[p]; old != nil && old.IsDir() && n.IsDir() {
		return
	}
	m[p] = n
	for p != "/" {
		dir := path.Dir(p)
		parent := m[dir]
		if parent == nil || !parent.IsDir() {
			parent = &node{name: path.Base(dir), mode: fs.ModeDir | 0o755}
			m[dir] = parent
		}
		parent.children = append(parent.children, path.Base(p))
		p = dir
	}
}

// Memory makes a root of files at hand, by path.
func Memory(name string, files map[string]string) *Root {
	m := memory{"/": {name: "/", mode: fs.ModeDir | 0o755}}
	for p, content := range files {
		m.put(path.Clean("/"+p), &node{mode: 0o644, size: int64(len(content)), data: []byte(content)})
	}
	return newRoot(name, m)
}
