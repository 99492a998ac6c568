package host

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"fpmlint/lint/source"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"512M": 512 << 20, "2G": 2 << 30, "64m": 64 << 20, "1.5G": 3 << 29, "123456": 123456, "2GiB": 2 << 30,
		"2gb": 2 << 30, "100B": 100, "1T": 1 << 40, ".5M": 1 << 19, "0.001K": 1,
		"1125899906842624": 1 << 50,
	} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "G", "B", "iB", "0", "0.5", "-1", "+1M", "-512M", "1e3", "0x10", "1_000", "NaN", "Inf", "infinity",
		"5I", "5iB", "512MM", "512 M B", "12 34", "1,5G", "512Q", "1.2.3G", "2048T", "99999999999999999999",
		strings.Repeat("9", 400), "ɐ", "5ı", "١M", "512M\n1",
	} {
		got, err := ParseBytes(text)
		if err == nil {
			t.Errorf("ParseBytes(%q) = %d, want an error", text, got)
		} else if !strings.Contains(err.Error(), strconv.Quote(text)) {
			t.Errorf("ParseBytes(%q): the error does not name the text: %v", text, err)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, seed := range []string{"512M", "1.5GiB", "2 gb", "0", "-1", "1e9", "NaN", "ɐ", ".5M"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseBytes(s)
		if err != nil {
			if n != 0 {
				t.Errorf("ParseBytes(%q) = %d with an error", s, n)
			}
			return
		}
		if n < 1 || n > 1<<50 {
			t.Errorf("ParseBytes(%q) = %d is out of bounds", s, n)
		}
		again, err := ParseBytes(strconv.FormatInt(n, 10))
		if err != nil || again != n {
			t.Errorf("ParseBytes(%d) = %d, %v", n, again, err)
		}
		if _, err := ParseBytes("x" + s); err == nil {
			t.Errorf("ParseBytes(%q) takes what follows a letter", "x"+s)
		}
	})
}

func TestMemory(t *testing.T) {
	for name, c := range map[string]struct {
		meminfo string
		options Options
		want    Fact[int64]
	}{
		"meminfo":        {"MemFree: 1 kB\nMemTotal:       16315812 kB\nMemTotal: 1 kB\n", Options{}, Fact[int64]{16315812 << 10, true, "/proc/meminfo"}},
		"flag wins":      {"MemTotal: 16315812 kB\n", Options{RAM: 1 << 30}, Fact[int64]{1 << 30, true, "--ram"}},
		"flag alone":     {"", Options{RAM: 1 << 30}, Fact[int64]{1 << 30, true, "--ram"}},
		"none":           {"", Options{}, Fact[int64]{}},
		"no number":      {"MemTotal: lots\n", Options{}, Fact[int64]{}},
		"zero":           {"MemTotal: 0 kB\n", Options{}, Fact[int64]{}},
		"negative":       {"MemTotal: -16 kB\n", Options{}, Fact[int64]{}},
		"would overflow": {"MemTotal: 9007199254740993 kB\n", Options{}, Fact[int64]{}},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, map[string]string{"proc/meminfo": c.meminfo})
			got := Read(root, c.options).RAM
			if got.Known != c.want.Known || got.Known && got != c.want {
				t.Errorf("RAM = %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestGivenFacts(t *testing.T) {
	f := Read(tree(t, nil), Options{Reserve: 1 << 20, WorkerRSS: 2 << 20})
	if want := (Fact[int64]{1 << 20, true, "--reserve"}); f.Reserve != want {
		t.Errorf("Reserve = %+v, want %+v", f.Reserve, want)
	}
	if want := (Fact[int64]{2 << 20, true, "--worker-rss"}); f.WorkerRSS != want {
		t.Errorf("WorkerRSS = %+v, want %+v", f.WorkerRSS, want)
	}
	if f := Read(tree(t, nil), Options{}); f.Reserve.Known || f.WorkerRSS.Known || f.WorkerRSS.Value != 0 {
		t.Errorf("Reserve = %+v, WorkerRSS = %+v without flags", f.Reserve, f.WorkerRSS)
	}
}

func TestLimitToCgroup(t *testing.T) {
	const meminfo = 8 << 30
	v1 := strconv.Itoa(math.MaxInt64 &^ 4095)
	for name, c := range map[string]struct {
		files   map[string]string
		workers []Worker
		want    int64
		from    string
	}{
		"no group":          {want: meminfo, from: "/proc/meminfo"},
		"container, v2":     {files: map[string]string{"sys/fs/cgroup/memory.max": "536870912\n"}, want: 512 << 20, from: "/sys/fs/cgroup/memory.max"},
		"no limit, v2":      {files: map[string]string{"sys/fs/cgroup/memory.max": "max\n"}, want: meminfo, from: "/proc/meminfo"},
		"more than there":   {files: map[string]string{"sys/fs/cgroup/memory.max": "17179869184\n"}, want: meminfo, from: "/proc/meminfo"},
		"no limit, v1":      {files: map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": v1}, want: meminfo, from: "/proc/meminfo"},
		"container, v1":     {files: map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n"}, want: 1 << 30, from: "/sys/fs/cgroup/memory/memory.limit_in_bytes"},
		"group of its own":  {files: map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "2147483648", "sys/fs/cgroup/a/b/memory.max": "max"}, want: 2 << 30, from: "/sys/fs/cgroup/a/memory.max"},
		"v1 beside others":  {files: map[string]string{"proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/y\n0::/\n", "sys/fs/cgroup/memory/y/memory.limit_in_bytes": "1073741824", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1"}, want: 1 << 30, from: "/sys/fs/cgroup/memory/y/memory.limit_in_bytes"},
		"above the view":    {files: map[string]string{"proc/self/cgroup": "0::/../../a\n", "sys/fs/cgroup/a/memory.max": "1"}, want: meminfo, from: "/proc/meminfo"},
		"that of FPM":       {files: map[string]string{"proc/self/cgroup": "0::/session\n", "proc/7/cgroup": "0::/fpm\n", "proc/8/cgroup": "0::/fpm\n", "sys/fs/cgroup/session/memory.max": "1", "sys/fs/cgroup/fpm/memory.max": "1073741824"}, workers: []Worker{{PID: 7}, {PID: 8}}, want: 1 << 30, from: "/sys/fs/cgroup/fpm/memory.max"},
		"two of FPM":        {files: map[string]string{"proc/7/cgroup": "0::/fpm1\n", "proc/8/cgroup": "0::/fpm2\n", "sys/fs/cgroup/fpm1/memory.max": "1", "sys/fs/cgroup/fpm2/memory.max": "1"}, workers: []Worker{{PID: 7}, {PID: 8}}, want: meminfo, from: "/proc/meminfo"},
		"no sense in there": {files: map[string]string{"proc/self/cgroup": "::\n0\n:memory:\n", "sys/fs/cgroup/memory.max": "-5"}, want: meminfo, from: "/proc/meminfo"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Facts{RAM: Fact[int64]{meminfo, true, "/proc/meminfo"}, Workers: c.workers}
			f.limitToCgroup(tree(t, c.files))
			if want := (Fact[int64]{c.want, true, c.from}); f.RAM != want {
				t.Errorf("RAM = %+v, want %+v", f.RAM, want)
			}
		})
	}
	t.Run("MemTotal unknown", func(t *testing.T) {
		var f Facts
		f.limitToCgroup(tree(t, map[string]string{"sys/fs/cgroup/memory.max": "1048576"}))
		if !f.RAM.Known || f.RAM.Value != 1<<20 {
			t.Errorf("RAM = %+v", f.RAM)
		}
	})
}

// A snapshot's control groups are those of the machine that it was taken on: only its meminfo counts.
func TestSnapshotHasNoCgroup(t *testing.T) {
	root := tree(t, map[string]string{"proc/meminfo": "MemTotal: 1048576 kB\n", "sys/fs/cgroup/memory.max": "1048576"})
	if got := Read(root, Options{}).RAM; got.Value != 1<<30 {
		t.Errorf("RAM = %+v, want 1 GiB", got)
	}
}

func TestLive(t *testing.T) {
	root, err := source.Dir("/")
	if err != nil {
		t.Fatal(err)
	}
	f := Read(root, Options{})
	if !f.Live {
		t.Error("/ is not live")
	}
	if want := os.Getpagesize(); f.PageSize != (Fact[int]{want, true, "this machine"}) {
		t.Errorf("PageSize = %+v, want %d", f.PageSize, want)
	}
	if !f.CPUs.Known || f.CPUs.Value < 1 {
		t.Errorf("CPUs = %+v", f.CPUs)
	}
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Skip("no /proc/meminfo on this machine")
	}
	_, rest, _ := strings.Cut(string(data), "MemTotal:")
	total, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if !f.RAM.Known || f.RAM.Value <= 0 || f.RAM.Value > total<<10 {
		t.Errorf("RAM = %+v, MemTotal is %d kB", f.RAM, total)
	}
}
