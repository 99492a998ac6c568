package fix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// process is a running master.
type process struct {
	pid int
	// parent is 1 for one that went to the background.
	parent int
	title  string
	exe    string
	// image tells one program image from the next that the same process executes: where the kernel
	// put its parts.
	image   string
	workers map[int]bool
	// service is the systemd unit in whose control group it is, "" in none.
	service string
}

// running finds the daemon's master process; nil where none runs.
func (d *Daemon) running() (*process, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	all, err := proc.AllProcs()
	if err != nil {
		return nil, err
	}
	var found []*process
	for _, p := range all {
		title, err := p.CmdLine()
		if err != nil || len(title) == 0 {
			continue // it has ended
		}
		m := &process{pid: p.PID, title: strings.Join(title, " ")}
		if !m.is(d) {
			continue
		}
		m.exe, _ = p.Executable() // only root may read it of every process
		if !ownRoot(p.PID) || m.exe != "" && !strings.Contains(path.Base(m.exe), d.Kind) && !sameFile(m.exe, d.Program) {
			continue
		}
		if stat, err := p.Stat(); err == nil {
			m.parent = stat.PPID
		}
		found = append(found, m)
	}
	masters := slices.DeleteFunc(slices.Clone(found), func(m *process) bool { // a worker that has not renamed itself yet
		return slices.ContainsFunc(found, func(other *process) bool { return other.pid == m.parent })
	})
	switch len(masters) {
	case 0:
		return nil, nil
	case 1:
		m := masters[0]
		m.image = image(m.pid)
		m.workers = workers(all, m.pid)
		m.service = serviceOf(m.pid) // when it has ended nothing tells
		return m, nil
	}
	pids := make([]string, len(masters))
	for i, m := range masters {
		pids[i] = strconv.Itoa(m.pid)
	}
	return nil, fmt.Errorf("%s runs more than once, as processes %s: end those that were left behind", d.Name(), strings.Join(pids, ", "))
}

// is says whether a process calls itself the daemon's master.
func (p *process) is(d *Daemon) bool {
	if d.Kind == kindFPM {
		conf, ok := strings.CutPrefix(p.title, "php-fpm: master process (")
		conf = strings.TrimSuffix(strings.TrimRight(conf, " "), ")")
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid)); ok && !filepath.IsAbs(conf) && err == nil {
			conf = filepath.Join(cwd, conf) // as -y had it; a master keeps its directory
		}
		return ok && samePath(conf, d.Conf)
	}
	command, ok := strings.CutPrefix(p.title, "nginx: master process ")
	if !ok {
		return false
	}
	conf, prefix := argument(command, "-c"), argument(command, "-p")
	switch {
	case conf == "":
		return isDefaultConf(d.Conf, prefix)
	case !filepath.IsAbs(conf):
		return samePath(filepath.Join(prefix, conf), d.Conf) || samePath(filepath.Join("/etc/nginx", conf), d.Conf)
	}
	return samePath(conf, d.Conf)
}

// isDefaultConf says whether a main file is one that nginx reads without -c.
func isDefaultConf(conf, prefix string) bool {
	if prefix != "" && samePath(filepath.Join(prefix, "conf/nginx.conf"), conf) {
		return true
	}
	for _, known := range []string{"/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/etc/nginx/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf"} {
		if samePath(known, conf) {
			return true
		}
	}
	return false
}

// argument is the value of a one-letter flag in a title, in which quotes are lost: up to the next flag.
func argument(command, flag string) string {
	_, rest, ok := strings.Cut(" "+command+" ", " "+flag+" ")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, " -")
	return strings.TrimSpace(value)
}

// started are the flags besides -c with which the running nginx was started.
func (d *Daemon) started() []string {
	p, err := d.running()
	if err != nil || p == nil {
		return nil
	}
	var out []string
	for _, flag := range []string{"-p", "-g", "-e"} {
		if v := argument(strings.TrimPrefix(p.title, "nginx: master process "), flag); v != "" {
			out = append(out, flag, v)
		}
	}
	return out
}

func samePath(a, b string) bool {
	if a == b {
		return true
	}
	ra, errA := filepath.EvalSymlinks(a)
	rb, errB := filepath.EvalSymlinks(b)
	return errA == nil && errB == nil && ra == rb
}

func sameFile(a, b string) bool {
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// ownRoot says whether a process sees the same root as fpmlint: a container's paths are others.
func ownRoot(pid int) bool {
	var own, its unix.Stat_t
	if err := unix.Stat("/proc/self/root/", &own); err != nil {
		return false
	}
	if err := unix.Stat(fmt.Sprintf("/proc/%d/root/", pid), &its); err != nil {
		return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
	}
	return own.Dev == its.Dev && own.Ino == its.Ino
}

// image is where the program's code, data, arguments and environment lie (proc(5), fields 26 to 28
// and 45 to 51 of stat), which changes with every execve.
func image(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest) // from field 3 on
	if len(fields) < 49 {
		return ""
	}
	return strings.Join(append(fields[23:26:26], fields[42:49]...), " ")
}

func workers(all procfs.Procs, master int) map[int]bool {
	out := map[int]bool{}
	for _, p := range all {
		if s, err := p.Stat(); err == nil && s.PPID == master {
			out[p.PID] = true
		}
	}
	return out
}

// await waits until a reloaded master runs with its new configuration.
func (d *Daemon) await(ctx context.Context, before *process) error {
	for {
		now, err := d.running()
		switch {
		case err != nil:
			return err
		case now == nil && !alive(before.pid):
			return fmt.Errorf("%s ended at its reload", d.Name())
		case now != nil && now.pid != before.pid: // the command restarted it
			return nil
		case now != nil && d.Kind == kindFPM && now.image != before.image:
			return nil
		case now != nil && d.Kind == kindNginx && now.renewed(before):
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s, process %d, did not take the new configuration over in time; its error log says why", d.Name(), before.pid)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func alive(pid int) bool { return unix.Kill(pid, 0) == nil }

// renewed says whether a master has new workers, and the old ones no longer accept connections.
func (p *process) renewed(before *process) bool {
	fresh := false
	for pid := range p.workers {
		title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !strings.HasPrefix(string(title), "nginx: worker process") {
			continue
		}
		leaving := strings.HasPrefix(string(title), "nginx: worker process is shutting down")
		if before.workers[pid] && !leaving {
			return false
		}
		fresh = fresh || !before.workers[pid] && !leaving
	}
	return fresh
}

// serviceOf is the systemd unit in whose control group a process is.
func serviceOf(pid int) string {
	if !booted() {
		return ""
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if unit := path.Base(strings.TrimSpace(line)); strings.HasSuffix(unit, ".service") {
			return unit
		}
	}
	return ""
}

// unit is the systemd unit whose main process this is; "" for one that somebody started by hand
// from within a service.
func (p *process) unit(ctx context.Context) string {
	if p.service == "" {
		return ""
	}
	out, err := exec.CommandContext(ctx, "systemctl", "show", "-p", "MainPID", "--value", p.service).Output()
	if err != nil || strings.TrimSpace(string(out)) != strconv.Itoa(p.pid) {
		return ""
	}
	return p.service
}

// revive starts a master that its reload ended, as it ran before.
func (d *Daemon) revive(ctx context.Context, before *process) error {
	if before.service != "" {
		return execute(exec.CommandContext(ctx, "systemctl", "restart", before.service))
	}
	before.endWorkers(ctx)
	if before.parent > 1 && d.restarted(ctx) {
		return nil
	}
	argv := []string{d.Program, "-D"}
	if d.Kind == kindNginx {
		argv = argv[:1]
	}
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], d.args()...)...)
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	return execute(cmd)
}

// supervisorTime is how long a supervisor may take to start what has ended.
const supervisorTime = 5 * time.Second

// restarted waits for a supervisor, which is a master's parent, to start the daemon: one that is started
// beside it would keep the supervisor's from its sockets.
func (d *Daemon) restarted(ctx context.Context) bool {
	deadline := time.Now().Add(supervisorTime)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		if p, err := d.running(); err == nil && p != nil {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

// endWorkers ends workers that outlived their PHP-FPM master, which hold its sockets, when they have
// answered what they are at.
func (p *process) endWorkers(ctx context.Context) {
	for {
		left := false
		for pid := range p.workers {
			title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err == nil && strings.HasPrefix(string(title), "php-fpm: pool ") {
				left = unix.Kill(pid, unix.SIGQUIT) == nil || left
			}
		}
		if !left {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// idleTime is how long a reload that would cut requests off waits for a moment without any.
const idleTime = 10 * time.Second

// awaitIdle waits for a moment in which no worker has a request: each of them waits in accept(2). It
// gives up after a while, since what is broken is broken meanwhile.
func (p *process) awaitIdle(ctx context.Context) {
	deadline := time.Now().Add(idleTime)
	for !p.idle() && time.Now().Before(deadline) && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

func (p *process) idle() bool {
	for pid := range p.workers {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		if err != nil {
			continue // it has ended, or nobody may look
		}
		number, _, _ := strings.Cut(string(data), " ")
		if number != strconv.Itoa(unix.SYS_ACCEPT) && number != strconv.Itoa(unix.SYS_ACCEPT4) {
			return false
		}
	}
	return true
}

// workerIdentity is the user that the workers of a running nginx have: the one to ask as where the
// configuration does not name it.
func workerIdentity(conf string) *identity {
	p, err := (&Daemon{Kind: kindNginx, Conf: conf}).running()
	if err != nil || p == nil {
		return nil
	}
	for pid := range p.workers {
		title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || !strings.HasPrefix(string(title), "nginx: worker process") {
			continue
		}
		proc, err := procfs.NewProc(pid)
		if err != nil {
			continue // it has ended
		}
		status, err := proc.NewStatus()
		if err != nil {
			continue
		}
		id := &identity{user: strconv.FormatUint(status.UIDs[1], 10), uid: int(status.UIDs[1]), gid: int(status.GIDs[1])}
		if u, err := user.LookupId(id.user); err == nil {
			id.user = u.Username
		}
		id.groups = groupsOf(pid)
		return id
	}
	return nil
}

// groupsOf are a process's supplementary groups (proc(5), Groups of status).
func groupsOf(pid int) []int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	var out []int
	for line := range strings.Lines(string(data)) {
		if list, ok := strings.CutPrefix(line, "Groups:"); ok {
			for _, field := range strings.Fields(list) {
				if n, err := strconv.Atoi(field); err == nil {
					out = append(out, n)
				}
			}
		}
	}
	return out
}
