package source

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// tree writes files below a fresh directory. A content "-> target" makes a link, a name with a
// slash at its end a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content, full := files[name], filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		target, link := strings.CutPrefix(content, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.Mkdir(full, 0o755)
		case link:
			err = os.Symlink(target, full)
		default:
			err = os.WriteFile(full, []byte(content), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string) *Root {
	t.Helper()
	r, err := Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// within runs what must not hang.
func within(t *testing.T, d time.Duration, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal("hangs")
	}
}

func TestLinks(t *testing.T) {
	outside := tree(t, map[string]string{"secret": "outside"})
	dir := tree(t, map[string]string{
		"etc/nginx/nginx.conf":          "main",
		"etc/nginx/sites-available/a":   "site a",
		"etc/nginx/sites-enabled/a":     "-> ../sites-available/a",
		"etc/nginx/sites-enabled/abs":   "-> /etc/nginx/sites-available/a",
		"etc/nginx/sites-enabled/chain": "-> abs",
		"etc/nginx/sites-enabled/up":    "-> ../../../../../../etc/nginx/sites-available/a",
		"etc/nginx/sites-enabled/out":   "-> " + outside + "/secret",
		"etc/nginx/sites-enabled/gone":  "-> /etc/nginx/nowhere",
		"etc/nginx/sites-enabled/self":  "-> self",
		"etc/nginx/sites-enabled/ping":  "-> pong",
		"etc/nginx/sites-enabled/pong":  "-> ping",
		"etc/alias":                     "-> /etc/nginx",
		"var/run":                       "-> /run",
		"loop":                          "-> loop/deeper",
	})
	r := open(t, dir)
	const real = "/etc/nginx/sites-available/a"
	first, err := r.Read(real)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/etc/nginx/sites-enabled/a", "/etc/nginx/sites-enabled/abs", "etc/nginx/sites-enabled/chain", "/etc/nginx/sites-enabled/up", "/etc/alias/sites-enabled/abs", "/../etc//alias/./sites-available/a"} {
		f, err := r.Read(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f != first || f.Path != real {
			t.Errorf("%s leads to %s, not to the one File of %s", name, f.Path, real)
		}
	}
	for _, name := range []string{"/etc/nginx/sites-enabled/out", "/etc/nginx/sites-enabled/gone", "/etc/nginx/absent", "/absent/file"} {
		if f, err := r.Read(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, %v, want that it does not exist", name, f, err)
		}
		if r.Exists(name) {
			t.Errorf("%s exists", name)
		}
	}
	within(t, 5*time.Second, func() {
		for _, name := range []string{"/etc/nginx/sites-enabled/self", "/etc/nginx/sites-enabled/ping", "/loop/a", "/loop"} {
			var p *fs.PathError
			if _, err := r.Read(name); !errors.As(err, &p) {
				t.Errorf("%s: %v, want an *fs.PathError", name, err)
			}
		}
	})
	if info, err := r.Lstat("/etc/alias"); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("Lstat follows the link: %v, %v", info, err)
	}
	if got, err := r.Resolve("/var/run/php/fpm.sock"); err != nil || got != "/run/php/fpm.sock" {
		t.Errorf("a socket's directory is %s, %v", got, err)
	}
}

// TestSpecialFiles holds Read to looking before it opens: a FIFO would hang it, a device never end.
func TestSpecialFiles(t *testing.T) {
	dir := tree(t, map[string]string{"conf.d/x.conf/": "", "null": "-> dev/null", "file": "text"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Skip(err)
	}
	r := open(t, dir)
	within(t, 5*time.Second, func() {
		for name, want := range map[string]error{"/pipe": ErrNotRegular, "/conf.d/x.conf": ErrIsDir, "/": ErrIsDir, "/file/below": syscall.ENOTDIR} {
			if _, err := r.Read(name); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
		machine := open(t, "/")
		for _, name := range []string{"/dev/zero", "/dev/stdin", "/proc/self/fd/0"} {
			if f, err := machine.Read(name); err == nil && len(f.Data) > 0 {
				t.Errorf("%s is read", name)
			}
		}
		if f, err := machine.Read("/proc/self/status"); err != nil || !strings.HasPrefix(string(f.Data), "Name:") {
			t.Errorf("a file without a size is not read: %v", err)
		}
	})
}

func TestTooLarge(t *testing.T) {
	dir := tree(t, map[string]string{"edge": "", "large": ""})
	for name, size := range map[string]int64{"edge": MaxFileSize, "large": MaxFileSize + 1} {
		if err := os.Truncate(filepath.Join(dir, name), size); err != nil {
			t.Fatal(err)
		}
	}
	r := open(t, dir)
	if f, err := r.Read("/edge"); err != nil || len(f.Data) != MaxFileSize {
		t.Errorf("a file of the largest size: %v", err)
	}
	if _, err := r.Read("/large"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%v, want %v", err, ErrTooLarge)
	}
}

func TestDir(t *testing.T) {
	dir := tree(t, map[string]string{"real/f": "x", "link": "-> real"})
	if _, err := Dir(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := Dir(filepath.Join(dir, "real/f")); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("%v", err)
	}
	r := open(t, filepath.Join(dir, "link"))
	if f, err := r.Read("/f"); err != nil || f.Mode != 0o640 {
		t.Errorf("%v, %v", f, err)
	}
	if r.Live() || !open(t, "/").Live() {
		t.Error("only / is this machine")
	}
}

// TestDisplay prints paths relative to the working directory, by whichever name the shell calls it.
func TestDisplay(t *testing.T) {
	dir := tree(t, map[string]string{"real/sub/f": "x", "other/f": "x", "link": "-> real"})
	t.Chdir(filepath.Join(dir, "link"))
	if got := open(t, "sub").Display("/f"); got != "sub/f" {
		t.Errorf("below the working directory: %s", got)
	}
	if got, want := open(t, "../other").Display("/f"), filepath.Join(dir, "other/f"); got != want {
		t.Errorf("outside: %s, want %s", got, want)
	}
}

func TestView(t *testing.T) {
	whole := open(t, tree(t, map[string]string{
		"docker/nginx/nginx.conf":        "main",
		"docker/nginx/sites/a":           "a",
		"docker/nginx/enabled/a":         "-> ../sites/a",
		"docker/nginx/enabled/abs":       "-> /etc/nginx/sites/a",
		"docker/nginx/enabled/text":      "/etc/nginx/sites/a",
		"docker/nginx-other/nginx.conf":  "other",
		"docker/nginx/conf.d/10-x.conf":  "x",
		"docker/nginx/conf.d/.hide.conf": "x",
	}))
	r := whole.View("/etc/nginx", "docker/nginx")
	for name, want := range map[string]string{
		"/etc/nginx/nginx.conf": "main", "/etc/nginx/enabled/a": "a", "/etc/nginx/enabled/abs": "a", "/docker/nginx/enabled/abs": "a", "/etc/nginx/enabled/text": "a",
	} {
		f, err := r.Read(name)
		if err != nil || string(f.Data) != want || !strings.HasPrefix(f.Path, "/docker/nginx/") {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if r.Exists("/etc/nginx-other/nginx.conf") {
		t.Error("the prefix ends within a name")
	}
	other := r.View("/etc/nginx", "docker/nginx-other")
	for root, want := range map[*Root]string{r: "main", other: "other"} {
		if f, err := root.Read("/etc/nginx/nginx.conf"); err != nil || string(f.Data) != want {
			t.Errorf("%s: %v, %v", want, f, err)
		}
	}
	if whole.Exists("/etc/nginx/nginx.conf") {
		t.Error("a view changes the root")
	}
	if got, err := r.Glob("/etc/nginx/conf.d/*.conf"); err != nil || !slices.Equal(got, []string{"/etc/nginx/conf.d/10-x.conf"}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestTextLinks reads what git leaves where it may not make links.
func TestTextLinks(t *testing.T) {
	files := map[string]string{
		"etc/nginx/sites-available/a": "server {}\n",
		"etc/nginx/sites-enabled/rel": "../sites-available/a",
		"etc/nginx/sites-enabled/abs": "/etc/nginx/sites-available/a",
		"etc/nginx/sites-enabled/two": "../sites-enabled/rel",
		"etc/nginx/sites-enabled/dir": "../sites-available",
		"etc/nginx/sites-enabled/nol": "../sites-available/absent",
		"etc/nginx/sites-enabled/eol": "../sites-available/a\n",
		"etc/nginx/sites-enabled/one": "a",
		"etc/nginx/sites-enabled/x":   "./y",
		"etc/nginx/sites-enabled/y":   "./x",
	}
	for kind, r := range map[string]*Root{"disk": open(t, tree(t, files)), "memory": Memory("m", files)} {
		want, err := r.Read("/etc/nginx/sites-available/a")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"rel", "abs", "two"} {
			if f, err := r.Read("/etc/nginx/sites-enabled/" + name); err != nil || f != want {
				t.Errorf("%s: %s: %v, %v", kind, name, f, err)
			}
		}
		for _, name := range []string{"dir", "nol", "eol", "one"} {
			if f, err := r.Read("/etc/nginx/sites-enabled/" + name); err != nil || string(f.Data) != files["etc/nginx/sites-enabled/"+name] {
				t.Errorf("%s: %s is taken for a link: %v, %v", kind, name, f, err)
			}
		}
		within(t, 5*time.Second, func() {
			if _, err := r.Read("/etc/nginx/sites-enabled/x"); err != nil {
				t.Errorf("%s: a circle: %v", kind, err)
			}
		})
	}
}

// counting counts what is loaded.
type counting struct {
	backend
	loads atomic.Int64
}

func (c *counting) load(name string, info fs.FileInfo) ([]byte, error) {
	c.loads.Add(1)
	return c.backend.load(name, info)
}

// TestReadOnce holds Read to one load and one File, whoever asks at the same time.
func TestReadOnce(t *testing.T) {
	for range 300 {
		m := memory{"/": {name: "/", mode: fs.ModeDir | 0o755}}
		m.put("/d/a", &node{mode: 0o644, data: []byte("a"), size: 1})
		m.put("/d/link", &node{mode: fs.ModeSymlink, link: "a"})
		m.put("/d/pipe", &node{mode: fs.ModeIrregular})
		back := &counting{backend: m}
		r := newRoot("m", back)
		var group sync.WaitGroup
		files := make([]*File, 16)
		for i := range files {
			group.Go(func() {
				files[i], _ = r.Read([]string{"/d/a", "/d/link"}[i%2])
				if _, err := r.Read("/d/pipe"); !errors.Is(err, ErrNotRegular) {
					t.Errorf("%v", err)
				}
				if _, err := r.Glob("/d/*"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, f := range files {
			if f == nil || f != files[0] {
				t.Fatal("two Files of one file")
			}
		}
		if n := back.loads.Load(); n != 1 {
			t.Fatalf("%d loads of one file and a pipe", n)
		}
	}
}
