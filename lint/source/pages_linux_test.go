package source

import (
	"os"
	"strings"
	"testing"
)

// TestExpectHeap sees the kernel's mark on the heap, and that nothing is taken before it is used.
func TestExpectHeap(t *testing.T) {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil || !strings.Contains(string(mode), "[madvise]") {
		t.Skip("the kernel does not leave large pages to programs")
	}
	status := func(name string) string {
		t.Helper()
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	marked := func() (n int) {
		for line := range strings.Lines(status("/proc/self/smaps")) {
			if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && strings.Contains(flags, " hg") {
				n++
			}
		}
		return n
	}
	before := marked()
	ExpectHeap(512 << 20)
	if after := marked(); after <= before {
		t.Errorf("%d parts of memory are marked for large pages, %d before", after, before)
	}
	var resident int
	for line := range strings.Lines(status("/proc/self/smaps_rollup")) {
		if f := strings.Fields(line); f[0] == "Rss:" {
			for _, digit := range f[1] {
				resident = resident*10 + int(digit-'0')
			}
		}
	}
	if resident == 0 || resident > 256<<10 {
		t.Errorf("%d KiB are resident", resident)
	}
}
