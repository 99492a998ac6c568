package source

import "runtime/debug"

const (
	// leastHeap is Go's heap at its first collection, for each 100 percent.
	leastHeap = 4 << 20
	// keeps is the percentage from which a program lets its heap grow, rather than collect it.
	keeps = 400
)

// ExpectHeap says that the heap is about to grow by some bytes, of which little can be freed: a program
// that lets its heap grow does not collect it before. Large pages are not asked for: where the host takes
// back what its guests free, each takes ten times as long as the 512 small ones.
func ExpectHeap(bytes int) {
	percent := bytes / leastHeap * 100
	if now := debug.SetGCPercent(percent); now < keeps || now > percent {
		debug.SetGCPercent(now)
	}
}
