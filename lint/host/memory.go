package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fpmlint/lint/source"
)

func (f *Facts) readMemory(root *source.Root, o Options) {
	f.Reserve = given(o.Reserve, "--reserve")
	f.WorkerRSS = given(o.WorkerRSS, "--worker-rss")
	if f.RAM = given(o.RAM, "--ram"); f.RAM.Known {
		return
	}
	for _, l := range lines(root, "/proc/meminfo") {
		if rest, ok := strings.CutPrefix(l, "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err == nil && kib > 0 && kib <= maxBytes>>10 {
				f.RAM = Fact[int64]{kib << 10, true, "/proc/meminfo"}
			}
			break
		}
	}
	switch e := f.Evidence; {
	case f.Live:
		before := f.RAM
		f.limitToCgroup(root)
		if e != nil && f.RAM != before {
			e.MemoryLimit, e.MemoryLimitFrom = f.RAM.Value, f.RAM.From
		}
	case e != nil && e.MemoryLimit > 0 && e.MemoryLimit <= maxBytes && (!f.RAM.Known || e.MemoryLimit < f.RAM.Value):
		f.RAM = Fact[int64]{e.MemoryLimit, true, e.MemoryLimitFrom}
	}
}

// limitToCgroup lowers RAM to what the kernel's control groups leave: a container sees the
// machine's MemTotal. The groups are those of the FPM workers where they share one, else those
// of this process; the limits of all groups above count too.
func (f *Facts) limitToCgroup(root *source.Root) {
	groups, _ := content(root, "/proc/self/cgroup")
	for i, w := range f.Workers {
		theirs, _ := content(root, fmt.Sprintf("/proc/%d/cgroup", w.PID))
		if i > 0 && theirs != groups {
			groups = "" // limits that do not hold for all of them
			break
		}
		groups = theirs
	}
	for _, p := range cgroupLimits(groups) {
		data, ok := content(root, p)
		if !ok {
			continue
		}
		// "max", which is no number, is no limit; neither is one above what the machine has.
		n, err := strconv.ParseInt(strings.TrimSpace(data), 10, 64)
		if err == nil && n > 0 && n <= maxBytes && (!f.RAM.Known || n < f.RAM.Value) {
			f.RAM = Fact[int64]{n, true, p}
		}
	}
}

// cgroupLimits are the files that may limit the memory of a process whose /proc/PID/cgroup is
// given, of cgroup v2 and v1, from the outermost group on. A container's own group is mounted as
// the outermost.
func cgroupLimits(groups string) []string {
	out := []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	for _, l := range splitLines(groups) {
		fields := strings.SplitN(l, ":", 3)
		if len(fields) < 3 || strings.Contains(fields[2]+"/", "/../") {
			continue // outside of the container's view
		}
		base, file := "/sys/fs/cgroup", "memory.max"
		if fields[1] != "" {
			if !slices.Contains(strings.Split(fields[1], ","), "memory") {
				continue
			}
			base, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for part := range strings.SplitSeq(strings.Trim(fields[2], "/"), "/") {
			if part == "" {
				continue
			}
			base += "/" + part
			out = append(out, base+"/"+file)
		}
	}
	return out
}

func given(n int64, flag string) Fact[int64] { return Fact[int64]{n, n > 0, flag} }

// maxBytes is more memory than any machine has; sums of sizes below it do not overflow.
const maxBytes = 1 << 50

// ParseBytes reads a size as people give it: 512M, 2G, 1.5GiB, 2gb, or a number of bytes. Units
// are powers of 1024. A size is at least one byte and at most a pebibyte.
func ParseBytes(s string) (int64, error) {
	text := strings.TrimSpace(s)
	rest := strings.TrimLeft(text, "0123456789.")
	number, unit := text[:len(text)-len(rest)], strings.TrimPrefix(rest, " ")
	n, err := strconv.ParseFloat(number, 64)
	for _, known := range []string{"", "K", "M", "G", "T"} {
		named := strings.EqualFold(unit, known) || strings.EqualFold(unit, known+"B") || known != "" && strings.EqualFold(unit, known+"iB")
		if named && err == nil && !strings.HasSuffix(number, ".") && n >= 1 && n <= maxBytes {
			return int64(n), nil
		}
		n *= 1024
	}
	return 0, fmt.Errorf("%q is not a size: want a number with K, M, G or T, such as 512M", s)
}
