package source

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Overlay holds contents that files on disk are to have, by their absolute real paths; nothing is
// written. A path at which no file is stands for a new one. So edits are judged before they are
// made.
type Overlay map[string][]byte

// overlaid is a directory on disk seen through an overlay.
type overlaid struct {
	disk
	files memory // by path inside the root
}

func (d disk) under(o Overlay) backend {
	files := memory{}
	prefix := strings.TrimSuffix(string(d), "/") + "/"
	for name, content := range o {
		if inside, ok := strings.CutPrefix(name, prefix); ok {
			p := "/" + inside
			files[p] = &node{name: path.Base(p), mode: 0o644, size: int64(len(content)), data: content}
		}
	}
	if len(files) == 0 {
		return d
	}
	return overlaid{d, files}
}

func (o overlaid) Lstat(name string) (fs.FileInfo, error) {
	info, err := o.disk.Lstat(name)
	n := o.files[name]
	if n == nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return info, err
	}
	described := *n
	if err == nil {
		described.mode = info.Mode()
	}
	return &described, nil
}

func (o overlaid) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := o.disk.ReadDir(name)
	if err != nil {
		return nil, err
	}
	for p, n := range o.files {
		if path.Dir(p) == name && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == n.name }) {
			entries = append(entries, n)
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (o overlaid) load(name string, info fs.FileInfo) ([]byte, error) {
	if n := o.files[name]; n != nil {
		return n.data, nil
	}
	return o.disk.load(name, info)
}
