package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// Errors that Root.Read returns, wrapped in an *fs.PathError.
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = fmt.Errorf("larger than %d MiB", MaxFileSize>>20)
	ErrIsDir      = errors.New("is a directory")
	ErrTooMany    = fmt.Errorf("patterns look at more than %d names", maxLooked)
)

// Bounds on paths, as Linux has them.
const (
	maxLinks = 40
	maxPath  = 4096 // bytes
)

// backend is what a root is made of: a directory on disk, or a tree in memory.
// Paths are absolute and clean, "/" is the root itself; links are not followed.
type backend interface {
	securejoin.VFS // Lstat, Readlink
	ReadDir(name string) ([]fs.DirEntry, error)
	// load reads a regular file of at most MaxFileSize bytes, which Lstat described as info.
	load(name string, info fs.FileInfo) ([]byte, error)
}

// Root is a place below which configurations are read. It is safe for concurrent use.
type Root struct {
	// Name is what to call the root in a report: a directory, a snapshot's name, "-".
	Name string

	*store
	mounts []mount
	dirs   map[string]string // real paths of directories, as the mounts lead to them
}

// store is what the views of a root share.
type store struct {
	back    backend
	disk    string // the absolute directory, "" in memory
	display func(path string) string
	live    bool
	dump    bool

	mu    sync.Mutex
	files map[string]*reading // by real path
	// missing are real paths of directories that are not there.
	missing map[string]bool
	// listed is what directories hold, sorted by name, by their real paths.
	listed map[string][]fs.DirEntry

	looked atomic.Int64 // names that patterns were held against
}

type mount struct{ prefix, target string }

// Dir opens a directory as a root. "/" is this machine.
func Dir(dir string) (*Root, error) { return DirWith(dir, nil) }

// DirWith opens a directory as it would be with an overlay's contents.
func DirWith(dir string, o Overlay) (*Root, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	}
	wd, _ := os.Getwd()
	if real, err := filepath.EvalSymlinks(wd); err == nil {
		wd = real
	}
	r := newRoot(dir, disk(abs).under(o))
	r.disk = abs
	r.live = abs == "/"
	below := strings.TrimSuffix(wd, "/") + "/"
	r.display = func(p string) string {
		full := disk(abs).at(clean(p))
		if rel, ok := strings.CutPrefix(full, below); ok && wd != "/" && rel != "" {
			return rel
		}
		return full
	}
	return r, nil
}

func newRoot(name string, b backend) *Root {
	return &Root{Name: name, dirs: map[string]string{}, store: &store{
		back: b, display: func(p string) string { return p },
		files: map[string]*reading{}, missing: map[string]bool{}, listed: map[string][]fs.DirEntry{},
	}}
}

// Live says whether the root is this machine.
func (r *Root) Live() bool { return r.live }

// EvidenceFile is where a snapshot keeps what the running machine showed that it was taken from.
const EvidenceFile = "/fpmlint/evidence.json"

// Whole says that what is not here is not there either: on this machine, and in a snapshot of a
// running one, which holds all that was asked for.
func (r *Root) Whole() bool { return r.live || r.Exists(EvidenceFile) }

// Rendered says that a daemon reads the root's files as they are: on this machine, and in a dump
// that nginx printed. Elsewhere a file may be a template.
func (r *Root) Rendered() bool { return r.live || r.dump }

// Disk is the directory on disk that the root is, absolute and with links resolved; "" for a
// snapshot, a dump or standard input.
func (r *Root) Disk() string { return r.disk }

// Display is how a path inside the root is printed: where it lies on disk, relative to the
// working directory when below it.
func (r *Root) Display(p string) string { return r.display(p) }

// View is the root in which paths below prefix mean paths below target, both inside the root: a
// repository that keeps /etc/nginx in docker/nginx is read so. It counts before those that the root has.
func (r *Root) View(prefix, target string) *Root {
	mounts := append([]mount{{path.Clean(prefix), path.Clean("/" + target)}}, r.mounts...)
	return &Root{Name: r.Name, store: r.store, mounts: mounts, dirs: map[string]string{}}
}

// clean makes a path absolute inside the root. One that is clean is not copied.
func clean(p string) string {
	if !path.IsAbs(p) {
		p = "/" + p
	}
	return path.Clean(p)
}

func (r *Root) translate(p string) string {
	p = clean(p)
	for _, m := range r.mounts {
		if rest, ok := strings.CutPrefix(p, m.prefix); ok && (rest == "" || rest[0] == '/') {
			return path.Join(m.target, rest)
		}
	}
	return p
}

// Resolve follows all links of a path, inside the root only, and returns the real path.
// The last component need not exist.
func (r *Root) Resolve(p string) (string, error) {
	real, _, err := r.resolve(p)
	return real, err
}

// resolve also describes what is there; info is nil where nothing is.
func (r *Root) resolve(p string) (real string, info fs.FileInfo, err error) {
	real, dir, err := r.locate(p)
	if err != nil {
		return "", nil, err
	}
	return r.look(real, dir)
}

// locate resolves the directory of a path.
func (r *Root) locate(p string) (real, dir string, err error) {
	if len(p) > maxPath {
		return "", "", syscall.ENAMETOOLONG
	}
	p = r.translate(p)
	above := path.Dir(p)
	dir, err = r.resolveDir(above)
	switch {
	case err != nil:
		return "", "", err
	case dir == above:
		return p, dir, nil
	}
	return path.Join(dir, path.Base(p)), dir, nil
}

// look describes what is at a path whose directory is resolved, at the end of its links.
func (r *Root) look(p, dir string) (real string, info fs.FileInfo, err error) {
	real = p
	if r.gone(dir) {
		return real, nil, nil
	}
	info, err = r.back.Lstat(real)
	switch {
	case err != nil:
		return real, nil, nil
	case info.Mode().Type() != fs.ModeSymlink:
		return real, info, nil
	}
	if real, err = r.follow(real); err != nil {
		return "", nil, err
	}
	info, err = r.back.Lstat(real)
	if err != nil {
		return real, nil, nil
	}
	return real, info, nil
}

// follow resolves all links of a path.
func (r *Root) follow(p string) (string, error) {
	real, err := securejoin.SecureJoinVFS("/", p, mounted{r, new(int)})
	if err != nil {
		return "", err
	}
	return r.translate(real), nil
}

// mounted shows the root's links with the mounts in effect: a link's target may be below one.
type mounted struct {
	r     *Root
	links *int // followed so far
}

func (m mounted) Lstat(name string) (fs.FileInfo, error) { return m.r.back.Lstat(m.r.translate(name)) }
func (m mounted) Readlink(name string) (string, error) {
	if *m.links++; *m.links > maxLinks {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.ELOOP}
	}
	return m.r.back.Readlink(m.r.translate(name))
}

// resolveDir remembers what it found: the files of one directory need not ask again, and below one
// that is not there nothing is.
func (r *Root) resolveDir(dir string) (string, error) {
	r.mu.Lock()
	real, ok := r.dirs[dir]
	r.mu.Unlock()
	if ok {
		return real, nil
	}
	real, err := r.step(dir)
	if err == nil {
		r.mu.Lock()
		r.dirs[dir] = real
		r.mu.Unlock()
	}
	return real, err
}

// step resolves a directory from where its parent leads to.
func (r *Root) step(dir string) (string, error) {
	if len(r.mounts) > 0 || !path.IsAbs(dir) || dir == "/" {
		return r.follow(dir)
	}
	parent, err := r.resolveDir(path.Dir(dir))
	if err != nil {
		return "", err
	}
	real := path.Join(parent, path.Base(dir))
	missing := r.gone(parent)
	if !missing {
		info, err := r.back.Lstat(real)
		if err == nil && info.Mode().Type() == fs.ModeSymlink {
			return r.follow(dir)
		}
		missing = errors.Is(err, fs.ErrNotExist)
	}
	if missing {
		r.mu.Lock()
		r.missing[real] = true
		r.mu.Unlock()
	}
	return real, nil
}

// gone says whether a real directory is known not to be there.
func (r *Root) gone(dir string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missing[dir]
}

// Stat describes a path after following links inside the root.
func (r *Root) Stat(p string) (fs.FileInfo, error) {
	_, info, err := r.resolve(p)
	if err == nil && info == nil {
		err = &fs.PathError{Op: "stat", Path: p, Err: fs.ErrNotExist}
	}
	return info, err
}

// Lstat describes a path itself; links in its directory are followed inside the root.
func (r *Root) Lstat(p string) (fs.FileInfo, error) {
	if len(p) > maxPath {
		return nil, &fs.PathError{Op: "lstat", Path: p, Err: syscall.ENAMETOOLONG}
	}
	p = r.translate(p)
	dir, err := r.resolveDir(path.Dir(p))
	if err != nil {
		return nil, err
	}
	return r.back.Lstat(path.Join(dir, path.Base(p)))
}

// Exists says whether a path leads to something inside the root.
func (r *Root) Exists(p string) bool {
	_, err := r.Stat(p)
	return err == nil
}

// ReadDir lists a directory, sorted by name.
func (r *Root) ReadDir(p string) ([]fs.DirEntry, error) {
	real, err := r.Resolve(p)
	if err != nil {
		return nil, err
	}
	entries, err := r.back.ReadDir(real)
	r.list(real, entries)
	return entries, err
}

// Read returns the file that a path leads to. A file is read once however many names it has.
// Errors are *fs.PathError around fs.ErrNotExist, fs.ErrPermission, ErrIsDir, ErrNotRegular or
// ErrTooLarge.
//
// A file that holds nothing but the path of another one is a link that git could not make: the
// other one is returned.
func (r *Root) Read(p string) (*File, error) {
	f, err := r.read(p)
	for links := 0; err == nil && links < maxGitLinks; links++ {
		target, ok := r.linkTarget(f)
		if !ok {
			break
		}
		f, err = r.read(target)
	}
	return f, err
}

// Forget lets go of a file that was read and is of no use.
func (r *Root) Forget(f *File) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.files, f.Path)
}

// maxGitLinks bounds chains of such files, which may run in a circle.
const maxGitLinks = 8

func (r *Root) read(p string) (*File, error) {
	real, dir, err := r.locate(p)
	var info fs.FileInfo
	listed := err == nil && r.isListed(real)
	if err == nil && !listed {
		real, info, err = r.look(real, dir)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: r.Display(p), Err: unwrap(err)}
	}
	r.mu.Lock()
	e := r.files[real]
	if e == nil {
		e = &reading{}
		r.files[real] = e
	}
	r.mu.Unlock()
	e.once.Do(func() {
		if listed {
			e.file, e.err = r.loadListed(real)
		} else {
			e.file, e.err = r.load(real, info)
		}
	})
	return e.file, e.err
}

// reading is the one reading of a file.
type reading struct {
	once sync.Once
	file *File
	err  error
}

func (r *Root) load(real string, info fs.FileInfo) (*File, error) {
	fail := func(err error) (*File, error) {
		return nil, &fs.PathError{Op: "open", Path: r.Display(real), Err: unwrap(err)}
	}
	if info == nil { // nothing there, or not for us to know
		_, err := r.back.Lstat(real)
		if err == nil {
			err = fs.ErrNotExist
		}
		return fail(err)
	}
	// Look before opening: opening a FIFO or a device has effects.
	if err := readable(info); err != nil {
		return fail(err)
	}
	data, err := r.back.load(real, info)
	if err != nil {
		return fail(err)
	}
	return r.file(real, data, info.Mode()), nil
}

func (r *Root) file(real string, data []byte, mode fs.FileMode) *File {
	f := &File{Path: real, Display: r.Display(real), Data: data, Mode: mode}
	if r.disk != "" {
		f.Disk = disk(r.disk).at(real)
	}
	return f
}

// list keeps what a directory holds. A file that it shows to be a regular one is opened without another
// look, which spares a quarter of the calls that ten thousand small ones take.
func (r *Root) list(dir string, entries []fs.DirEntry) {
	if _, plain := r.back.(disk); !plain {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed[dir] = entries
}

func (r *Root) isListed(real string) bool {
	dir, name := path.Split(real)
	r.mu.Lock()
	entries := r.listed[path.Clean(dir)]
	r.mu.Unlock()
	i, found := slices.BinarySearchFunc(entries, name, func(e fs.DirEntry, name string) int { return strings.Compare(e.Name(), name) })
	return found && entries[i].Type().IsRegular()
}

func (r *Root) loadListed(real string) (*File, error) {
	data, mode, err := r.back.(disk).open(real)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: r.Display(real), Err: unwrap(err)}
	}
	return r.file(real, data, mode), nil
}

func readable(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return ErrIsDir
	case !info.Mode().IsRegular():
		return ErrNotRegular
	case info.Size() > MaxFileSize:
		return ErrTooLarge
	}
	return nil
}

func unwrap(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
