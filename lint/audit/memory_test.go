package audit_test

import (
	"fmt"
	"runtime"
	"testing"
)

// Ten times the hosts leave no more memory in use than their findings and settings take.
func TestMemory(t *testing.T) {
	inUse := func(n int) uint64 {
		dir := t.TempDir()
		for i := range n {
			host(t, dir, fmt.Sprintf("web%d", i), "/run/php/wrong.sock", 4)
		}
		r := run(t, dir)
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if len(r.Hosts) != n || len(r.Findings) == 0 || len(r.Findings[0].Hosts) != n {
			t.Fatalf("%d hosts, %d findings", len(r.Hosts), len(r.Findings))
		}
		return m.HeapAlloc
	}
	few, many := inUse(30), inUse(300)
	if perHost := (int64(many) - int64(few)) / 270; perHost > 16<<10 {
		t.Errorf("each host leaves %d bytes in use", perHost)
	}
}
