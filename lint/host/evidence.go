package host

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"fpmlint/lint/address"
	"fpmlint/lint/source"
)

// Evidence is what a running machine shows beyond its files. It is only read, never provoked:
// nothing is connected to, started or written. A snapshot carries it as JSON.
type Evidence struct {
	Version int `json:"version"`
	// Systemd says that systemd runs the machine.
	Systemd bool `json:"systemd"`
	// SELinux is enforcing, permissive or disabled; "" where it is not known.
	SELinux string `json:"selinux,omitempty"`
	// MemoryLimit is what the control groups leave to PHP-FPM, in bytes; 0 is no limit.
	MemoryLimit     int64  `json:"memoryLimit,omitempty"`
	MemoryLimitFrom string `json:"memoryLimitFrom,omitempty"`
	PageSize        int    `json:"pageSize,omitempty"`
	CPUs            int    `json:"cpus,omitempty"`
	// Processes are nginx's and PHP-FPM's, without those of other containers.
	Processes []Process `json:"processes"`
	// SocketsKnown says that Sockets are all that listen in the machine's own network namespace.
	SocketsKnown bool     `json:"socketsKnown"`
	Sockets      []Socket `json:"sockets"`
	// Paths are the places that a configuration names: sockets, directories to write to.
	Paths map[string]Path `json:"paths"`

	once    sync.Once
	masters map[[2]string]Process
	paths   map[string]bool
	ports   Listening
}

// Process is a running master or worker.
type Process struct {
	PID int `json:"pid"`
	// Program is nginx or php-fpm.
	Program string `json:"program"`
	Master  bool   `json:"master"`
	// Conf is the main file, also for workers: as an FPM master's title names it; for nginx the
	// argument of -c, "" where it takes its default.
	Conf string `json:"conf,omitempty"`
	// Pool is that of an FPM worker.
	Pool string `json:"pool,omitempty"`
	// UID is the effective user.
	UID int `json:"uid"`
	// Memory and Proportional are Worker's.
	Memory       int64 `json:"memory"`
	Proportional bool  `json:"proportional"`
	// Unit is the systemd service that the process belongs to.
	Unit string `json:"unit,omitempty"`
	// Net says whether its network is the machine's own (same) or not (other); "" is not known.
	Net string `json:"net,omitempty"`
}

// Socket is a listening socket.
type Socket struct {
	// Path is a unix socket's, as it was bound; Address a TCP socket's, such as 127.0.0.1:9000.
	Path    string `json:"path,omitempty"`
	Address string `json:"address,omitempty"`
	// UID owns a TCP socket. A unix socket's owner and mode are its file's, in Evidence.Paths.
	UID int `json:"uid"`
	// Backlog is the queue's limit, Queued what waits in it; -1 where the kernel does not tell.
	Backlog int `json:"backlog"`
	Queued  int `json:"queued"`
}

// Kinds of a Path.
const (
	KindMissing = "missing"
	KindUnknown = "unknown"
	KindDir     = "dir"
	KindFile    = "file"
	KindSocket  = "socket"
	KindOther   = "other"
)

// Path is what stands at a place, after following links.
type Path struct {
	Kind string `json:"kind"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	// Mode are the permission bits.
	Mode uint32 `json:"mode"`
	// Context is the SELinux label.
	Context string `json:"context,omitempty"`
	// ACL says that an access list adds to the mode.
	ACL bool `json:"acl,omitempty"`
	// ReadOnly says that the file system takes no writes; Free are the bytes of a directory's file
	// system that are left to all users, Size is its size.
	ReadOnly bool  `json:"readOnly,omitempty"`
	Free     int64 `json:"free,omitempty"`
	Size     int64 `json:"size,omitempty"`
}

// Type is the type of the SELinux label; "" where there is none.
func (p Path) Type() string {
	if parts := strings.Split(p.Context, ":"); len(parts) > 2 {
		return parts[2]
	}
	return ""
}

// Master is a running master of a program, nginx or php-fpm, with one of the main files.
func (e *Evidence) Master(program string, confs ...string) (Process, bool) {
	e.once.Do(e.build)
	for _, conf := range confs {
		if p, ok := e.masters[[2]string{program, conf}]; ok {
			return p, true
		}
	}
	return Process{}, false
}

// Listening says whether a socket listens where a connection to an address arrives. A socket on
// all IPv6 addresses may take IPv4 too.
func (e *Evidence) Listening(a address.Address) bool {
	e.once.Do(e.build)
	if a.IsUnix() {
		return e.paths[a.Path]
	}
	return e.ports.At(a)
}

func (e *Evidence) build() {
	e.masters, e.paths, e.ports = map[[2]string]Process{}, map[string]bool{}, Listening{}
	for _, p := range e.Processes {
		key := [2]string{p.Program, p.Conf}
		if have, ok := e.masters[key]; p.Master && (!ok || have.Net == "other") {
			e.masters[key] = p
		}
	}
	for _, s := range e.Sockets {
		if s.Path != "" {
			e.paths[address.CleanSocket(s.Path)] = true
			continue
		}
		at, err := address.ParseConnect(s.Address)
		if at.Host == "::" {
			at.Host = ""
		}
		if err == nil {
			e.ports[at.Port] = append(e.ports[at.Port], at)
		}
	}
}

// workers are the FPM workers among the processes.
func (e *Evidence) workers() []Worker {
	var out []Worker
	for _, p := range e.Processes {
		if p.Program == "php-fpm" && !p.Master && p.Memory > 0 {
			out = append(out, Worker{p.Pool, p.Conf, p.PID, p.Memory, p.Proportional})
		}
	}
	return out
}

// readEvidence takes the evidence that a snapshot carries; nil where there is none.
func readEvidence(root *source.Root) (*Evidence, error) {
	const maxEvidence = 8 << 20
	file, err := root.Read(source.EvidenceFile)
	if err != nil {
		return nil, nil //nolint:nilerr // most roots carry none
	}
	if len(file.Data) > maxEvidence {
		return nil, fmt.Errorf("%s: larger than %d MiB", file.Display, maxEvidence>>20)
	}
	e := &Evidence{}
	if err := json.Unmarshal(file.Data, e); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Display, err)
	}
	if e.Version != 1 {
		return nil, fmt.Errorf("%s: version %d is not 1", file.Display, e.Version)
	}
	return e, nil
}

// JSON is the evidence as a snapshot carries it.
func (e *Evidence) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(e, "", "  ")
	return append(data, '\n'), err
}
