package source

import (
	"bytes"
	"path"

	"fpmlint/lint/lazy"
)

// gitLink is what git writes in place of a symbolic link where it may not make one
// (core.symlinks=false, as on Windows, and in archives of such checkouts): the target, without a
// line ending.
var gitLink = lazy.Regexp(`^[A-Za-z0-9_.@+~/-]+$`)

// linkTarget returns the path inside the root that a file stands for in place of a link. On this
// machine a file is what it is.
func (r *Root) linkTarget(f *File) (string, bool) {
	if r.live || len(f.Data) == 0 || len(f.Data) > 1024 || !bytes.ContainsRune(f.Data, '/') || !gitLink().Match(f.Data) {
		return "", false
	}
	target := string(f.Data)
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(f.Path), target)
	}
	info, err := r.Stat(target)
	return target, err == nil && info.Mode().IsRegular()
}
