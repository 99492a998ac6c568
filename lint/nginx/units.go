package nginx

import (
	"errors"
	"math"
	"time"
)

var (
	errTime = errors.New("not a time: want digits with ms, s, m, h, d or w, largest first")
	errSize = errors.New("not a size: want digits with k or m")
)

// ParseTime reads a time as ngx_parse_time does for directives that count milliseconds, as all
// timeouts do: 60, 60s, 1m30s, '1h 30m', 500ms. Without a unit it is seconds. Units must come in
// descending order, each once; there are no fractions, and no months or years.
func ParseTime(s string) (time.Duration, error) {
	units := []struct {
		name string
		d    time.Duration
	}{
		{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
	}
	next := 0         // the largest unit that may still follow
	total := int64(0) // in milliseconds, as nginx counts
	if s == "" {
		return 0, errTime
	}
	for i := 0; i < len(s); {
		start := i
		n := int64(0)
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			if n = n*10 + int64(s[i]-'0'); n > math.MaxInt64/1000 {
				return 0, errTime
			}
			i++
		}
		if i == start {
			return 0, errTime
		}
		unit := "s"
		switch {
		case i < len(s) && s[i] == 'm' && i+1 < len(s) && s[i+1] == 's':
			unit = "ms"
			i += 2
		case i < len(s) && s[i] == ' ': // a bare number followed by a space is seconds
		case i < len(s):
			unit = s[i : i+1]
			i++
		}
		at := -1
		for j := next; j < len(units); j++ {
			if units[j].name == unit {
				at = j
			}
		}
		if at < 0 {
			return 0, errTime
		}
		next = at + 1
		scale := units[at].d.Milliseconds()
		if n > (math.MaxInt64-total)/scale {
			return 0, errTime
		}
		total += n * scale
		for i < len(s) && s[i] == ' ' {
			i++
		}
	}
	// A Duration ends at 292 years, where nginx goes on.
	return time.Duration(min(total, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, nil
}

// ParseSize reads a size as ngx_parse_size does: digits, then k, K, m, M or nothing.
func ParseSize(s string) (int64, error) { return parseUnits(s, "km") }

// ParseOffset reads a size as ngx_parse_offset does, which also knows g.
func ParseOffset(s string) (int64, error) { return parseUnits(s, "kmg") }

func parseUnits(s, units string) (int64, error) {
	if s == "" {
		return 0, errSize
	}
	scale := int64(1)
	for i := range len(units) {
		if c := s[len(s)-1]; c == units[i] || c == units[i]-'a'+'A' {
			scale = 1 << (10 * (i + 1))
			s = s[:len(s)-1]
			break
		}
	}
	if s == "" {
		return 0, errSize
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > math.MaxInt64/10/scale-9 {
			return 0, errSize
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n * scale, nil
}
