package host

import (
	"os"
	"path/filepath"
	"testing"

	"fpmlint/lint/source"
)

// tree makes a root of files; an empty one is not made.
func tree(t testing.TB, files map[string]string) *source.Root {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if content == "" {
			continue
		}
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := source.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestEmptyRoot(t *testing.T) {
	f := Read(tree(t, nil), Options{})
	if f.RAM.Known || f.Somaxconn.Known || f.CPUs.Known || f.PageSize.Known || f.HasUsers || f.HasGroups || f.Live || len(f.Workers) > 0 {
		t.Errorf("an empty root tells %+v", f)
	}
	if f.PageSize.Value != 4096 {
		t.Errorf("PageSize = %d", f.PageSize.Value)
	}
	if _, _, ok := f.GroupsOf("root", "root"); ok {
		t.Error("the groups of root are known without etc/group")
	}
}

func TestKernel(t *testing.T) {
	f := Read(tree(t, map[string]string{
		"proc/sys/net/core/somaxconn":   "4096\n",
		"proc/cpuinfo":                  "processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n",
		"sys/devices/system/cpu/online": "0-2,5\n",
	}), Options{})
	if want := (Fact[int]{4096, true, "/proc/sys/net/core/somaxconn"}); f.Somaxconn != want {
		t.Errorf("Somaxconn = %+v, want %+v", f.Somaxconn, want)
	}
	if want := (Fact[int]{4, true, "/sys/devices/system/cpu/online"}); f.CPUs != want {
		t.Errorf("CPUs = %+v, want %+v", f.CPUs, want)
	}
	f = Read(tree(t, map[string]string{
		"proc/sys/net/core/somaxconn":   "many",
		"proc/cpuinfo":                  "processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n",
		"sys/devices/system/cpu/online": "\n",
	}), Options{})
	if f.Somaxconn.Known {
		t.Errorf("Somaxconn = %+v", f.Somaxconn)
	}
	if want := (Fact[int]{2, true, "/proc/cpuinfo"}); f.CPUs != want {
		t.Errorf("CPUs = %+v, want %+v", f.CPUs, want)
	}
}

func TestCountRanges(t *testing.T) {
	for list, want := range map[string]int{
		"0": 1, "0-3": 4, "0-3,6": 5, "0,2,4": 3, "": 0, "3-0": 0, "a": 0, "0-": 0, "-1": 0, "0-99999999999": 0,
		"0-1048575,0-1048575,0-1048575": 0,
	} {
		if got := countRanges(list); got != want {
			t.Errorf("countRanges(%q) = %d, want %d", list, got, want)
		}
	}
}
