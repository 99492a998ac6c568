package host

import (
	"runtime"
	"strconv"
	"strings"

	"fpmlint/lint/source"
)

func (f *Facts) readKernel(root *source.Root) {
	const somaxconn = "/proc/sys/net/core/somaxconn"
	if data, ok := content(root, somaxconn); ok {
		if n, err := strconv.Atoi(strings.TrimSpace(data)); err == nil {
			f.Somaxconn = Fact[int]{n, true, somaxconn}
		}
	}
	if f.Live {
		f.CPUs = Fact[int]{runtime.NumCPU(), true, "this machine"}
		return
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

// content reads a small file. Files under proc have no size, so they are read like any other.
func content(root *source.Root, p string) (string, bool) {
	file, err := root.Read(p)
	if err != nil {
		return "", false
	}
	return string(file.Data), true
}

func splitLines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }
