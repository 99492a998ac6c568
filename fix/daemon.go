//go:build unix

package fix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"fpmlint/lint/fpm"
	"fpmlint/lint/lazy"
	"fpmlint/lint/nginx"
)

const (
	kindNginx = "nginx"
	kindFPM   = "php-fpm"
)

// testTimeout bounds nginx -t and php-fpm -t, which may wait for a name server.
const testTimeout = time.Minute

// Daemon is an nginx or a PHP-FPM by its main file: how its configuration is tested and how it is
// reloaded.
type Daemon struct {
	Kind string `json:"kind"`
	// Conf is the main file's absolute path on disk.
	Conf string `json:"conf"`
	// Version is PHP's where the layout tells it.
	Version string `json:"version,omitempty"`
	// Program is the daemon's file, "" where TestCommand and ReloadCommand stand for it.
	Program string `json:"program,omitempty"`
	// TestCommand and ReloadCommand are the site's own, for sh -c.
	TestCommand   string `json:"testCommand,omitempty"`
	ReloadCommand string `json:"reloadCommand,omitempty"`
	// AsRoot says that a pool runs as root, which php-fpm refuses without -R.
	AsRoot bool `json:"asRoot,omitempty"`
	// Grace is how long running requests may take to end at a reload: process_control_timeout.
	Grace time.Duration `json:"grace,omitempty"`
	// Unit is the systemd service that starts it, where systemd runs.
	Unit string `json:"unit,omitempty"`
	// Abrupt says that a reload cuts running requests off.
	Abrupt bool `json:"abrupt,omitempty"`
	// PIDFile is PHP-FPM's, "" where it has none.
	PIDFile string `json:"pidFile,omitempty"`
	// Logs are nginx's error logs.
	Logs []string `json:"logs,omitempty"`

	// files are those of the configuration, graceFile the one that sets process_control_timeout.
	files     []string
	graceFile string
}

// Name is how a daemon is called in messages.
func (d *Daemon) Name() string {
	if d.Kind == kindFPM && d.Version != "" {
		return "PHP-FPM " + d.Version + " (" + d.Conf + ")"
	}
	if d.Kind == kindFPM {
		return "PHP-FPM (" + d.Conf + ")"
	}
	return "nginx (" + d.Conf + ")"
}

// nginxDaemon is nil where nothing may be run for it.
func (p *Programs) nginxDaemon(c *nginx.Config) (*Daemon, error) {
	if c.Fragment || c.Conf.Disk == "" {
		return nil, nil
	}
	d := &Daemon{Kind: kindNginx, Conf: c.Conf.Disk, Program: p.Nginx, TestCommand: p.NginxTest, ReloadCommand: p.NginxReload}
	if d.Program == "" && p.Live {
		d.Program = firstProgram([]string{"/usr/sbin/nginx", "/usr/local/nginx/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"}, "nginx")
	}
	for _, f := range c.Files {
		d.files = append(d.files, f.Source.Disk)
	}
	for scope := range c.Scopes {
		for _, s := range scope.FindAll("error_log") {
			if log := s.Arg(0); log != "" && log != "stderr" && !strings.HasPrefix(log, "syslog:") && !strings.Contains(log, "$") {
				if !filepath.IsAbs(log) {
					continue // relative to a prefix that only the program knows
				}
				if !slices.Contains(d.Logs, log) {
					d.Logs = append(d.Logs, log)
				}
			}
		}
	}
	return d, d.usable(p, "--nginx-bin", "--nginx-test", "nginx")
}

func (p *Programs) fpmDaemon(m *fpm.Master) (*Daemon, error) {
	if m.PoolsOnly || m.Conf.Disk == "" {
		return nil, nil
	}
	d := &Daemon{Kind: kindFPM, Conf: m.Conf.Disk, Version: m.Version, TestCommand: p.FPMTest, ReloadCommand: p.FPMReload}
	d.Program = p.FPM[m.Version]
	if d.Program == "" {
		d.Program = p.FPM[""]
	}
	if d.Program == "" && p.Live {
		d.Program = firstProgram(fpm.Programs(m.Options), "php-fpm")
	}
	for _, pool := range m.Pools {
		if user := pool.Get("user").Text; user == "root" || user == "0" {
			d.AsRoot = true
		}
	}
	if seconds, ok := m.GlobalSeconds("process_control_timeout"); ok {
		d.Grace = time.Duration(seconds) * time.Second
	}
	if setting := m.Global("process_control_timeout"); !setting.Span.IsZero() {
		d.graceFile = setting.Span.File.Disk
	}
	if pid := m.Global("pid").Text; filepath.IsAbs(pid) {
		d.PIDFile = pid
	}
	d.files = disks(m.Files)
	return d, d.usable(p, "--php-fpm-bin", "--fpm-test", strings.TrimSpace("php-fpm "+m.Version))
}

// usable drops a daemon that cannot be run where that is right, and says what to give where not.
func (d *Daemon) usable(p *Programs, bin, test, name string) error {
	if d.Program == "" && d.TestCommand == "" && p.Live {
		return fmt.Errorf("%s's program was not found, so %s cannot be checked: give %s FILE, or %s CMD", name, d.Conf, bin, test)
	}
	return nil
}

// runnable says whether there is a way to check the daemon's configuration.
func (d *Daemon) runnable() bool { return d.Program != "" || d.TestCommand != "" }

func firstProgram(files []string, name string) string {
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return f
		}
	}
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	if versions, _ := filepath.Glob("/usr/sbin/" + name + "[0-9]*"); len(versions) == 1 { // the pattern is well formed
		return versions[0]
	}
	return ""
}

// test runs the daemon's own check of its configuration, with other contents in place of some files
// where candidate is not nil. The error holds what the daemon said.
func (d *Daemon) test(ctx context.Context, candidate *candidate) error {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	argv := []string{"sh", "-c", d.TestCommand}
	if d.TestCommand == "" {
		argv = append([]string{d.Program, "-t"}, d.args()...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	return heard(cmd, candidate.run)
}

// execute runs a command to its end. The error holds what it said.
func execute(cmd *exec.Cmd) error { return heard(cmd, (*exec.Cmd).Run) }

// heard runs a command in a way and puts what it said into the error. A daemon that it leaves behind
// may hold its output open: that is not waited for.
func heard(cmd *exec.Cmd, run func(*exec.Cmd) error) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err := run(cmd)
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if errors.Is(err, errNoNamespace) {
		return err
	}
	what := strings.Join(cmd.Args, " ")
	if said := said(out.String()); said != "" {
		return fmt.Errorf("%s: %s", what, said)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// stamp is what nginx and PHP-FPM put before a message: time, process and level.
var stamp = lazy.Regexp(`^(?:\d{4}/\d\d/\d\d [\d:]+ (\[\w+\]) \d+#\d+: |\[[^\]]*\] )`)

// said is what a daemon's check printed, without what is no complaint and what differs each time.
func said(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(stamp().ReplaceAllString(line, "$1 "))
		if line != "" && !strings.Contains(line, "[warn]") && !strings.Contains(line, "[notice]") && !strings.HasPrefix(line, "NOTICE:") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-4):], "; ")
}

// args are the arguments that name the configuration.
func (d *Daemon) args() []string {
	if d.Kind == kindFPM {
		if d.AsRoot {
			return []string{"-y", d.Conf, "-R"}
		}
		return []string{"-y", d.Conf}
	}
	return append([]string{"-c", d.Conf}, d.started()...)
}

// reloadTimeout is how long a reload may take besides the time that running requests are given.
const reloadTimeout = 15 * time.Second

// reload makes the running daemon take its configuration over, and waits until it has.
func (d *Daemon) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout+d.Grace)
	defer cancel()
	before, err := d.running()
	if d.ReloadCommand != "" {
		if err := execute(exec.CommandContext(ctx, "sh", "-c", d.ReloadCommand)); err != nil {
			return fmt.Errorf("reloading %s: %w", d.Name(), err)
		}
		if before == nil {
			return nil // a container, say: what it does there cannot be seen
		}
		return d.await(ctx, before)
	}
	if err != nil {
		return err
	}
	if before == nil {
		return fmt.Errorf("%s is not running: start it first", d.Name())
	}
	if d.Abrupt {
		before.awaitIdle(ctx)
	}
	if unit := before.unit(ctx); unit != "" {
		if err := execute(exec.CommandContext(ctx, "systemctl", "reload", unit)); err != nil {
			return err
		}
	} else if err := syscall.Kill(before.pid, d.signal()); err != nil {
		return fmt.Errorf("reloading %s, process %d: %w", d.Name(), before.pid, err)
	}
	return d.await(ctx, before)
}

func (d *Daemon) signal() syscall.Signal {
	if d.Kind == kindFPM {
		return syscall.SIGUSR2
	}
	return syscall.SIGHUP
}

// ReloadByHand is the command that an operator would type. The test comes first: PHP-FPM ends at a
// reload whose configuration it refuses.
func (d *Daemon) ReloadByHand() string {
	p, err := d.running()
	switch {
	case d.ReloadCommand != "":
		return d.ReloadCommand
	case err != nil || p == nil:
		return d.startByHand()
	}
	command := fmt.Sprintf("kill -HUP %d", p.pid)
	if d.Kind == kindFPM {
		command = fmt.Sprintf("kill -USR2 %d", p.pid)
	}
	if p.service != "" {
		command = "systemctl reload " + p.service
	}
	if d.Program == "" {
		return command
	}
	test := quote(d.Program) + " -t"
	for _, arg := range d.args() {
		test += " " + quote(arg)
	}
	return test + " && " + command
}

// toStart says that a daemon is to be started.
func (d *Daemon) toStart() string {
	return fmt.Sprintf("%s does not run; start it: %s", d.Name(), d.startByHand())
}

// startByHand is the command that starts a daemon that does not run.
func (d *Daemon) startByHand() string {
	switch {
	case d.Unit != "":
		return "systemctl start " + d.Unit
	case d.Program == "":
		return "start it as this machine does"
	case d.Kind == kindFPM:
		return fmt.Sprintf("%s -D -y %s", quote(d.Program), quote(d.Conf))
	}
	return fmt.Sprintf("%s -c %s", quote(d.Program), quote(d.Conf))
}
