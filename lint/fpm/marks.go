package fpm

import (
	"bytes"
	"strings"

	"fpmlint/lint/source"
)

// Marks are the comments of an FPM file, or of a php.ini, that begin with fpmlint:. PHP 5 takes #
// for a comment's beginning too.
func Marks(f *source.File, version string) []source.Span {
	if !bytes.Contains(f.Data, []byte("fpmlint:")) {
		return nil
	}
	php5 := strings.HasPrefix(version, "5")
	var out []source.Span
	start := 0
	for text := range bytes.Lines(f.Data) {
		from := start
		start += len(text)
		if !bytes.Contains(text, []byte("fpmlint:")) {
			continue
		}
		s := lineScanner{f: f, start: from, pos: from, end: from + len(bytes.TrimRight(text, "\r\n"))}
		s.scan(php5, func(line) bool { return true })
		comment := f.Data[s.pos:s.end]
		if len(comment) == 0 || comment[0] != ';' && comment[0] != '#' {
			continue
		}
		if bytes.HasPrefix(bytes.TrimLeft(comment, ";# \t"), []byte("fpmlint:")) {
			out = append(out, f.Span(s.pos, s.end))
		}
	}
	return out
}
