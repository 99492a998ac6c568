//go:build unix && !linux

package fix

import (
	"context"
	"errors"
	"time"
)

// process is a running master. Only Linux tells which one belongs to which configuration.
type process struct {
	pid     int
	service string
}

var errNoProcesses = errors.New("on this system fpmlint cannot tell which process to reload: give --reload-nginx CMD and --reload-fpm CMD")

func (d *Daemon) running() (*process, error) {
	if d.ReloadCommand != "" {
		return nil, nil
	}
	return nil, errNoProcesses
}

func (d *Daemon) started() []string                      { return nil }
func (d *Daemon) await(context.Context, *process) error  { return nil }
func (d *Daemon) revive(context.Context, *process) error { return errNoProcesses }
func (p *process) unit(context.Context) string           { return "" }
func (p *process) awaitIdle(context.Context)             {}
func (p *process) loaded(*Daemon) time.Time              { return time.Time{} }
func workerIdentity(string) *identity                    { return nil }
