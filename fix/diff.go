package fix

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// contextLines is how many equal lines stand around a change, as in diff -u.
const contextLines = 3

// maxWindow bounds the lines among which a change is looked for: what differs on more of them at a
// stretch is shown as replaced. The search is quadratic where everything differs.
const maxWindow = 1024

// WriteDiff writes a change as a unified diff, which git apply and patch -p1 accept. Nothing is
// written where old and new are the same.
func WriteDiff(w io.Writer, c Change) error {
	if bytes.Equal(c.Old, c.New) && !c.Created {
		return nil
	}
	a, b := splitLines(c.Old), splitLines(c.New)
	var out bytes.Buffer
	from, to := header("a/", c.Name), header("b/", c.Name)
	if c.Created {
		from = "/dev/null"
	}
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
	for _, h := range hunks(compare(a, b)) {
		h.write(&out, a, b)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// header is a file's name in a diff's header, quoted where git quotes it.
func header(prefix, name string) string {
	name = prefix + strings.TrimPrefix(name, "/")
	quoted := strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == '"' || r == '\\' || r >= 0x7f })
	if !quoted {
		if strings.ContainsAny(name, " ") {
			return name + "\t" // patch would take a space for the beginning of the time
		}
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(name) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// splitLines keeps the line ends.
func splitLines(data []byte) []string {
	return slices.Collect(strings.Lines(string(data)))
}

// region is a stretch of lines that differ: a[aFrom:aTo] became b[bFrom:bTo].
type region struct{ aFrom, aTo, bFrom, bTo int }

// compare finds the regions that differ. It looks at windows behind each first difference, so that
// its cost follows the size of the changes and not that of the file.
func compare(a, b []string) []region {
	var out []region
	i, j := 0, 0
	for {
		for i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
		}
		if i == len(a) && j == len(b) {
			return out
		}
		for size := 64; ; size *= 2 {
			wa, wb := a[i:min(i+size, len(a))], b[j:min(j+size, len(b))]
			whole := i+len(wa) == len(a) && j+len(wb) == len(b)
			found, sync := search(wa, wb, i, j)
			if !whole && !sync && size < maxWindow {
				continue
			}
			if !whole && !sync {
				found = []region{{i, i + len(wa), j, j + len(wb)}}
			}
			for _, r := range found {
				out = appendRegion(out, r)
			}
			i, j = found[len(found)-1].aTo, found[len(found)-1].bTo
			break
		}
	}
}

// search compares two windows that begin at lines i and j. Where the windows end in equal lines,
// both sides are in step again behind the last region (sync).
func search(a, b []string, i, j int) (out []region, sync bool) {
	d := diffmatchpatch.New()
	d.DiffTimeout = 0 // the result must not depend on the machine's speed
	ra, rb, lines := d.DiffLinesToRunes(strings.Join(a, ""), strings.Join(b, ""))
	diffs := d.DiffCharsToLines(d.DiffMainRunes(ra, rb, false), lines)
	for k, diff := range diffs {
		n := strings.Count(diff.Text, "\n")
		if !strings.HasSuffix(diff.Text, "\n") {
			n++
		}
		switch diff.Type {
		case diffmatchpatch.DiffEqual:
			i, j = i+n, j+n
			sync = k == len(diffs)-1 && n > 2*contextLines
		case diffmatchpatch.DiffDelete:
			out = appendRegion(out, region{i, i + n, j, j})
			i += n
		case diffmatchpatch.DiffInsert:
			out = appendRegion(out, region{i, i, j, j + n})
			j += n
		}
	}
	return out, sync
}

func appendRegion(list []region, r region) []region {
	if n := len(list); n > 0 && list[n-1].aTo == r.aFrom && list[n-1].bTo == r.bFrom {
		list[n-1].aTo, list[n-1].bTo = r.aTo, r.bTo
		return list
	}
	return append(list, r)
}

// hunk is a run of regions whose surroundings touch.
type hunk []region

func hunks(regions []region) []hunk {
	var out []hunk
	for i, r := range regions {
		if i > 0 && r.aFrom-regions[i-1].aTo <= 2*contextLines {
			out[len(out)-1] = append(out[len(out)-1], r)
			continue
		}
		out = append(out, hunk{r})
	}
	return out
}

func (h hunk) write(w *bytes.Buffer, a, b []string) {
	first, last := h[0], h[len(h)-1]
	before := min(contextLines, first.aFrom)
	after := min(contextLines, len(a)-last.aTo)
	fmt.Fprintf(w, "@@ -%s +%s @@\n",
		lineRange(first.aFrom-before, last.aTo+after), lineRange(first.bFrom-before, last.bTo+after))
	at := first.aFrom - before
	for _, r := range h {
		writeLines(w, ' ', a[at:r.aFrom])
		writeLines(w, '-', a[r.aFrom:r.aTo])
		writeLines(w, '+', b[r.bFrom:r.bTo])
		at = r.aTo
	}
	writeLines(w, ' ', a[at:last.aTo+after])
}

func writeLines(w *bytes.Buffer, sign byte, lines []string) {
	for _, l := range lines {
		w.WriteByte(sign)
		w.WriteString(l)
		if !strings.HasSuffix(l, "\n") {
			w.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// lineRange is a hunk's place: its first line, counted from 1, and how many there are.
func lineRange(from, to int) string {
	switch n := to - from; n {
	case 0:
		return strconv.Itoa(from) + ",0"
	case 1:
		return strconv.Itoa(from + 1)
	default:
		return strconv.Itoa(from+1) + "," + strconv.Itoa(n)
	}
}
