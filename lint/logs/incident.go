package logs

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

// Incident is one cause at one hand-off.
type Incident struct {
	Cause      *Cause
	Confidence Confidence
	// Count is the number of failed requests that nginx saw; Events are PHP-FPM's and the kernel's
	// messages where nginx's log does not have the requests.
	Count, Events int
	// First and Last are zero where the log has no times.
	First, Last time.Time
	// Server and Upstream are nginx's, Pools those that listen there or that the logs name.
	Server, Upstream string
	Pools            []string
	Statuses         []int
	Requests         []Count
	Hosts, Clients   []Count
	// Traces are the innermost frames of slow scripts, with the plugin or theme that they are in.
	Traces   []Count
	Evidence []Evidence
	// Start, Width and Bars are a histogram of the requests, or of the events.
	Start time.Time
	Width time.Duration
	Bars  []int
	// Site is the hand-off in the configuration, nil where none is known.
	Site *Site
	// Explained are the lint findings that explain the incident, the surest first.
	Explained []Explanation

	proven                           int
	requests, hosts, clients, traces tally
	histogram                        histogram
	from, to                         int64
	seen                             map[string]bool // kinds of evidence
}

// Evidence is a line that shows the cause.
type Evidence struct {
	Log  string
	Line int
	Text string
}

// maxEvidence is how many lines are kept of an incident, each of another message.
const maxEvidence = 4

// key is what tells incidents apart.
type key struct {
	cause                  *Cause
	server, upstream, pool string
}

// maxIncidents bounds the memory; further ones are counted as one without a place.
const maxIncidents = 5_000

func (a *Analysis) incident(k key) *Incident {
	i := a.incidents[k]
	if i == nil {
		if len(a.incidents) >= maxIncidents {
			k = key{cause: k.cause, server: "(many)"}
			if i = a.incidents[k]; i != nil {
				return i
			}
		}
		i = &Incident{Cause: k.cause, Server: k.server, Upstream: k.upstream, seen: map[string]bool{}}
		if k.pool != "" {
			i.Pools = []string{k.pool}
		}
		a.incidents[k] = i
		a.fresh = append(a.fresh, i)
	}
	return i
}

// time counts an event's time.
func (i *Incident) time(at int64) {
	if at <= 0 {
		return
	}
	if i.from == 0 || at < i.from {
		i.from = at
	}
	i.to = max(i.to, at)
	i.histogram.add(at)
}

func (i *Incident) show(e *Event) {
	if kind := string(e.Log) + e.Message.Text; e.Text != "" && len(i.Evidence) < maxEvidence && !i.seen[kind] {
		i.seen[kind] = true
		i.Evidence = append(i.Evidence, Evidence{e.Source.Name, e.Line, e.Text})
	}
	i.trace(e)
}

// trace counts where a slow script stood.
func (i *Incident) trace(e *Event) {
	if len(e.Frames) == 0 {
		return
	}
	text := e.Frames[0]
	for _, f := range e.Frames {
		if part := wordpress(f); part != "" {
			text += " (" + part + ")"
			break
		}
	}
	i.traces.add(text)
}

// wordpress names the plugin or theme that a frame is in.
func wordpress(frame string) string {
	for dir, kind := range map[string]string{"/wp-content/plugins/": "plugin ", "/wp-content/themes/": "theme ", "/wp-content/mu-plugins/": "plugin "} {
		if _, rest, ok := strings.Cut(frame, dir); ok {
			name, _, _ := strings.Cut(rest, "/")
			name, _, _ = strings.Cut(name, ":")
			return kind + strings.TrimSuffix(name, path.Ext(name))
		}
	}
	return ""
}

// request counts a failed request with what explains it.
func (i *Incident) request(e *Event, confidence Confidence, because []*Event) {
	i.Count++
	if confidence == Proven {
		i.proven++
	}
	i.time(e.At)
	if s := e.Message.Status; s != 0 && !slices.Contains(i.Statuses, s) {
		i.Statuses = append(i.Statuses, s)
	}
	i.requests.add(e.URI)
	i.hosts.add(e.Host)
	i.clients.add(e.Client)
	i.show(e)
	for _, b := range because {
		i.show(b)
	}
}

// event counts a message of PHP-FPM or the kernel.
func (i *Incident) event(e *Event, confidence Confidence, because ...*Event) {
	i.Events++
	if i.Count == 0 {
		if confidence == Proven {
			i.proven++
		}
		i.time(e.At)
	}
	i.show(e)
	for _, b := range because {
		if b != nil {
			i.show(b)
		}
	}
	i.requests.add(e.Script)
}

// settle fills the exported fields in.
func (i *Incident) settle() {
	i.Confidence = Likely
	if 2*i.proven >= cmp.Or(i.Count, i.Events) {
		i.Confidence = Proven
	}
	if i.from > 0 {
		i.First, i.Last = time.Unix(i.from, 0), time.Unix(i.to, 0)
	}
	slices.Sort(i.Statuses)
	i.Requests, i.Hosts, i.Clients, i.Traces = i.requests.top(10), i.hosts.top(10), i.clients.top(10), i.traces.top(5)
	i.Start, i.Width, i.Bars = i.histogram.bars()
}

// Total is the number of requests, or of messages where nginx's log has no requests.
func (i *Incident) Total() int { return cmp.Or(i.Count, i.Events) }

// Sentence says in one sentence what happened.
func (i *Incident) Sentence() string {
	c := i.Cause
	pool := "PHP-FPM"
	if len(i.Pools) > 0 {
		pool = "pool " + strings.Join(i.Pools, ", ")
	}
	if i.Count == 0 && c.Event != "" || c.Request == "" {
		return fill(c.Event, pool)
	}
	at := i.Upstream
	if at == "" {
		at = pool
	}
	return fill(c.Request, at)
}

func fill(text, value string) string { return strings.ReplaceAll(text, "%s", value) }

// Advice says what to do: what the finding says that makes the incident, else the cause's own.
func (i *Incident) Advice() string {
	for _, x := range i.Explained {
		if x.Help != "" && x.Mends {
			return x.Help
		}
	}
	return i.Cause.Advice
}

// Fix is the command that would mend the incident, "" where fpmlint cannot.
func (i *Incident) Fix() string {
	for _, x := range i.Explained {
		if x.Fixable && x.Mends {
			command := "fpmlint fix"
			if !x.Safe {
				command += " --unsafe"
			}
			if x.Severity < lint.Warning { // which fix leaves alone unless it is asked
				command += " --level " + x.Severity.String()
			}
			return command + " --select " + x.Rule
		}
	}
	return ""
}

// sortIncidents puts first what is to be looked at first: failed hand-offs before the scripts' own
// errors, requests that failed before what only PHP-FPM's log tells, then by class, what explains
// the others of its class, number and place.
func sortIncidents(list []*Incident) {
	slices.SortStableFunc(list, func(a, b *Incident) int {
		return cmp.Or(
			first(b.Cause.Failed, a.Cause.Failed),
			first(b.Count > 0, a.Count > 0),
			cmp.Compare(slices.Index(classOrder, a.Cause.Class), slices.Index(classOrder, b.Cause.Class)),
			cmp.Compare(weight[b.Cause.ID], weight[a.Cause.ID]),
			cmp.Compare(b.Total(), a.Total()),
			cmp.Compare(a.Cause.ID, b.Cause.ID),
			cmp.Compare(fmt.Sprint(a.Server, a.Upstream, a.Pools), fmt.Sprint(b.Server, b.Upstream, b.Pools)),
		)
	})
}

// first compares two conditions: what holds comes first.
func first(b, a bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// weight orders causes within a class: those that explain the others come first, and what the others
// end in comes last.
var weight = map[string]int{"crash-loop": 1, "fpm-down": 1, "no-live-upstream": -1, "worker-closed": -1}

// Pool is the name of the pool, "" where it is not known.
func (i *Incident) Pool() string {
	if len(i.Pools) > 0 {
		return i.Pools[0]
	}
	return ""
}

// PoolSpan is where the pool's section begins in the configuration, zero where it is not known.
func (i *Incident) PoolSpan() source.Span {
	if i.Site != nil && len(i.Site.Pools) > 0 {
		return i.Site.Pools[0].Header
	}
	return source.Span{}
}
