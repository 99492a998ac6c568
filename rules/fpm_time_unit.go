package rules

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/fpm"
	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
)

//go:embed fpm-time-unit.md
var fpmTimeUnitDoc string

// FPMTimeUnit reports times that PHP-FPM reads as another time than a person does.
var FPMTimeUnit = lint.Rule{
	ID:       "fpm-time-unit",
	Severity: lint.Warning,
	Family:   "time",
	Summary:  "PHP-FPM reads a time as another one than it says",
	Doc:      fpmTimeUnitDoc,
	Check:    checkFPMTimeUnit,
}

func checkFPMTimeUnit(p *lint.Pass) {
	for _, m := range p.Stack.Masters {
		if !m.Serves() {
			continue
		}
		for _, e := range m.Entries {
			if !fpm.IsTime(e.Key) || e.Unknown != "" || e.Value == "" {
				continue
			}
			read := fpm.ParseSeconds(e.Value)
			meant, ok := spokenSeconds(e.Value)
			if ok && meant == float64(read) {
				continue
			}
			f := lint.Finding{
				Message: fmt.Sprintf("%s = %s is %s to PHP-FPM, which reads digits and one letter of s, m, h, d", e.Key, e.Value, plural(read, "second")),
				Help:    "write whole seconds, minutes, hours or days, such as 30s or 5m",
				Span:    e.ValueSpan,
			}
			if ok && editable(e.ValueSpan.File) {
				time := strconv.FormatFloat(math.Ceil(meant), 'f', 0, 64) + "s"
				f.Fix = &lint.Fix{Description: e.Key + " = " + time, Edits: []source.Edit{{Span: e.ValueSpan, NewText: requote(e.ValueSpan, time)}}}
			}
			p.Report(f)
		}
	}
}

// spoken is one part of a time as people write it.
var spoken = lazy.Regexp(`^([0-9]+(?:\.[0-9]+)?) *([a-z]*) *`)

var spokenUnits = map[string]float64{
	"": 1, "ms": 0.001, "msec": 0.001, "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
	"m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
	"d": 86400, "day": 86400, "days": 86400,
}

// spokenSeconds is what a person means by 500ms, 1.5m, 1m30s or 10 min; false where nobody knows.
func spokenSeconds(text string) (seconds float64, ok bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	for text != "" {
		part := spoken().FindStringSubmatch(text)
		if part == nil {
			return 0, false
		}
		n, err := strconv.ParseFloat(part[1], 64)
		unit, known := spokenUnits[part[2]]
		if err != nil || !known {
			return 0, false
		}
		seconds += n * unit
		text = text[len(part[0]):]
	}
	return seconds, seconds < math.MaxInt32
}
