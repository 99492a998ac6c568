// Package host collects the facts about a host that rules need: memory, users, kernel limits.
// What cannot be found out is marked as not known. It only reads: nothing is run or changed.
package host

import (
	"net/netip"
	"sync"

	"fpmlint/lint/source"
)

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
	// HasNames says that etc/hosts was read.
	HasNames bool
	// Somaxconn is the kernel's limit on a socket's backlog.
	Somaxconn Fact[int]
	CPUs      Fact[int]
	// PageSize is the kernel's, in bytes, from which nginx takes its default buffer sizes. Where
	// it is not known, it is the 4096 of most machines.
	PageSize Fact[int]
	// Workers are the PHP-FPM workers that run now; none where the host is not live.
	Workers []Worker
	Live    bool
	// Evidence is what the running machine shows, or showed when a snapshot was taken; nil where
	// there is none. EvidenceErr says why a snapshot's could not be read.
	Evidence    *Evidence
	EvidenceErr error
	// Services are nginx's and PHP-FPM's systemd services, as their files describe them.
	Services []Service

	// memberships are the GIDs of the groups that name a user as a member.
	memberships map[string][]int
	// names are those of etc/hosts, in lower case.
	names map[string][]netip.Addr

	root          *source.Root
	listeningOnce sync.Once
	listening     Listening
}

// Options are facts that the user gives, in bytes; 0 is not given.
type Options struct{ RAM, Reserve, WorkerRSS int64 }

// Read collects the facts of the host whose root it is.
func Read(root *source.Root, o Options) *Facts {
	f := &Facts{Live: root.Live(), root: root}
	var services sync.WaitGroup
	services.Go(func() { f.readServices(root) })
	defer services.Wait()
	if f.Live {
		f.Evidence = observe()
	} else {
		f.Evidence, f.EvidenceErr = readEvidence(root)
	}
	if f.Evidence != nil {
		f.Workers = f.Evidence.workers()
	}
	f.readMemory(root, o)
	f.readUsers(root)
	f.readKernel(root)
	f.readNames(root)
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
