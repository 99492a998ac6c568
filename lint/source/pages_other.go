//go:build !linux

package source

// ExpectHeap says that the heap is about to grow by some bytes, which only Linux is told.
func ExpectHeap(int) {}
