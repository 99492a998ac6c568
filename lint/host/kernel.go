package host

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"fpmlint/lint/source"
)

func (f *Facts) readKernel(root *source.Root) {
	const somaxconn = "/proc/sys/net/core/somaxconn"
	if data, ok := content(root, somaxconn); ok {
		if n, err := strconv.Atoi(strings.TrimSpace(data)); err == nil && n > 0 {
			f.Somaxconn = Fact[int]{n, true, somaxconn}
		}
	}
	f.PageSize = Fact[int]{Value: 4096}
	if f.Live {
		f.PageSize = Fact[int]{os.Getpagesize(), true, "this machine"}
		f.CPUs = Fact[int]{runtime.NumCPU(), true, "this machine"}
		if e := f.Evidence; e != nil {
			e.PageSize, e.CPUs = f.PageSize.Value, f.CPUs.Value
		}
		return
	}
	if e := f.Evidence; e != nil && e.PageSize > 0 && e.PageSize <= 1<<20 {
		f.PageSize = Fact[int]{e.PageSize, true, source.EvidenceFile}
	}
	if e := f.Evidence; e != nil && e.CPUs > 0 && e.CPUs <= maxCPUs {
		f.CPUs = Fact[int]{e.CPUs, true, source.EvidenceFile}
		return
	}
	const online = "/sys/devices/system/cpu/online"
	if data, ok := content(root, online); ok {
		if n := countRanges(strings.TrimSpace(data)); n > 0 {
			f.CPUs = Fact[int]{n, true, online}
			return
		}
	}
	n := 0
	for _, l := range lines(root, "/proc/cpuinfo") {
		if strings.HasPrefix(l, "processor") {
			n++
		}
	}
	if n > 0 {
		f.CPUs = Fact[int]{n, true, "/proc/cpuinfo"}
	}
}

// maxCPUs is more than any kernel supports.
const maxCPUs = 1 << 20

// countRanges counts the CPUs of a list such as 0-3,6; 0 where it is none.
func countRanges(list string) int {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 20)
		to, err2 := strconv.ParseUint(last, 10, 20)
		if err1 != nil || err2 != nil || to < from || n > maxCPUs {
			return 0
		}
		n += int(to-from) + 1
	}
	return n
}

// content reads a small file. Files under proc have no size, so they are read like any other.
func content(root *source.Root, p string) (string, bool) {
	file, err := root.Read(p)
	if err != nil {
		return "", false
	}
	return string(file.Data), true
}

func splitLines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }
