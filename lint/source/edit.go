package source

import (
	"bytes"
	"iter"
)

// Edit replaces the bytes of a span by a text. An empty span inserts.
type Edit struct {
	Span    Span
	NewText string
}

// LineEnding is the one in use at an offset: that of its line, else, where the file ends without
// one, that of the line before.
func (f *File) LineEnding(at int) string {
	n := f.Position(at).Line
	end, ok := f.begin(n + 1)
	if !ok {
		end, ok = f.begin(n)
	}
	if ok && end > 1 && f.Data[end-2] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// Commented yields the offsets of the lines in a text that begin with a comment of one sign and a
// word, with what follows the word. The first line counts as one though the text may begin within it.
func Commented(text []byte, sign byte, word string) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for at := 0; ; at += len(word) {
			i := bytes.Index(text[at:], []byte(word))
			if i < 0 {
				return
			}
			at += i
			head := bytes.TrimRight(text[:at], " \t")
			if !bytes.HasSuffix(head, []byte{sign}) {
				continue
			}
			head = bytes.TrimRight(head[:len(head)-1], " \t")
			if len(head) > 0 && head[len(head)-1] != '\n' {
				continue
			}
			if !yield(len(head), text[at+len(word):]) {
				return
			}
		}
	}
}
