package logs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// verdict is what is made of a failed request.
type verdict struct {
	cause      *Cause
	confidence Confidence
	pool       string
	because    []*Event
}

// judge finds what made a request fail: what nginx's message proves, and what PHP-FPM's and the
// kernel's logs say about the same moment.
func (a *Analysis) judge(e *Event, site *Site) verdict {
	v := verdict{cause: e.Message.cause, confidence: Proven}
	switch e.Message.role {
	case roleReset:
		v = a.judgeReset(e, site)
	case roleNoEntry:
		if site != nil && len(site.Pools) == 0 {
			break // nothing is meant to listen there
		}
		if stop := a.stopped(e, site); stop != nil {
			v.cause, v.because = mustCause("fpm-down"), []*Event{stop}
		}
	case roleSlow:
		v = a.judgeSlow(e, site)
	case roleRefuse:
		if site != nil {
			v.pool = site.pool()
		}
	}
	return v
}

// judgeReset explains a connection that ended early. The two clocks are one, PHP-FPM writes whole
// seconds and sees a death up to a second later.
func (a *Analysis) judgeReset(e *Event, site *Site) verdict {
	own := func(b *Event) bool { return site.has(b.Pool) }
	sure := Likely
	if site != nil && len(site.Pools) > 0 || a.onePool() {
		sure = Proven
	}
	if strings.HasPrefix(e.Scheme, "http") && site.listening() {
		return verdict{cause: mustCause("protocol-mismatch"), confidence: Proven, pool: site.pool()}
	}
	if b := a.times.refusals.take(e.At, own, 0, 1, -1); b != nil {
		return verdict{cause: b.Message.cause, confidence: sure, pool: b.Pool, because: []*Event{b}}
	}
	if b := a.times.deaths.take(e.At, own, 0, 1, -1, 2); b != nil {
		v := a.judgeDeath(b)
		v.confidence = weaker(v.confidence, sure)
		return v
	}
	if b := a.cutOff(e.At, site); b != nil {
		return verdict{cause: mustCause("reload-cut"), confidence: Likely, because: []*Event{b}}
	}
	// Without PHP-FPM's log the kernel's may still tell.
	for _, list := range []*byPID{&a.times.kills, &a.times.faults} {
		if b := list.take(e.At); b != nil {
			return verdict{cause: b.Message.cause, confidence: Likely, because: []*Event{b}}
		}
	}
	if site.finding("listen-allowed-clients") {
		return verdict{cause: mustCause("client-disallowed"), confidence: Likely}
	}
	return verdict{cause: e.Message.cause, confidence: Likely}
}

func weaker(a, b Confidence) Confidence {
	if a == Likely {
		return a
	}
	return b
}

// judgeDeath says what a worker died of.
func (a *Analysis) judgeDeath(d *Event) verdict {
	v := verdict{cause: d.Message.cause, confidence: Proven, pool: d.Pool, because: []*Event{d}}
	if t := a.times.timeouts.near(d.PID, d.At, 60, 1); t != nil && (d.Signal == sigterm || d.Signal == sigkill) {
		t.used = true
		v.cause, v.because = t.Message.cause, append(v.because, t)
		return v
	}
	switch {
	case d.Signal == sigkill && d.Message.cause.ID == "worker-oom":
		if k := a.times.kills.near(d.PID, d.At, 10, 10); k != nil {
			k.used = true
			v.because = append(v.because, k)
			return v
		}
		v.confidence = Likely
		if k := a.times.kills.take(d.At); k != nil {
			v.because = append(v.because, k)
			return v
		}
		if a.kernelCovers(d.At) {
			v.cause = mustCause("worker-closed") // somebody else sent the signal
		}
	case d.Message.cause.ID == "worker-crash":
		if k := a.times.faults.near(d.PID, d.At, 5, 5); k != nil {
			k.used = true
			v.because = append(v.because, k)
		}
	default:
		v.confidence = Likely
		if b := a.cutOff(d.At, nil); b != nil {
			v.cause, v.because = mustCause("reload-cut"), append(v.because, b)
		}
	}
	return v
}

// The numbers of the signals in PHP-FPM's log.
const (
	sigkill = 9
	sigterm = 15
)

// kernelCovers says whether a log of the kernel spans a time.
func (a *Analysis) kernelCovers(at int64) bool {
	for _, s := range a.Sources {
		if s.kernelFrom != 0 && s.kernelFrom <= at && at <= s.kernelTo {
			return true
		}
	}
	return false
}

// reloadTakes is how long after a reload or stop requests may still be cut off, in seconds, where
// the log does not say when PHP-FPM was ready again.
const reloadTakes = 10

// cutOff is the reload or stop of PHP-FPM that a moment falls into.
func (a *Analysis) cutOff(at int64, site *Site) *Event {
	for _, o := range a.livesOf(site) {
		list := o.upTo(at + 1)
		ready := at + 2
		for i := len(list) - 1; i >= max(0, len(list)-10); i-- {
			b := list[i]
			if b.Message.role == roleReady {
				ready = b.At
				continue
			}
			if b.At >= at-reloadTakes && ready >= at-1 {
				return b
			}
			break
		}
	}
	return nil
}

// stopped is the stop, or the reload that did not come back, after which nothing serves any more.
func (a *Analysis) stopped(e *Event, site *Site) *Event {
	var found *Event
	for _, o := range a.livesOf(site) {
		list := o.upTo(e.At)
		if len(list) == 0 {
			continue
		}
		last := list[len(list)-1]
		if last.Message.role == roleReady {
			return nil
		}
		if found == nil || last.At > found.At {
			found = last
		}
	}
	return found
}

// livesOf are the starts and stops of the PHP-FPM behind a hand-off: by the log that the
// configuration names, else of all logs. systemd's messages serve where PHP-FPM's own are not there.
func (a *Analysis) livesOf(site *Site) []*ordered {
	var own, all, systemd []*ordered
	for _, unit := range slices.Sorted(maps.Keys(a.times.lives)) {
		o := a.times.lives[unit]
		fits := site != nil && site.logs(unit)
		switch {
		case strings.HasPrefix(unit, systemdUnit):
			if fits || site == nil || len(site.Pools) == 0 {
				systemd = append(systemd, o)
			}
		case fits:
			own = append(own, o)
		default:
			all = append(all, o)
		}
	}
	for _, list := range [][]*ordered{own, all, systemd} {
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// onePool says whether the logs tell of one pool at most.
func (a *Analysis) onePool() bool { return len(a.pools) <= 1 }

// Times, in seconds, in which a slow script or a full pool may explain a failed request.
const (
	slowBefore = 300
	fullBefore = 120
)

// judgeSlow explains an upstream that did not answer in time or took no more connections.
func (a *Analysis) judgeSlow(e *Event, site *Site) verdict {
	v := verdict{cause: e.Message.cause, confidence: Proven, pool: site.pool()}
	pools := []string{""}
	if site != nil && len(site.Pools) > 0 {
		pools = pools[:0]
		for _, p := range site.Pools {
			pools = append(pools, p.Name)
		}
	}
	var full *Event
	for _, p := range pools {
		if o := a.times.traces[p]; o != nil {
			same := func(b *Event) bool { return path.Base(b.Script) == path.Base(e.URI) }
			any := func(*Event) bool { return true }
			for _, fits := range []func(*Event) bool{same, any} {
				if b := o.last(e.At+1, slowBefore, fits); b != nil {
					v.because, v.pool = append(v.because, b), b.Pool
					break
				}
			}
		}
		if o := a.times.full[p]; o != nil && full == nil {
			full = o.last(e.At+2, fullBefore, func(*Event) bool { return true })
		}
	}
	slow := len(v.because) > 0
	if full != nil {
		v.because, v.pool = append(v.because, full), full.Pool
	}
	if slow || e.Message.cause.ID != "upstream-timeout" {
		return v
	}
	switch {
	case site.finding("keepalive-pins-workers"):
		v.cause, v.confidence = mustCause("workers-pinned"), Likely
	case full != nil:
		v.cause, v.confidence = full.Message.cause, Likely
	}
	return v
}

// leftovers makes incidents of what PHP-FPM and the kernel tell where no request of nginx's log goes
// with it.
func (a *Analysis) leftovers() {
	for _, d := range a.times.deaths.rest() {
		v := a.judgeDeath(d)
		if v.cause.ID == "reload-cut" || v.cause.ID == "worker-closed" && d.Signal == sigterm {
			continue // idle workers end like this too
		}
		a.leftover(v.cause, d, v.confidence, v.because...)
	}
	for _, list := range [][]*Event{a.times.timeouts.rest(), a.times.kills.rest(), a.times.faults.rest(), a.times.refusals.rest()} {
		for _, e := range list {
			a.leftover(e.Message.cause, e, Proven)
		}
	}
}

func (a *Analysis) leftover(c *Cause, e *Event, confidence Confidence, because ...*Event) {
	if !a.inTime(e) || a.Host != "" {
		return
	}
	k := key{cause: c, pool: e.Pool}
	if c.ID == "fpm-down" {
		// One pool's fault stops all; and a failed php-fpm -t writes the same as a failed start.
		k.pool, confidence = "", Likely
	}
	a.incident(k).event(e, confidence, because...)
}

// loops finds pools whose workers crash again and again: so many within a minute.
const loopCrashes = 10

// crashed watches for crash loops.
func (a *Analysis) crashed(e *Event) {
	if e.Message.cause.ID != "worker-crash" || e.At == 0 {
		return
	}
	recent := a.crashes[e.Pool]
	if recent == nil && len(a.crashes) == maxNames {
		return
	}
	if recent = append(recent, e.At); len(recent) > loopCrashes {
		recent = recent[1:]
	}
	a.crashes[e.Pool] = recent
	if len(recent) == loopCrashes && recent[loopCrashes-1]-recent[0] <= 60 && recent[loopCrashes-1] >= recent[0] {
		a.leftover(mustCause("crash-loop"), e, Likely)
	}
}

// merge joins the incidents that nginx's log made with those that PHP-FPM's made of the same cause
// and pool.
func merge(list []*Incident) []*Incident {
	type place struct {
		cause *Cause
		pool  string
	}
	first := map[place]*Incident{}
	only := map[*Cause][]*Incident{}
	for _, i := range list {
		if i.Count == 0 {
			continue
		}
		only[i.Cause] = append(only[i.Cause], i)
		for _, p := range i.Pools {
			if at := (place{i.Cause, p}); first[at] == nil {
				first[at] = i
			}
		}
	}
	var out []*Incident
	for _, i := range list {
		var into *Incident
		if i.Count == 0 && len(i.Pools) == 1 {
			into = first[place{i.Cause, i.Pools[0]}]
		}
		// Where one side names no pool there is no choice but one.
		if same := only[i.Cause]; into == nil && i.Count == 0 && len(same) == 1 && (len(i.Pools) == 0 || len(same[0].Pools) == 0) {
			into = same[0]
		}
		if into == nil {
			out = append(out, i)
			continue
		}
		into.Events += i.Events
		for _, e := range i.Evidence {
			if len(into.Evidence) < maxEvidence {
				into.Evidence = append(into.Evidence, e)
			}
		}
		for name, n := range i.traces.counts {
			for range min(n, 1000) {
				into.traces.add(name)
			}
		}
	}
	return out
}

// String names an incident in messages.
func (i *Incident) String() string { return fmt.Sprintf("%s: %s", i.Cause.ID, i.Sentence()) }
