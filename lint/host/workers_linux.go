package host

import (
	"strings"

	"github.com/prometheus/procfs"
)

// FPM names its processes so (fpm_env_init_main, fpm_env_setproctitle).
const (
	masterTitle = "php-fpm: master process ("
	workerTitle = "php-fpm: pool "
)

// readWorkers finds the running workers in a proc file system. Processes of other containers,
// which have a process number of their own there, are left out, and so are those that end
// meanwhile.
func readWorkers(proc string) []Worker {
	fs, err := procfs.NewFS(proc)
	if err != nil {
		return nil
	}
	all, err := fs.AllProcs()
	if err != nil {
		return nil
	}
	var out []Worker
	confs := map[int]string{} // main file by the master's PID
	parents := map[int]int{}  // master's PID by the worker's
	for _, p := range all {
		args, err := p.CmdLine()
		if err != nil || len(args) == 0 {
			continue
		}
		if conf, ok := strings.CutPrefix(args[0], masterTitle); ok {
			confs[p.PID] = strings.TrimSuffix(strings.TrimRight(conf, " "), ")")
			continue
		}
		pool, ok := strings.CutPrefix(args[0], workerTitle)
		if !ok {
			continue
		}
		w := Worker{Pool: strings.TrimRight(pool, " "), PID: p.PID}
		stat, errStat := p.Stat()
		status, errStatus := p.NewStatus()
		if errStat != nil || errStatus != nil || len(status.NSpids) > 1 {
			continue
		}
		parents[p.PID] = stat.PPID
		w.Memory = int64(status.VmRSS)
		if rollup, err := p.ProcSMapsRollup(); err == nil && rollup.Pss > 0 {
			w.Memory, w.Proportional = int64(rollup.Pss), true
		}
		if w.Memory > 0 {
			out = append(out, w)
		}
	}
	for i, w := range out {
		out[i].Conf = confs[parents[w.PID]]
	}
	return out
}
