package source

import (
	"strings"
	"testing"
)

func TestPosition(t *testing.T) {
	for _, c := range []struct {
		name, text  string
		offset      int
		line, col   int
		want        string // the line's text
		wantsOffset int    // of the line's first byte
	}{
		{"empty file", "", 0, 1, 1, "", 0},
		{"past the end", "a", 99, 1, 2, "a", 0},
		{"before the beginning", "ab", -5, 1, 1, "ab", 0},
		{"first byte", "ab\ncd", 0, 1, 1, "ab", 0},
		{"line feed belongs to its line", "ab\ncd", 2, 1, 3, "ab", 0},
		{"second line", "ab\ncd", 4, 2, 2, "cd", 3},
		{"behind a final newline", "ab\n", 3, 2, 1, "", 3},
		{"no final newline", "ab\ncd", 5, 2, 3, "cd", 3},
		{"CRLF", "ab\r\ncd\r\n", 5, 2, 2, "cd", 4},
		{"CR of a CRLF", "ab\r\ncd", 2, 1, 3, "ab", 0},
		{"CR alone ends no line", "a\rb", 2, 1, 3, "a\rb", 0},
		{"CR at the end", "a\r", 1, 1, 2, "a", 0},
		{"byte order mark counts as three bytes", "\xef\xbb\xbfa", 3, 1, 4, "\xef\xbb\xbfa", 0},
		{"columns are bytes", "\"ä\" x", 5, 1, 6, "\"ä\" x", 0},
		{"empty lines", "\n\n\nx", 3, 4, 1, "x", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFile("/f", []byte(c.text))
			p := f.Position(c.offset)
			line, start := f.Line(p.Line)
			if p.Line != c.line || p.Column != c.col || string(line) != c.want || start != c.wantsOffset {
				t.Errorf("%d:%d line %q from %d, want %d:%d line %q from %d", p.Line, p.Column, line, start, c.line, c.col, c.want, c.wantsOffset)
			}
		})
	}
}

func TestLineOutside(t *testing.T) {
	f := NewFile("/f", []byte("a\nb\n"))
	for _, n := range []int{-1, 0, 4} {
		if line, at := f.Line(n); line != nil || at != len(f.Data) {
			t.Errorf("line %d is %q at %d", n, line, at)
		}
	}
}

// TestPositionInLargeFiles compares with counting line feeds, in lines that are longer than a block
// of the index and in blocks of many lines.
func TestPositionInLargeFiles(t *testing.T) {
	for name, text := range map[string]string{
		"one line":       strings.Repeat("x", 3*blockSize),
		"line feeds":     strings.Repeat("\n", 3*blockSize),
		"short lines":    strings.Repeat("abc\n", blockSize),
		"long lines":     strings.Repeat(strings.Repeat("x", 2*blockSize)+"\n", 3),
		"blocks of text": strings.Repeat(strings.Repeat("x", blockSize-1)+"\n", 3),
		"CRLF":           strings.Repeat("y\r\n", 2*blockSize) + strings.Repeat("x", blockSize),
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFile("/f", []byte(text))
			lines := strings.SplitAfter(text, "\n")
			offset := 0
			for i, want := range lines {
				if p := f.Position(offset); p != (Position{i + 1, 1}) {
					t.Fatalf("offset %d is at %v, want line %d", offset, p, i+1)
				}
				last := max(0, len(want)-1)
				if p := f.Position(offset + last); p != (Position{i + 1, last + 1}) {
					t.Fatalf("offset %d is at %v, want line %d column %d", offset+last, p, i+1, last+1)
				}
				line, start := f.Line(i + 1)
				if start != offset || string(line) != strings.TrimSuffix(strings.TrimSuffix(want, "\n"), "\r") {
					t.Fatalf("line %d has %d bytes from %d, want %d", i+1, len(line), start, offset)
				}
				offset += len(want)
			}
			if line, _ := f.Line(len(lines) + 1); line != nil {
				t.Errorf("there is a line %d", len(lines)+1)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	f := NewFile("/f", []byte("one\ntwo three\n"))
	s := f.Span(4, 7)
	if s.Text() != "two" || s.Position() != (Position{2, 1}) || s.EndPosition() != (Position{2, 4}) || s.IsZero() {
		t.Errorf("%q at %v to %v", s.Text(), s.Position(), s.EndPosition())
	}
	if zero := (Span{}); !zero.IsZero() || zero.Text() != "" {
		t.Error("the zero span is somewhere")
	}
}

// TestPositionIsConcurrent is for the race detector: many rules ask for positions at once.
func TestPositionIsConcurrent(t *testing.T) {
	f := NewFile("/f", []byte(strings.Repeat("line\n", 1000)))
	done := make(chan Position)
	for i := range 8 {
		go func() { done <- f.Position(5 * (990 + i)) }()
	}
	for range 8 {
		if p := <-done; p.Column != 1 || p.Line < 991 {
			t.Errorf("%v", p)
		}
	}
}
