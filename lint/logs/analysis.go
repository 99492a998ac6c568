package logs

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say what to look for.
type Options struct {
	// Since and Until bound the time; zero is open.
	Since, Until time.Time
	// Host is a name of a virtual host or a pattern such as *.example.com; "" is all.
	Host string
	// Zone is that of logs whose times have none; nil is this machine's.
	Zone *time.Location
	// Now completes dates without a year; zero is the present.
	Now time.Time
	// Config is what nginx and PHP-FPM are set up to do; nil where that is not known.
	Config *Config
}

// Analysis collects what logs say. Its memory is bounded.
type Analysis struct {
	Options
	// Sources are the logs read.
	Sources []*Source

	mu        sync.Mutex
	times     timeline
	pending   []*Event
	incidents map[key]*Incident
	unknowns  map[string]*Unknown
	fresh     []*Incident // not taken by Fresh yet
	pools     map[string]bool
	crashes   map[string][]int64
	traced    map[tracedKey]bool
}

// Unknown is a message about an upstream that fpmlint does not know, without what varies in it.
type Unknown struct {
	Message string
	Count   int
	Log     string
	Line    int
}

// Report is what the logs say.
type Report struct {
	Incidents []*Incident
	Unknown   []*Unknown
	// Lines were read, Cut of them were too long to be read whole.
	Lines, Cut int
	Sources    []*Source
}

// Failed says whether hand-offs failed.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Incidents, func(i *Incident) bool { return i.Cause.Failed })
}

// New starts an analysis.
func New(o Options) *Analysis {
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	o.Host = strings.ToLower(o.Host)
	return &Analysis{
		Options: o, times: newTimeline(), incidents: map[key]*Incident{}, unknowns: map[string]*Unknown{},
		pools: map[string]bool{}, crashes: map[string][]int64{}, traced: map[tracedKey]bool{},
	}
}

// Bounds of what is kept.
const (
	maxPending = 30_000 // requests that wait for what PHP-FPM's log says
	maxUnknown = 500    // kinds of unknown messages
	maxTraced  = 50_000
)

// event takes what a reader found.
func (a *Analysis) event(e *Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Pool != "" && len(a.pools) < maxNames {
		a.pools[e.Pool] = true
	}
	if e.Request {
		if a.pending = append(a.pending, e); len(a.pending) >= maxPending {
			a.resolve(len(a.pending) / 2)
		}
		return
	}
	if e.Message.role == roleDeath {
		a.crashed(e)
	}
	kept := a.times.add(e)
	if !kept && e.Message.cause != nil && !a.again(e) {
		a.leftover(e.Message.cause, e, Proven)
	}
}

type tracedKey struct {
	pool string
	pid  int
	at   int64
}

// again says whether a slow script was counted already: PHP-FPM's log and the slow log tell of it
// both, within a second.
func (a *Analysis) again(e *Event) bool {
	if e.Message.role != roleTrace {
		return false
	}
	for _, at := range []int64{e.At, e.At - 1, e.At + 1} {
		if a.traced[tracedKey{e.Pool, e.PID, at}] {
			a.incident(key{cause: e.Message.cause, pool: e.Pool}).show(e)
			return true
		}
	}
	if len(a.traced) < maxTraced {
		a.traced[tracedKey{e.Pool, e.PID, e.At}] = true
	}
	return false
}

func (a *Analysis) unknown(s *Source, u unknown) {
	a.mu.Lock()
	defer a.mu.Unlock()
	have := a.unknowns[u.text]
	if have == nil {
		if len(a.unknowns) >= maxUnknown {
			u.text = "(more kinds of messages)"
		}
		if have = a.unknowns[u.text]; have == nil {
			have = &Unknown{Message: u.text, Log: s.Name, Line: u.line}
			a.unknowns[u.text] = have
		}
	}
	have.Count++
}

// inTime says whether an event is within --since and --until. One without a time is.
func (a *Analysis) inTime(e *Event) bool {
	if e.At == 0 {
		return true
	}
	return (a.Since.IsZero() || e.At >= a.Since.Unix()) && (a.Until.IsZero() || e.At <= a.Until.Unix())
}

// forHost says whether a request was for the host that is asked for.
func (a *Analysis) forHost(e *Event) bool {
	if a.Host == "" {
		return true
	}
	host, _, _ := strings.Cut(strings.ToLower(e.Host), ":")
	for _, name := range []string{host, strings.ToLower(e.Server)} {
		if ok, err := path.Match(a.Host, name); name == a.Host || err == nil && ok {
			return true
		}
	}
	return false
}

// resolve explains the first n requests that wait, with what is known by now.
func (a *Analysis) resolve(n int) {
	for _, e := range a.pending[:n] {
		if !a.inTime(e) || !a.forHost(e) {
			continue
		}
		site := a.Config.at(e)
		v := a.judge(e, site)
		k := key{cause: v.cause, server: e.Server, upstream: e.Upstream, pool: v.pool}
		if site != nil && len(site.Pools) > 0 {
			k.pool = site.pool()
		}
		i := a.incident(k)
		if i.Site == nil {
			i.Site = site
		}
		i.request(e, v.confidence, v.because)
	}
	a.pending = append(a.pending[:0], a.pending[n:]...)
}

// Report ends the analysis.
func (a *Analysis) Report() *Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	sortEvents(a.pending)
	a.resolve(len(a.pending))
	a.leftovers()
	var list []*Incident
	for _, i := range a.incidents {
		list = append(list, i)
	}
	sortIncidents(list)
	r := &Report{Incidents: merge(list), Sources: a.Sources}
	sortIncidents(r.Incidents)
	for _, i := range r.Incidents {
		i.settle()
		i.Explained = a.Config.explain(i)
	}
	for _, u := range a.unknowns {
		r.Unknown = append(r.Unknown, u)
	}
	slices.SortFunc(r.Unknown, func(a, b *Unknown) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Message, b.Message))
	})
	for _, s := range a.Sources {
		r.Lines += s.Lines
		r.Cut += s.Cut
	}
	return r
}

// takeFresh explains the requests that have waited since before a time, and gives the incidents that
// are new since the last call, as they stand.
func (a *Analysis) takeFresh(before time.Time) []*Incident {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for n < len(a.pending) && a.pending[n].At < before.Unix() {
		n++
	}
	a.resolve(n)
	var out []*Incident
	for _, i := range a.fresh {
		i.settle()
		i.Explained = a.Config.explain(i)
		now := *i // what goes on being counted is not the caller's
		out = append(out, &now)
	}
	a.fresh = nil
	return out
}
