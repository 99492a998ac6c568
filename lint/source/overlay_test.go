package source

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOverlay: a directory is read as edits would leave it, and nothing on disk is touched.
func TestOverlay(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"d/a": "old a", "d/b": "old b", "other": "x"} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/d/a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	overlay := Overlay{
		filepath.Join(dir, "d/a"):     []byte("new a"),
		filepath.Join(dir, "d/c"):     []byte("made"),
		filepath.Join(dir, "d/empty"): {},
		dir + "-beside/d/b":           []byte("another root's"),
	}
	keys := slices.Sorted(maps.Keys(overlay))
	r, err := DirWith(dir, overlay)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"/d/a": "new a", "/link": "new a", "/d/b": "old b", "/d/c": "made", "/d/empty": "", "/other": "x"} {
		f, err := r.Read(name)
		if err != nil || string(f.Data) != want {
			t.Errorf("%s: %v, %v, want %q", name, f, err, want)
		}
	}
	if info, err := r.Stat("/d/a"); err != nil || info.Size() != 5 || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if names, err := r.Glob("/d/*"); err != nil || strings.Join(names, " ") != "/d/a /d/b /d/c /d/empty" {
		t.Error(names, err)
	}
	if _, err := r.Read("/d/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "d/a")); err != nil || string(data) != "old a" {
		t.Errorf("the file on disk is now %q, %v", data, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "d/c")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the new file was made:", err)
	}
	if !slices.Equal(keys, slices.Sorted(maps.Keys(overlay))) {
		t.Error("the overlay was changed")
	}
}
