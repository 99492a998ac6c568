package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fpmlint/lint/fpm"
	"fpmlint/lint/source"
)

func itoa(n int) string { return strconv.Itoa(n) }

// place names a span's beginning: file:line.
func place(s source.Span) string {
	return fmt.Sprintf("%s:%d", s.File.Display, s.Position().Line)
}

// poolName names a pool, with its PHP version where that is known.
func poolName(p *fpm.Pool) string {
	if v := p.Master.Version; v != "" {
		return fmt.Sprintf("pool %s of PHP %s", p.Name, v)
	}
	return "pool " + p.Name
}

// literal is what a span says without its quotes.
func literal(s source.Span) string {
	text := s.Text()
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[1 : len(text)-1]
	}
	return text
}

// requote writes a new value with the quotes that the span has now.
func requote(s source.Span, value string) string {
	text := s.Text()
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') {
		return text[:1] + value + text[:1]
	}
	return value
}

// isPlain says whether a value from one file may be written into another as it is: it has nothing that
// ends a word, opens a block, begins a comment or a variable, or is an operator of PHP's INI grammar.
func isPlain(value string) bool {
	return value != "" && strings.IndexFunc(value, func(r rune) bool {
		return !unicode.IsPrint(r) || r == ' ' || r == utf8.RuneError || strings.ContainsRune(";{}\"'\\$#&|!()^=", r)
	}) < 0
}

// isNumber says whether a user or group is given by its number.
func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return itoa(n) + " " + noun + "s"
}

// size writes a size in the unit that reads best.
func size(n int64) string {
	const k = 1024
	switch {
	case n >= k*k*k:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(k*k*k)), ".0") + " GiB"
	case n >= k*k:
		return strconv.FormatInt(n/(k*k), 10) + " MiB"
	case n >= k:
		return strconv.FormatInt(n/k, 10) + "k"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// seconds writes a time as nginx's own files mostly do.
func seconds(d time.Duration) string { return itoa(int(d/time.Second)) + "s" }

// withUnit adds the unit to a time that is written without.
func withUnit(text string) string {
	if isNumber(text) {
		return text + "s"
	}
	return text
}
