package nginx

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

// FuzzUnits holds the readers of times and sizes to the grammar that nginx's have.
func FuzzUnits(f *testing.F) {
	for _, s := range []string{"", "60", "1m30s", "1h 30m", "500ms", "30s1m", "1M", "k", "4k", "1g", "99999999999999999999", "9223372036854775807", "9223372036854775807s", "106751991167d", "1 2", " 1", "1ms2"} {
		f.Add(s)
	}
	times := regexp.MustCompile(`^(\d+w *)?(\d+d *)?(\d+h *)?(\d+m *)?(\d+(s *| +|$))?(\d+ms *)?$`)
	sizes := regexp.MustCompile(`^\d+[kKmM]?$`)
	offsets := regexp.MustCompile(`^\d+[kKmMgG]?$`)
	long := regexp.MustCompile(`[1-9]\d{8}`) // such numbers of a large unit may be too large
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseTime(s)
		if want := s != "" && times.MatchString(s); err == nil != want && (!want || !long.MatchString(s)) {
			t.Errorf("%q as a time: %v, %v", s, d, err)
		}
		if d < 0 || err != nil && d != 0 || err == nil && !strings.Contains(s, "ms") && d%time.Second != 0 && d < 290*365*24*time.Hour {
			t.Errorf("%q is %v", s, d)
		}
		n, err := ParseSize(s)
		if want := sizes.MatchString(s); err == nil != want && (!want || !long.MatchString(s)) {
			t.Errorf("%q as a size: %d, %v", s, n, err)
		}
		o, errOffset := ParseOffset(s)
		if want := offsets.MatchString(s); errOffset == nil != want && (!want || !long.MatchString(s)) {
			t.Errorf("%q as an offset: %d, %v", s, o, errOffset)
		}
		if n < 0 || o < 0 || err == nil && errOffset == nil && n != o || o == math.MaxInt64 {
			t.Errorf("%q is %d and %d", s, n, o)
		}
	})
}
