package logs

import (
	"cmp"
	"slices"
)

// maxKept is how many events of a kind are kept for correlation. Later ones still count.
const maxKept = 30_000

// bySecond keeps events by their time; each can explain one failed request.
type bySecond struct {
	at   map[int64][]*Event
	kept int
}

func (b *bySecond) add(e *Event) bool {
	if b.kept == maxKept {
		return false
	}
	if b.at == nil {
		b.at = map[int64][]*Event{}
	}
	b.kept++
	b.at[e.At] = append(b.at[e.At], e)
	return true
}

// take uses up the event nearest to a time, looked for in the order of the offsets in seconds.
func (b *bySecond) take(at int64, fits func(*Event) bool, offsets ...int64) *Event {
	for _, offset := range offsets {
		list := b.at[at+offset]
		for i, e := range list[:min(len(list), 100)] {
			if fits(e) {
				e.used = true
				b.at[at+offset] = slices.Delete(list, i, i+1)
				return e
			}
		}
	}
	return nil
}

// rest are the events that are not used, in order.
func (b *bySecond) rest() []*Event { return unused(b.at) }

func unused[K comparable](lists map[K][]*Event) []*Event {
	var out []*Event
	for _, list := range lists {
		for _, e := range list {
			if !e.used {
				out = append(out, e)
			}
		}
	}
	sortEvents(out)
	return out
}

// byPID keeps events by process, and by time for those whose process has another number: PHP-FPM in
// a container does not know the kernel's.
type byPID struct {
	of   map[int][]*Event
	at   map[int64][]*Event
	kept int
}

func (b *byPID) add(e *Event) bool {
	if b.kept == maxKept {
		return false
	}
	if b.of == nil {
		b.of, b.at = map[int][]*Event{}, map[int64][]*Event{}
	}
	b.kept++
	b.of[e.PID] = append(b.of[e.PID], e)
	b.at[e.At] = append(b.at[e.At], e)
	return true
}

// near is the process's event within so many seconds before and after a time. An event without a
// time, as raw dmesg prints it, fits any.
func (b *byPID) near(pid int, at, before, after int64) *Event {
	list := b.of[pid]
	for _, e := range list[:min(len(list), 100)] {
		if e.At == 0 || e.At >= at-before && e.At <= at+after {
			return e
		}
	}
	return nil
}

// take uses up an event within two seconds of a time.
func (b *byPID) take(at int64) *Event {
	for _, offset := range []int64{0, 1, -1, 2, -2} {
		list := b.at[at+offset]
		for i, e := range list {
			if !e.used {
				e.used = true
				b.at[at+offset] = list[i+1:]
				return e
			}
		}
		if len(list) > 0 {
			b.at[at+offset] = nil
		}
	}
	return nil
}

func (b *byPID) rest() []*Event { return unused(b.of) }

// ordered keeps events for looking back from a time.
type ordered struct {
	list   []*Event
	sorted bool
}

func (o *ordered) add(e *Event) { o.list, o.sorted = append(o.list, e), false }

// upTo are the events up to a time, included.
func (o *ordered) upTo(at int64) []*Event {
	if !o.sorted {
		sortEvents(o.list)
		o.sorted = true
	}
	n, _ := slices.BinarySearchFunc(o.list, at+1, func(e *Event, at int64) int { return cmp.Compare(e.At, at) })
	return o.list[:n]
}

// last is the newest event up to a time and not older than so many seconds that fits.
func (o *ordered) last(at, within int64, fits func(*Event) bool) *Event {
	list := o.upTo(at)
	for i := len(list) - 1; i >= max(0, len(list)-100) && list[i].At >= at-within; i-- {
		if fits(list[i]) {
			return list[i]
		}
	}
	return nil
}

func sortEvents(list []*Event) {
	slices.SortStableFunc(list, func(a, b *Event) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Source.Name, b.Source.Name), cmp.Compare(a.Line, b.Line))
	})
}

// timeline is what PHP-FPM and the kernel did.
type timeline struct {
	deaths, refusals bySecond
	kills, faults    byPID
	timeouts         byPID
	// lives are starts, stops and reloads of each PHP-FPM.
	lives map[string]*ordered
	// traces and full are slow scripts and pools without a worker left, by pool; "" for all.
	traces, full map[string]*ordered
	// keptLives and keptTraces are the numbers of events in these maps.
	keptLives, keptTraces int
}

func newTimeline() timeline {
	return timeline{lives: map[string]*ordered{}, traces: map[string]*ordered{}, full: map[string]*ordered{}}
}

// maxNames bounds the maps by pool and by unit.
const maxNames = 5_000

func addTo(m map[string]*ordered, kept *int, name string, e *Event) {
	if *kept >= 2*maxKept {
		return
	}
	*kept++
	o := m[name]
	if o == nil {
		if len(m) == maxNames {
			return
		}
		o = &ordered{}
		m[name] = o
	}
	o.add(e)
}

// add keeps an event that may explain failed requests; false where it explains none, or where there
// is no room.
func (t *timeline) add(e *Event) bool {
	switch e.Message.role {
	case roleDeath:
		return t.deaths.add(e)
	case roleRefuse:
		return t.refusals.add(e)
	case roleTimeout:
		return t.timeouts.add(e)
	case roleKill:
		if t.kills.near(e.PID, e.At, 10, 10) != nil {
			return true // the kernel speaks of a kill more than once
		}
		return t.kills.add(e)
	case roleFault:
		return t.faults.add(e)
	case roleStop, roleReload, roleReady:
		addTo(t.lives, &t.keptLives, e.Unit, e)
	case roleTrace:
		addTo(t.traces, &t.keptTraces, e.Pool, e)
		addTo(t.traces, &t.keptTraces, "", e)
	case roleFull:
		addTo(t.full, &t.keptTraces, e.Pool, e)
		addTo(t.full, &t.keptTraces, "", e)
	}
	return false
}
