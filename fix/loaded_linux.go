package fix

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// loaded is when a master took over the configuration that it runs with, zero where nothing tells.
// PHP-FPM writes its pid file then (fpm_conf_write_pid, on a reload too). The workers are all younger,
// so that the oldest of them bounds the time.
func (p *process) loaded(d *Daemon) time.Time {
	if d.Kind == kindFPM && d.PIDFile != "" {
		data, err := os.ReadFile(d.PIDFile)
		info, statErr := os.Stat(d.PIDFile)
		if err == nil && statErr == nil && strings.TrimSpace(string(data)) == strconv.Itoa(p.pid) {
			return info.ModTime()
		}
	}
	boot, ok := bootTime()
	if !ok {
		return time.Time{}
	}
	var oldest time.Time
	for pid := range p.workers {
		title, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if err != nil || !strings.HasPrefix(string(title), "php-fpm: pool ") && !strings.HasPrefix(string(title), "nginx: worker process") || strings.Contains(string(title), "shutting down") {
			continue
		}
		proc, err := procfs.NewProc(pid)
		if err != nil {
			continue // it has ended
		}
		stat, err := proc.Stat()
		if err != nil {
			continue
		}
		const ticks = 100 // of a second: USER_HZ, on all of Linux's platforms
		if start := boot.Add(time.Duration(stat.Starttime) * time.Second / ticks); oldest.IsZero() || start.Before(oldest) {
			oldest = start
		}
	}
	return oldest
}

// bootTime is the start of the clock by which processes are dated. /proc/stat has it in whole seconds.
func bootTime() (time.Time, bool) {
	var sinceBoot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &sinceBoot); err != nil {
		return time.Time{}, false
	}
	return time.Now().Add(-time.Duration(sinceBoot.Nano())), true
}
