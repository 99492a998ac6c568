//go:build unix

package fix

import (
	"os"
	"strings"

	"fpmlint/lint/fpm"
	"fpmlint/lint/nginx"
	"fpmlint/lint/stack"
)

// booted says whether systemd runs this machine (sd_booted(3)).
func booted() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// fpmDaemon is a master's daemon, with the service that starts it.
func (t *Transaction) fpmDaemon(s *stack.Stack, m *fpm.Master) (*Daemon, error) {
	d, err := t.Programs.fpmDaemon(m)
	if d == nil || err != nil || !booted() {
		return d, err
	}
	if service := s.ServiceOf(m); service != nil && (strings.Contains(service.Start, d.Conf) || !strings.Contains(service.Start, ".conf")) {
		d.Unit = service.Name
	}
	return d, nil
}

// nginxDaemon is an nginx's daemon, with the service that starts it.
func (t *Transaction) nginxDaemon(s *stack.Stack, c *nginx.Config) (*Daemon, error) {
	d, err := t.Programs.nginxDaemon(c)
	if d == nil || err != nil || !booted() {
		return d, err
	}
	for _, service := range s.NginxHost.Services {
		if service.Program == kindNginx && (strings.Contains(service.Start, d.Conf) || d.Conf == "/etc/nginx/nginx.conf" && !strings.Contains(service.Start, " -c ")) {
			d.Unit = service.Name
		}
	}
	return d, nil
}
