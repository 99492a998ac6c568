package source

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const largePage = 2 << 20

// largePages allocates bytes that the kernel is asked to back by large pages, where it leaves that to
// programs (transparent_hugepage/enabled is madvise): a page fault for each 4 KiB takes a fifth of the
// time in which a large tree is read. They are not touched, and stay in the heap when they are freed. Go
// has no call for this.
func largePages(bytes int) []byte {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil || !strings.Contains(string(mode), "[madvise]") {
		return nil
	}
	room := make([]byte, bytes+2*largePage)
	from := -int(uintptr(unsafe.Pointer(unsafe.SliceData(room)))) & (largePage - 1)
	_ = unix.Madvise(room[from:from+bytes&^(largePage-1)], unix.MADV_HUGEPAGE) // a hint
	return room
}
