//go:build unix

package fix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/address"
	"fpmlint/lint/fastcgi"
	"fpmlint/lint/host"
	"fpmlint/lint/nginx"
	"fpmlint/lint/stack"
)

// noScript is what hand-offs are asked for: PHP-FPM's answer to a script that is not there shows
// that a worker has the request, and no code of the site runs.
const noScript = "/fpmlint-asks-whether-anybody-is-there.php"

// askTime is how long one question may take.
const askTime = 5 * time.Second

// errBusy says that a pool is there and has no worker free.
var errBusy = errors.New("takes connections, but no worker answered")

// identity is the user that nginx's workers run as; nil connects as fpmlint itself.
type identity struct {
	user   string
	uid    int
	gid    int
	groups []int
}

// identityOf is nginx's user: the one that the configuration names, else that of the running workers,
// since the default is the program's. It is nil where neither is known.
func identityOf(c *nginx.Config, h *host.Facts) *identity {
	user, group, _, ok := c.User()
	if os.Geteuid() != 0 {
		return nil
	}
	if !ok {
		return workerIdentity(c.Conf.Disk)
	}
	uid, gids, ok := h.GroupsOf(user, group)
	g, have := h.Groups[group]
	if n, err := strconv.Atoi(group); !have && err == nil {
		g.GID, have = n, true
	}
	if !ok || !have {
		return nil
	}
	id := &identity{user: user, uid: uid, gid: g.GID}
	for n := range gids {
		id.groups = append(id.groups, n)
	}
	return id
}

// answers says for each place whether at least one of the hand-off's addresses answers as PHP-FPM
// does, and else why not. Places whose addresses are not all known, or on other hosts, are left out.
func answers(ctx context.Context, stacks []*stack.Stack, places []place, wait time.Duration) map[place]error {
	out := map[place]error{}
	asked := map[string]error{}
	for _, at := range places {
		s := stacks[at.stack]
		h := s.Handoffs[at.handoff]
		if h.Unknown != "" || len(h.Backends) == 0 {
			continue
		}
		var failed error
		works := false
		for _, b := range h.Backends {
			if b.Err != nil || b.Server != nil && b.Server.Down {
				continue
			}
			id := identityOf(h.Config, s.NginxHost)
			key := b.Address.String()
			if id != nil {
				key += " " + id.user
			}
			err, have := asked[key]
			if !have {
				err = ask(ctx, b.Address, id, wait)
				asked[key] = err
			}
			works = works || err == nil
			failed = errors.Join(failed, err)
		}
		if works {
			failed = nil
		}
		out[at] = failed
	}
	return out
}

// ask sends a FastCGI request and repeats it until somebody answers or the time is over: a pool
// that starts takes a moment. Any HTTP status is an answer.
func ask(ctx context.Context, a address.Address, id *identity, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		err := askOnce(ctx, a, id)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func askOnce(ctx context.Context, a address.Address, id *identity) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	conn, err := connect(ctx, a, id)
	if errors.Is(err, syscall.EAGAIN) { // the queue of connections is full
		return fmt.Errorf("%s %w within %v: its queue is full", a, errBusy, askTime)
	}
	if err != nil {
		as := ""
		if id != nil {
			as = " as nginx's user " + id.user
		}
		return fmt.Errorf("connecting to %s%s: %w", a, as, plain(err))
	}
	defer conn.Close() //nolint:errcheck // it was read from only
	_, _, _, _, err = fastcgi.Ask(ctx, conn, map[string]string{
		"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_SOFTWARE": "fpmlint",
		"SCRIPT_NAME": noScript, "SCRIPT_FILENAME": noScript, "REQUEST_URI": noScript, "QUERY_STRING": "", "REMOTE_ADDR": "127.0.0.1",
		"SERVER_NAME": "localhost", "SERVER_ADDR": "127.0.0.1", "SERVER_PORT": "80",
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %w within %v: all of them may be at work", a, errBusy, askTime)
	case err != nil:
		return fmt.Errorf("asking %s: %w", a, plain(err))
	}
	return nil
}

// plain leaves the system's own words of an error of the network.
func plain(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	return err
}

func connect(ctx context.Context, a address.Address, id *identity) (net.Conn, error) {
	if a.IsUnix() {
		return connectUnix(ctx, a.Path, id)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(a.Host, strconv.Itoa(a.Port)))
}

// logWatch remembers how long nginx's error logs were.
type logWatch map[string]int64

func watchLogs(daemons []*Daemon) logWatch {
	w := logWatch{}
	for _, d := range daemons {
		for _, log := range d.Logs {
			if info, err := os.Stat(log); err == nil && info.Mode().IsRegular() {
				w[log] = info.Size()
			}
		}
	}
	return w
}

// watchTime is how long nginx's error log is watched at least: fpmlint itself asks in no time, and as
// nginx's user, but not from nginx's place.
const watchTime = 300 * time.Millisecond

// complaints are the new lines that say that one of the addresses could not be reached.
func (w logWatch) complaints(addresses []string) []string {
	var out []string
	for log, from := range w {
		f, err := os.Open(log)
		if err != nil {
			continue // it was rotated away
		}
		data, err := io.ReadAll(io.NewSectionReader(f, from, 1<<20))
		f.Close() //nolint:errcheck // it was read from only
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			for _, a := range addresses {
				if strings.Contains(line, " connect() to "+a+" failed ") && !strings.Contains(line, " failed (11: ") { // 11 is load
					out = append(out, strings.TrimSpace(line))
				}
			}
		}
	}
	return out
}

// patience is how long a pool may take until it answers after the reloads that were made.
func (t *Transaction) patience() time.Duration {
	wait := startTime
	for _, r := range t.reloaded {
		wait = max(wait, startTime+r.daemon.Grace)
	}
	return wait
}

// ready asks the hand-offs that work where nginx will be led to. What nobody answers there is found
// before nginx is reloaded, so that no visitor sees it.
func (t *Transaction) ready(ctx context.Context, places []place, wait time.Duration) error {
	var working, hopeless []place // nobody will come to the latter
	reasons, stopped := map[place]string{}, map[string]string{}
	for _, at := range places {
		if was, asked := t.before[at]; !asked || was != nil {
			continue
		}
		s := t.Plan.After.Stacks[at.stack]
		if reasons[at] = t.stopped(s, s.Handoffs[at.handoff], stopped); reasons[at] != "" {
			hopeless = append(hopeless, at)
		} else {
			working = append(working, at)
		}
	}
	after := answers(ctx, t.Plan.After.Stacks, hopeless, 0)
	maps.Copy(after, answers(ctx, t.Plan.After.Stacks, working, wait))
	for _, at := range places {
		err := after[at]
		if err == nil || errors.Is(err, errBusy) {
			continue
		}
		why := ""
		if reasons[at] != "" {
			why = "; " + reasons[at]
		}
		before := t.Plan.Before.Stacks[at.stack].Handoffs[at.handoff]
		return fmt.Errorf("the hand-off %s answers, and where the change leads it nobody does: %w%s", handoffName(before), err, why)
	}
	return nil
}

// unmoved are the hand-offs to pools that this run does not reload: they answer now, or not at all.
func (t *Transaction) unmoved() []place {
	reloads := map[string]bool{}
	for _, d := range t.daemons {
		p, err := d.running()
		reloads[d.Conf] = d.ReloadCommand != "" || err != nil || p != nil
	}
	return slices.DeleteFunc(slices.Clone(t.watched), func(at place) bool {
		return slices.ContainsFunc(t.Plan.After.Stacks[at.stack].Handoffs[at.handoff].Backends, func(b *stack.Backend) bool {
			return slices.ContainsFunc(b.Pools, func(m stack.PoolMatch) bool { return reloads[m.Pool.Master.Conf.Disk] })
		})
	})
}

// handoffName is how a hand-off is called in messages: its address, and its site where that has a name.
func handoffName(h *stack.Handoff) string {
	names := slices.DeleteFunc(slices.Clone(h.Scope.ServerNames()), func(name string) bool { return name == "" || name == "_" })
	if len(names) == 0 {
		return h.Pass.Arg(0)
	}
	return fmt.Sprintf("%s (%s)", h.Pass.Arg(0), strings.Join(names, ", "))
}

// verify asks the hand-offs that were touched. One that answered before has to answer, and one that
// was broken too, since it is what the fix is for.
func (t *Transaction) verify(ctx context.Context) error {
	if !t.Probe {
		return nil
	}
	logs, since := watchLogs(t.daemons), time.Now()
	after := answers(ctx, t.Plan.After.Stacks, t.watched, t.patience())
	var addresses []string
	stopped := map[string]string{} // asked for each main file once
	for _, at := range t.watched {
		err, asked := after[at]
		if !asked {
			continue
		}
		s := t.Plan.After.Stacks[at.stack]
		h := s.Handoffs[at.handoff]
		name := handoffName(h)
		was, askedBefore := t.before[at]
		switch {
		case err == nil:
			t.Say(Step{Action: "verify", Object: name})
			for _, b := range h.Backends {
				addresses = append(addresses, b.Address.String())
			}
		case askedBefore && was == nil:
			return fmt.Errorf("the hand-off %s answered before and does not now: %w", name, err)
		case t.stopped(s, h, stopped) != "":
			why := t.stopped(s, h, stopped)
			t.todo(why)
			t.Say(Step{Action: "verify", Object: name, Note: "not possible: " + why})
		case t.mends(at) && errors.Is(err, errBusy) && !errors.Is(was, errBusy):
			t.todo(fmt.Sprintf("the fix reaches the pool, and the pool is busy: %v; see what its workers do, or raise pm.max_children", err))
			t.Say(Step{Action: "verify", Object: name, Note: err.Error()})
		case t.mends(at) && !errors.Is(err, errBusy):
			return fmt.Errorf("the hand-off %s does not answer with the fix either: %w", name, err)
		default:
			t.Say(Step{Action: "verify", Object: name, Note: "did not answer before, and does not now: " + err.Error()})
		}
	}
	if len(logs) > 0 && len(addresses) > 0 { // a visitor comes by
		select {
		case <-ctx.Done():
		case <-time.After(watchTime - time.Since(since)):
		}
	}
	if lines := logs.complaints(addresses); len(lines) > 0 {
		return fmt.Errorf("nginx's error log has a new complaint: %s", lines[0])
	}
	return nil
}

// stopped says that a hand-off cannot answer because the PHP-FPM of its pool does not run, "" where
// that is not so. What was found out is kept by main file.
func (t *Transaction) stopped(s *stack.Stack, h *stack.Handoff, known map[string]string) string {
	for _, b := range h.Backends {
		for _, m := range b.Pools {
			master := m.Pool.Master
			why, have := known[master.Conf.Disk]
			if !have {
				d, err := t.fpmDaemon(s, master)
				if err == nil && d != nil && d.ReloadCommand == "" {
					if p, err := d.running(); err == nil && p == nil {
						why = d.toStart()
					}
				}
				known[master.Conf.Disk] = why
			}
			if why != "" {
				return why
			}
		}
	}
	return ""
}

// mends says whether a fix was meant to make a hand-off work.
func (t *Transaction) mends(at place) bool {
	return slices.ContainsFunc(t.Plan.Applied, func(a Applied) bool {
		return (a.Finding.Severity == lint.Error || len(a.Finding.Fix.Files) > 0) && slices.Contains(a.handoffs, at)
	})
}
