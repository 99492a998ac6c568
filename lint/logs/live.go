package logs

import (
	"context"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// Configured are the logs that a configuration names: nginx's error_log of each level, PHP-FPM's
// error_log and the pools' slow logs, as files on disk. Logs that rotation put aside are among them
// where they were written to after since; current are those that are written to now.
func Configured(stacks []*stack.Stack, since time.Time) (all, current []string) {
	var out, now []string
	add := func(root *source.Root, names ...string) bool {
		for _, name := range names {
			// Containers link their logs to /dev/stderr, which nobody can read back.
			if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() || root.Disk() == "" {
				continue
			}
			now = append(now, onDisk(root, name))
			out = append(out, onDisk(root, name))
			out = append(out, rotated(root, name, since)...)
			return true
		}
		return false
	}
	for _, s := range stacks {
		for _, c := range s.Nginx {
			found := false
			for scope := range c.Having("error_log") {
				for _, d := range scope.FindAll("error_log") {
					name := d.Arg(0)
					if name == "stderr" || strings.ContainsAny(name, ":$") || name == "/dev/null" {
						continue
					}
					found = true
					add(c.Root, absolute(name, "/usr/share/nginx", "/etc/nginx", c.Prefix, path.Dir(c.Prefix))...)
				}
			}
			if !found {
				add(c.Root, "/var/log/nginx/error.log", "/usr/local/nginx/logs/error.log")
			}
		}
		for _, m := range s.Masters {
			if log := m.Global("error_log"); log.Unknown == "" && log.Text != "syslog" {
				add(m.Root, absolute(log.Text, "/var", path.Join(m.Prefix, "var"), m.Prefix)...)
			}
			for _, p := range m.Pools {
				if log := p.Get("slowlog"); log.Text != "" && log.Unknown == "" {
					add(m.Root, absolute(log.Text, m.Prefix)...)
				}
			}
		}
		root := rootOf(s)
		for _, name := range []string{"/var/log/kern.log", "/var/log/messages", "/var/log/syslog"} {
			if root != nil && add(root, name) {
				break
			}
		}
	}
	slices.Sort(out)
	slices.Sort(now)
	return slices.Compact(out), slices.Compact(now)
}

func rootOf(s *stack.Stack) *source.Root {
	switch {
	case len(s.Nginx) > 0:
		return s.Nginx[0].Root
	case len(s.Masters) > 0:
		return s.Masters[0].Root
	}
	return nil
}

// absolute puts directories before a relative name.
func absolute(name string, dirs ...string) []string {
	if name == "" || path.IsAbs(name) {
		return []string{name}
	}
	var out []string
	for _, d := range dirs {
		out = append(out, path.Join("/", d, name))
	}
	return out
}

func onDisk(root *source.Root, name string) string {
	if real, err := root.Resolve(name); err == nil {
		name = real
	}
	return filepath.Join(root.Disk(), filepath.FromSlash(name))
}

// rotated are the files that logrotate made of a log: .1, .2.gz, -20261121.zst.
func rotated(root *source.Root, name string, since time.Time) []string {
	var out []string
	for _, pattern := range []string{name + ".*", name + "-*"} {
		found, err := root.Glob(pattern)
		if err != nil {
			continue
		}
		for _, f := range found {
			info, err := root.Stat(f)
			if err == nil && unitOf(f) == name && info.Mode().IsRegular() && !info.ModTime().Before(since) {
				out = append(out, onDisk(root, f))
			}
		}
	}
	return out
}

// Journal reads systemd's journal of the kernel, nginx and PHP-FPM since a time, and gives false
// where this machine has none.
func Journal(ctx context.Context, since time.Time) (Input, func(), bool) {
	program, err := exec.LookPath("journalctl")
	if err != nil {
		return Input{}, nil, false
	}
	args := []string{"--output=export", "--quiet", "--no-pager", "_TRANSPORT=kernel", "+", "SYSLOG_IDENTIFIER=systemd", "+", "SYSLOG_IDENTIFIER=nginx"}
	for _, v := range []string{"", "5.6", "7.0", "7.1", "7.2", "7.3", "7.4", "8.0", "8.1", "8.2", "8.3", "8.4", "8.5"} {
		args = append(args, "+", "SYSLOG_IDENTIFIER=php-fpm"+v)
	}
	if !since.IsZero() {
		args = append(args, "--since=@"+strconv.FormatInt(since.Unix(), 10))
	}
	cmd := exec.CommandContext(ctx, program, args...)
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return Input{}, nil, false
	}
	return Input{Name: "journalctl", Reader: out}, func() { _ = cmd.Wait() }, true
}
