package logs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// summary reads texts as logs of their own and names what is found: cause, confidence, requests and
// events.
func summary(t *testing.T, texts ...string) string {
	t.Helper()
	a := New(Options{Zone: time.UTC, Now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)})
	for n, text := range texts {
		if err := a.Read(t.Context(), []Input{{Name: fmt.Sprintf("php8.%d-fpm.log", n), Reader: strings.NewReader(text)}}); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for _, i := range a.Report().Incidents {
		out = append(out, fmt.Sprintf("%s %s %d+%d", i.Cause.ID, i.Confidence, i.Count, i.Events))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func nginxAt(clock, message string) string {
	return "2026/11/21 " + clock + " [error] 8#8: *2 " + message + tailOf + "\n"
}

func fpmAt(clock, message string) string {
	return "[21-Nov-2026 " + clock + "] WARNING: " + message + "\n"
}

func TestCorrelation(t *testing.T) {
	reset := func(clock string) string {
		return nginxAt(clock, "recv() failed (104: Connection reset by peer) while reading response header from upstream")
	}
	refuse := func(clock string) string {
		return nginxAt(clock, "connect() failed (111: Connection refused) while connecting to upstream")
	}
	died := func(clock string, pid, signal int) string {
		return fpmAt(clock, fmt.Sprintf("[pool www] child %d exited on signal %d (SIG) after 1.5 seconds from start", pid, signal))
	}
	kernel := func(clock, text string) string { return "[Sat Nov 21 " + clock + " 2026] " + text + "\n" }
	killed := func(pid int) string {
		return fmt.Sprintf("Out of memory: Killed process %d (php-fpm8.2) total-vm:1kB", pid)
	}
	var loop string
	for n := range 12 {
		loop += died(fmt.Sprintf("08:00:%02d", n), n, 11)
	}
	for name, c := range map[string]struct {
		logs []string
		want string
	}{
		"crash":                              {[]string{reset("08:00:00"), died("08:00:01", 7, 11)}, "worker-crash proven 1+0"},
		"crash long before":                  {[]string{reset("08:00:10"), died("08:00:01", 7, 11)}, "worker-closed likely 1+0, worker-crash proven 0+1"},
		"two resets, one crash":              {[]string{reset("08:00:00") + reset("08:00:00"), died("08:00:00", 7, 11)}, "worker-closed likely 1+0, worker-crash proven 1+0"},
		"killed":                             {[]string{reset("08:00:00"), died("08:00:00", 7, 9)}, "worker-oom likely 1+0"},
		"killed by the kernel":               {[]string{reset("08:00:00"), died("08:00:00", 7, 9), kernel("08:00:00", killed(7))}, "worker-oom proven 1+0"},
		"killed in a container":              {[]string{reset("08:00:00"), died("08:00:00", 7, 9), kernel("07:59:59", killed(22077))}, "worker-oom likely 1+0"},
		"killed, but not by the kernel":      {[]string{reset("08:00:00"), died("08:00:00", 7, 9), kernel("07:00:00", "a") + kernel("09:00:00", "b")}, "worker-closed likely 1+0"},
		"kernel's log without PHP-FPM's":     {[]string{reset("08:00:00"), kernel("08:00:00", killed(7))}, "worker-oom likely 1+0"},
		"terminated":                         {[]string{reset("08:00:02"), fpmAt("08:00:01", `[pool www] child 7, script '/a.php' (request: "GET /a.php") execution timed out (2.4 sec), terminating`) + died("08:00:02", 7, 15)}, "worker-terminated proven 1+0"},
		"terminated another":                 {[]string{reset("08:00:02"), fpmAt("08:00:01", `[pool www] child 8, script '/a.php' (request: "GET /a.php") execution timed out (2.4 sec), terminating`) + died("08:00:02", 7, 15)}, "worker-closed likely 1+0, worker-terminated proven 0+1"},
		"reload":                             {[]string{reset("08:00:02"), fpmAt("08:00:01", "Reloading in progress ...")}, "reload-cut likely 1+0"},
		"reload that was over":               {[]string{reset("08:00:08"), fpmAt("08:00:01", "Reloading in progress ...") + fpmAt("08:00:02", "ready to handle connections")}, "worker-closed likely 1+0"},
		"stopped":                            {[]string{refuse("08:10:00"), fpmAt("08:00:01", "Terminating ...") + fpmAt("08:00:01", "exiting, bye-bye!")}, "fpm-down proven 1+0"},
		"stopped and started":                {[]string{refuse("08:10:00"), fpmAt("08:00:01", "exiting, bye-bye!") + fpmAt("08:00:05", "ready to handle connections")}, "socket-refused proven 1+0"},
		"one of two stopped":                 {[]string{refuse("08:10:00"), fpmAt("08:00:01", "exiting, bye-bye!"), fpmAt("08:00:05", "ready to handle connections")}, "socket-refused proven 1+0"},
		"stopped by systemd":                 {[]string{refuse("08:10:00"), "Nov 21 08:00:00 web systemd[1]: php8.2-fpm.service: Main process exited, code=exited, status=78/CONFIG\n"}, "fpm-down proven 1+0"},
		"crash loop":                         {[]string{loop}, "crash-loop likely 0+3, worker-crash proven 0+12"},
		"idle worker ends":                   {[]string{died("08:00:00", 7, 15)}, ""},
		"one slow request in both logs":      {[]string{fpmAt("08:00:00", `[pool www] child 7, script '/a.php' (request: "GET /a.php") executing too slow (1.1 sec), logging`), "[21-Nov-2026 08:00:00]  [pool www] pid 7\nscript_filename = /a.php\n[0x1] f() /a.php:1\n"}, "slow-script proven 0+1"},
		"timeout of a slow script":           {[]string{nginxAt("08:01:00", "upstream timed out (110: Connection timed out) while reading response header from upstream"), "[21-Nov-2026 08:00:05]  [pool www] pid 7\nscript_filename = /a.php\n[0x1] f() /a.php:1\n"}, "slow-script proven 0+1, upstream-timeout proven 1+0"},
		"timeout without workers":            {[]string{nginxAt("08:01:00", "upstream timed out (110: Connection timed out) while reading response header from upstream"), fpmAt("08:00:10", "[pool www] server reached pm.max_children setting (5), consider raising it")}, "max-children likely 1+1"},
		"timeout long after":                 {[]string{nginxAt("08:30:00", "upstream timed out (110: Connection timed out) while reading response header from upstream"), fpmAt("08:00:10", "[pool www] server reached pm.max_children setting (5), consider raising it")}, "max-children proven 0+1, upstream-timeout proven 1+0"},
		"refused clients, one without nginx": {[]string{reset("08:00:00"), strings.Repeat(fpmAt("08:00:00", `[pool www] child 8657 said into stderr: "ERROR: Connection disallowed: IP address '127.0.0.1' has been dropped."`), 2)}, "client-disallowed proven 1+1"},
	} {
		if got := summary(t, c.logs...); got != c.want {
			t.Errorf("%s: %s; want %s", name, got, c.want)
		}
		slices.Reverse(c.logs) // what is read first must not matter
		if got := summary(t, c.logs...); got != c.want {
			t.Errorf("%s, the other way round: %s; want %s", name, got, c.want)
		}
	}
}
