package report

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// minWidth is the narrowest a text is broken to: a narrower terminal breaks lines itself.
const minWidth = 40

// wrap breaks a text into lines of at most width columns; used are taken on the first line, indent
// on the others. A word that is longer than a line keeps one of its own: an address must be whole
// to be copied.
func wrap(text string, width, used, indent int) []string {
	if width < minWidth {
		return []string{text}
	}
	var lines []string
	var line strings.Builder
	at := used
	for _, word := range strings.Split(text, " ") {
		n := columns(word)
		if line.Len() > 0 && at+1+n > width {
			lines = append(lines, line.String())
			line.Reset()
			at = indent
		} else if line.Len() > 0 {
			line.WriteByte(' ')
			at++
		}
		line.WriteString(word)
		at += n
	}
	return append(lines, line.String())
}

// columns is the room that a text takes on a terminal.
func columns(s string) int {
	if strings.IndexByte(s, 0x1b) >= 0 {
		s = painted().ReplaceAllString(s, "")
	}
	return runewidth.StringWidth(s)
}
