// Package host collects the facts about a host that rules need: memory, users, kernel limits.
// What cannot be found out is marked as not known.
package host

import "fpmlint/lint/source"

// Fact is something known about a host, or not.
type Fact[T any] struct {
	Value T
	Known bool
	// From says where the value comes from: "/proc/meminfo", "--ram".
	From string
}

// Facts are about one host.
type Facts struct {
	// RAM is the memory that PHP may use at most, Reserve what the rest of the machine needs,
	// WorkerRSS what one PHP worker takes; in bytes.
	RAM, Reserve, WorkerRSS Fact[int64]
	Users                   map[string]User
	Groups                  map[string]Group
	// HasUsers and HasGroups say that etc/passwd and etc/group were read and hold all accounts:
	// no directory service has more.
	HasUsers, HasGroups bool
	// Somaxconn is the kernel's limit on a socket's backlog.
	Somaxconn Fact[int]
	CPUs      Fact[int]
	Live      bool
}

// Options are facts that the user gives, in bytes; 0 is not given.
type Options struct{ RAM, Reserve, WorkerRSS int64 }

// Read collects the facts of the host whose root it is.
func Read(root *source.Root, o Options) *Facts {
	f := &Facts{Live: root.Live()}
	f.readMemory(root, o)
	f.readUsers(root)
	f.readKernel(root)
	return f
}

// lines reads a small file of the root as lines; none where it is not there.
func lines(root *source.Root, p string) []string {
	data, ok := content(root, p)
	if !ok {
		return nil
	}
	return splitLines(data)
}
