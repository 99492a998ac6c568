//go:build unix

package fix

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

// calls makes a system call that changes something, and is told its name and the path that it
// changes. Tests make calls fail, or end the process behind one.
type calls func(name, path string, call func() error) error

func plainly(_, _ string, call func() error) error { return call() }

// metadata is what a file has besides its content.
type metadata struct {
	Mode     uint32 // permission bits with setuid, setgid and sticky
	UID, GID int
	// Accessed and Modified are in nanoseconds since 1970.
	Accessed, Modified int64
	// Attributes are the extended ones, in which Linux keeps ACLs and SELinux labels too.
	Attributes map[string][]byte `json:",omitempty"`
	// Links is the number of names that the file has.
	Links  uint64
	Device uint64
	Inode  uint64
}

func readMetadata(name string) (metadata, error) {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return metadata{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return metadata{}, &fs.PathError{Op: "edit", Path: name, Err: errors.New("not a regular file")}
	}
	m := metadata{
		Mode: uint32(st.Mode) & 0o7777, UID: int(st.Uid), GID: int(st.Gid), //nolint:unconvert // its type differs between systems
		Accessed: unix.TimespecToNsec(st.Atim), Modified: unix.TimespecToNsec(st.Mtim),
		Links: uint64(st.Nlink), Device: uint64(st.Dev), Inode: uint64(st.Ino), //nolint:unconvert // their types differ between systems
	}
	attributes, err := xattr.LList(name)
	if err != nil {
		if unsupported(err) {
			return m, nil
		}
		return m, err
	}
	for _, a := range attributes {
		value, err := xattr.LGet(name, a)
		if err != nil {
			return m, err
		}
		if m.Attributes == nil {
			m.Attributes = map[string][]byte{}
		}
		m.Attributes[a] = value
	}
	return m, nil
}

func unsupported(err error) bool {
	return errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS)
}

// create makes a new file with a content, synced to disk. What a failure leaves is removed.
func (do calls) create(name string, data []byte, mode fs.FileMode) (err error) {
	var f *os.File
	err = do("create", name, func() (err error) {
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, do("close", name, f.Close))
		if err != nil {
			err = errors.Join(err, ignoreMissing(do("remove", name, func() error { return os.Remove(name) })))
		}
	}()
	if err := do("write", name, func() error { _, err := f.Write(data); return err }); err != nil {
		return err
	}
	return do("sync", name, f.Sync)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (do calls) mkdir(dir string, mode fs.FileMode) error {
	return do("mkdir", dir, func() error { return os.Mkdir(dir, mode) })
}

func (do calls) remove(name string) error {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil // a read-only file system would refuse to look closer
	}
	return ignoreMissing(do("remove", name, func() error { return os.Remove(name) }))
}

// syncDir makes what happened in a directory last over a loss of power.
func (do calls) syncDir(dir string) error {
	return do("sync", dir, func() error {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		err = d.Sync()
		if errors.Is(err, unix.EINVAL) { // some file systems have nothing to sync there
			err = nil
		}
		return errors.Join(err, d.Close())
	})
}

// rename puts a file in another's place, at once, and makes that last.
func (do calls) rename(from, to string) error {
	if err := do("rename", to, func() error { return os.Rename(from, to) }); err != nil {
		return err
	}
	return do.syncDir(filepath.Dir(to))
}

// replace gives a file a new content at once: readers see the old one or the new one. temp is a
// name in the same directory for the time between. With times, those of m are set too.
func (do calls) replace(name, temp string, data []byte, m metadata, times bool) (err error) {
	if err := do.create(temp, data, 0o600); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, do.remove(temp))
		}
	}()
	if err := do.dress(temp, m, times); err != nil {
		return err
	}
	return do.rename(temp, name)
}

// createAt makes a new file at once, with the owner, mode and attributes of another, and fails
// where there is one. temp is as for replace.
func (do calls) createAt(name, temp, like string, data []byte) error {
	m, err := readMetadata(like)
	if err != nil {
		return err
	}
	if err := do.create(temp, data, 0o600); err != nil {
		return err
	}
	if err = do.dress(temp, m, false); err == nil {
		err = do("link", name, func() error { return os.Link(temp, name) })
	}
	return errors.Join(err, do.remove(temp), do.syncDir(filepath.Dir(name)))
}

// overwrite gives a file a new content in place, so that its other names (hard links) keep it too.
// A shorter content is followed by empty lines until the file is cut, so that whoever reads it
// between finds it whole; if the write itself is cut short, the journal tells what it was.
func (do calls) overwrite(name string, data []byte, m metadata, times bool) (err error) {
	var f *os.File
	err = do("open", name, func() (err error) {
		f, err = os.OpenFile(name, os.O_RDWR, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := do("write", name, func() error { _, err := f.WriteAt(padded(data, int(info.Size())), 0); return err }); err != nil {
		return err
	}
	if err := do("truncate", name, func() error { return f.Truncate(int64(len(data))) }); err != nil {
		return err
	}
	if err := do("sync", name, f.Sync); err != nil {
		return err
	}
	return do.dress(name, m, times)
}

// padded is a content with empty lines behind it, up to a length.
func padded(data []byte, length int) []byte {
	return append(slices.Clip(data), bytes.Repeat([]byte{'\n'}, max(0, length-len(data)))...)
}

// dress gives a file the owner, the mode, the extended attributes and, if asked, the times of m. What
// it has already is not set: a file that may not be changed and was not needs nothing.
func (do calls) dress(name string, m metadata, times bool) error {
	now, err := readMetadata(name)
	if err != nil {
		return err
	}
	owner := now.UID != m.UID || now.GID != m.GID
	if owner {
		if err := do("chown", name, func() error { return os.Lchown(name, m.UID, m.GID) }); err != nil {
			return fmt.Errorf("keeping the owner: %w", err)
		}
	}
	if owner || now.Mode != m.Mode { // a change of owner takes setuid away
		if err := do("chmod", name, func() error { return unix.Chmod(name, m.Mode) }); err != nil {
			return &fs.PathError{Op: "chmod", Path: name, Err: err}
		}
	}
	for a, value := range m.Attributes {
		if string(now.Attributes[a]) == string(value) {
			continue
		}
		if err := do("setxattr", name, func() error { return xattr.LSet(name, a, value) }); err != nil {
			return fmt.Errorf("keeping the attribute %s: %w", a, err)
		}
	}
	for a := range now.Attributes {
		// An ACL that the directory gave, say; security.* is the kernel's.
		if _, keep := m.Attributes[a]; keep || strings.HasPrefix(a, "security.") {
			continue
		}
		if err := do("removexattr", name, func() error { return xattr.LRemove(name, a) }); err != nil {
			return fmt.Errorf("removing the attribute %s: %w", a, err)
		}
	}
	if !times || now.Modified == m.Modified {
		return nil
	}
	return do("utimes", name, func() error {
		ts := []unix.Timespec{unix.NsecToTimespec(m.Accessed), unix.NsecToTimespec(m.Modified)}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, name, ts, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "utimensat", Path: name, Err: err}
		}
		return nil
	})
}
