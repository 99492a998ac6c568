package host

import (
	"fmt"
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
			var kib int64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				f.RAM = Fact[int64]{kib << 10, true, "/proc/meminfo"}
			}
			break
		}
	}
	if !f.Live {
		return
	}
	// A container sees the machine's MemTotal, but its cgroup's limit counts.
	for _, p := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		data, ok := content(root, p)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(data), 10, 64); err == nil && n > 0 && n < f.RAM.Value {
			f.RAM = Fact[int64]{n, true, p}
		}
	}
}

func given(n int64, flag string) Fact[int64] { return Fact[int64]{n, n > 0, flag} }

// ParseBytes reads a size as people give it: 512M, 2G, 1.5GiB, or bytes.
func ParseBytes(s string) (int64, error) {
	text := strings.TrimSpace(s)
	number := strings.TrimRight(strings.ToUpper(text), "KMGTIB")
	unit := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text[len(number):]), "B"), "I")
	shift, ok := map[string]int{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || !(n > 0) || n*float64(int64(1)<<shift) > 1<<60 {
		return 0, fmt.Errorf("%q is not a size: want a number with K, M, G or T, such as 512M", s)
	}
	return int64(n * float64(int64(1)<<shift)), nil
}
