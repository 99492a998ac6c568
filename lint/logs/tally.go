package logs

import (
	"cmp"
	"slices"
	"time"
)

// tally counts the most frequent of any number of names in a bounded space (Misra and Gries, 1982).
// Counts are exact as long as there are no more names than places, and never too high.
type tally struct{ counts map[string]int }

const tallyPlaces = 512

func (t *tally) add(name string) {
	if name == "" {
		return
	}
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if _, ok := t.counts[name]; ok || len(t.counts) < tallyPlaces {
		t.counts[name]++
		return
	}
	for other := range t.counts {
		if t.counts[other]--; t.counts[other] == 0 {
			delete(t.counts, other)
		}
	}
}

// Count is a name and how often it was met.
type Count struct {
	Name  string
	Count int
}

// top are the most frequent names.
func (t *tally) top(n int) []Count {
	out := make([]Count, 0, len(t.counts))
	for name, count := range t.counts {
		out = append(out, Count{name, count})
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return out[:min(n, len(out))]
}

// histogram counts events over time in at most maxBars bars, whose width grows with the time.
type histogram struct {
	width  int64 // seconds
	counts map[int64]int
}

const maxBars = 32

func (h *histogram) add(at int64) {
	if at == 0 {
		return
	}
	if h.counts == nil {
		h.width, h.counts = 1, map[int64]int{}
	}
	h.counts[at/h.width]++
	for {
		low, high := h.bounds()
		if high-low < maxBars {
			return
		}
		times := widening(h.width)
		wider := map[int64]int{}
		for i, n := range h.counts {
			wider[i/times] += n
		}
		h.width, h.counts = h.width*times, wider
	}
}

// widths are the widths of bars in seconds, each a multiple of the one before. From a day on they
// double.
var widths = []int64{1, 2, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400}

// widening is how many bars make one of the next width.
func widening(width int64) int64 {
	for i, w := range widths[:len(widths)-1] {
		if w == width {
			return widths[i+1] / w
		}
	}
	return 2
}

func (h *histogram) bounds() (low, high int64) {
	first := true
	for i := range h.counts {
		if first || i < low {
			low = i
		}
		if first || i > high {
			high = i
		}
		first = false
	}
	return low, high
}

// bars are the counts from the first to the last, the gaps included.
func (h *histogram) bars() (start time.Time, width time.Duration, counts []int) {
	if len(h.counts) == 0 {
		return time.Time{}, 0, nil
	}
	low, high := h.bounds()
	for i := low; i <= high; i++ {
		counts = append(counts, h.counts[i])
	}
	return time.Unix(low*h.width, 0), time.Duration(h.width) * time.Second, counts
}
