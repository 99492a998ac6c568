package host

import (
	"bytes"
	"cmp"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// FPM names its processes so (fpm_env_init_main, fpm_env_setproctitle), and nginx its own
// (ngx_master_process_cycle, ngx_worker_process_cycle).
const (
	masterTitle      = "php-fpm: master process ("
	workerTitle      = "php-fpm: pool "
	nginxMasterTitle = "nginx: master process "
	nginxWorkerTitle = "nginx: worker process"
)

// readProcesses finds the running masters and workers in a proc file system. Processes of other
// containers, which have a process number of their own there, are left out, and so are those that
// end meanwhile.
func readProcesses(proc string) []Process {
	out := []Process{}
	fs, err := procfs.NewFS(proc)
	if err != nil {
		return out
	}
	all, err := fs.AllProcs()
	if err != nil {
		return out
	}
	all = withoutThreads(proc, all)
	title := titles{proc: proc}
	network := netOf(proc, "self")
	confs := map[int]string{} // main file by the master's PID
	parents := map[int]int{}  // master's PID by the worker's
	for _, p := range all {
		found, ok := titled(title.of(p.PID))
		if !ok {
			continue
		}
		stat, errStat := p.Stat()
		status, errStatus := p.NewStatus()
		if errStat != nil || errStatus != nil || len(status.NSpids) > 1 {
			continue
		}
		found.PID, found.UID = p.PID, int(status.UIDs[1])
		found.Memory = int64(status.VmRSS)
		if rollup, err := p.ProcSMapsRollup(); err == nil && rollup.Pss > 0 {
			found.Memory, found.Proportional = int64(rollup.Pss), true
		}
		if found.Master {
			confs[p.PID] = found.Conf
		}
		parents[p.PID] = stat.PPID
		found.Unit = unitOf(p)
		if theirs := netOf(proc, strconv.Itoa(p.PID)); theirs != 0 && network != 0 {
			found.Net = "other"
			if theirs == network {
				found.Net = "same"
			}
		}
		out = append(out, found)
	}
	for i, p := range out {
		if !p.Master {
			out[i].Conf = confs[parents[p.PID]]
		}
	}
	slices.SortFunc(out, func(a, b Process) int { return cmp.Compare(a.PID, b.PID) })
	return out
}

// withoutThreads leaves out the kernel's own threads, which are most processes of a small machine.
// They have one parent, process 2, except in a container, where that is a program with a command line.
func withoutThreads(proc string, all procfs.Procs) procfs.Procs {
	children, err := os.ReadFile(path.Join(proc, "2/task/2/children"))
	line, errLine := os.ReadFile(path.Join(proc, "2/cmdline"))
	if err != nil || errLine != nil || len(line) > 0 {
		return all
	}
	threads := map[int]bool{}
	for _, pid := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(pid); err == nil {
			threads[n] = true
		}
	}
	return slices.DeleteFunc(all, func(p procfs.Proc) bool { return threads[p.PID] })
}

// titles reads the titles of processes.
type titles struct {
	proc string
	line [4096]byte
}

// of is the first word of a process's command line, where a daemon keeps its title; "" where that may
// not be seen. A machine has hundreds of processes, so each is read with three calls to the kernel.
func (t *titles) of(pid int) string {
	fd, err := unix.Open(t.proc+"/"+strconv.Itoa(pid)+"/cmdline", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd) //nolint:errcheck // only read
	n, err := unix.Read(fd, t.line[:])
	if err != nil {
		return ""
	}
	title, _, _ := bytes.Cut(t.line[:n], []byte{0})
	return string(title)
}

// titled reads a process title.
func titled(title string) (p Process, ok bool) {
	title = strings.TrimRight(title, " ")
	if conf, ok := strings.CutPrefix(title, masterTitle); ok {
		return Process{Program: "php-fpm", Master: true, Conf: strings.TrimSuffix(conf, ")")}, true
	}
	if pool, ok := strings.CutPrefix(title, workerTitle); ok {
		return Process{Program: "php-fpm", Pool: pool}, true
	}
	if command, ok := strings.CutPrefix(title, nginxMasterTitle); ok {
		return Process{Program: "nginx", Master: true, Conf: confArgument(command)}, true
	}
	return Process{Program: "nginx"}, strings.HasPrefix(title, nginxWorkerTitle)
}

// confArgument is the argument of -c in a command line of nginx.
func confArgument(command string) string {
	words := strings.Fields(command)
	for i, w := range words {
		if conf, ok := strings.CutPrefix(w, "-c"); ok {
			if conf == "" && i+1 < len(words) {
				conf = words[i+1]
			}
			return conf
		}
	}
	return ""
}

// unitOf is the systemd service in whose control group a process is.
func unitOf(p procfs.Proc) string {
	groups, err := p.Cgroups()
	if err != nil {
		return ""
	}
	for _, g := range groups {
		for dir := g.Path; dir != "/" && dir != "." && dir != ""; dir = path.Dir(dir) {
			if name := path.Base(dir); strings.HasSuffix(name, ".service") {
				return name
			}
		}
	}
	return ""
}

// netOf is the number of a process's network namespace; 0 where that may not be seen.
func netOf(proc, process string) uint64 {
	var s unix.Stat_t
	if unix.Stat(path.Join(proc, process, "ns/net"), &s) != nil {
		return 0
	}
	return s.Ino
}
