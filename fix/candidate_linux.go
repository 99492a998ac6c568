package fix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// candidate is a set of changes that a command sees as if they were made, in a mount namespace of
// its own. A nil candidate runs commands plainly.
type candidate struct {
	dir     string // with the new contents
	binds   []bind
	changes []Change
}

// bind mounts one path over another.
type bind struct{ from, to string }

// errNoNamespace says that the kernel does not let this process have a mount namespace.
var errNoNamespace = errors.New("no private mount namespace can be had")

// stage writes the new contents to a directory of its own, for the check that comes before any change.
func stage(changes []Change) (c *candidate, err error) {
	dir, err := os.MkdirTemp("", "fpmlint-")
	if err != nil {
		return nil, err
	}
	c = &candidate{dir: dir, changes: changes}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	created := map[string][]Change{}
	for i, change := range changes {
		if change.Created {
			created[filepath.Dir(change.Path)] = append(created[filepath.Dir(change.Path)], change)
			continue
		}
		name := filepath.Join(dir, fmt.Sprintf("file-%d", i))
		if err := copyAs(change.Path, name, change.New); err != nil {
			return nil, err
		}
		c.binds = append(c.binds, bind{name, change.Path})
	}
	for target, list := range created {
		if err := c.stageDir(target, list); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// copyAs writes a content with the owner and mode that a file has.
func copyAs(like, name string, data []byte) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(name, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(name, info.Mode().Perm())
}

// stageDir makes a directory that holds what target holds and new files: a mount needs something
// to stand on. Directories within are mounted into it.
func (c *candidate) stageDir(target string, created []Change) error {
	staged := filepath.Join(c.dir, fmt.Sprintf("dir-%d", len(c.binds)))
	if err := os.Mkdir(staged, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(target)
	if err != nil {
		return err
	}
	var inner []bind
	for _, e := range entries {
		from, to := filepath.Join(target, e.Name()), filepath.Join(staged, e.Name())
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(from)
			if err == nil {
				err = os.Symlink(link, to)
			}
			if err != nil {
				return err
			}
		case e.IsDir():
			if err := os.Mkdir(to, 0o755); err != nil {
				return err
			}
			inner = append(inner, bind{from, to})
		case e.Type().IsRegular():
			if err := os.WriteFile(to, nil, 0o600); err != nil {
				return err
			}
			inner = append(inner, bind{from, to})
		}
	}
	for _, change := range created {
		if err := os.WriteFile(filepath.Join(staged, filepath.Base(change.Path)), change.New, 0o644); err != nil {
			return err
		}
	}
	// The files that change in the same directory are mounted already, and come along with inner.
	c.binds = append(append(c.binds, inner...), bind{staged, target})
	return nil
}

func (c *candidate) close() {
	if c != nil {
		os.RemoveAll(c.dir) //nolint:errcheck // a temporary directory
	}
}

// run runs a command that sees the candidate.
func (c *candidate) run(cmd *exec.Cmd) error {
	if c == nil {
		return cmd.Run()
	}
	result := make(chan error, 1)
	go func() {
		// The thread is never given back: it ends with the goroutine, and the namespace with it.
		runtime.LockOSThread()
		result <- c.runHere(cmd)
	}()
	return <-result
}

func (c *candidate) runHere(cmd *exec.Cmd) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("%w: %w", errNoNamespace, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("%w: %w", errNoNamespace, err)
	}
	for _, b := range c.binds {
		if err := unix.Mount(b.from, b.to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("%w: mounting over %s: %w", errNoNamespace, b.to, err)
		}
	}
	return cmd.Run()
}
