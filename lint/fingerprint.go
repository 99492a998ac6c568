package lint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// fingerprint gives each finding a name by which it is known again after unrelated edits, on
// another line, in another checkout: the rule, the path inside the root, the block or section that
// the flagged text stands in, and the text itself. Equal ones are counted in the order of the file.
func fingerprint(findings []Finding) {
	seen := map[string]int{}
	sections := sectionIndex{}
	for i := range findings {
		f := &findings[i]
		var parts []string
		if !f.Span.IsZero() {
			parts = append(parts, f.Span.File.Path, strings.Join(strings.Fields(f.Span.Text()), " "))
			if len(f.Handoffs) > 0 {
				parts = append(parts, blocks(f.Handoffs[0], f.Span.File)...)
			} else {
				parts = append(parts, sections.at(f.Span))
			}
		}
		key := f.Rule + "\x00" + strings.Join(parts, "\x00")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
		seen[key]++
		f.Fingerprint = hex.EncodeToString(sum[:16])
	}
}

// blocks are those of a file that a hand-off stands in. Blocks of other files do not count:
// whoever includes a snippet may come and go.
func blocks(h *stack.Handoff, file *source.File) []string {
	var out []string
	for s := h.Scope; s != nil; s = s.Parent {
		if s.Statement == nil || s.Statement.Src != file {
			continue
		}
		out = append(out, s.Kind+" "+strings.Join(s.Statement.Values(), " "))
		if names := s.Find("server_name"); s.Kind == "server" && names != nil && names.Src == file {
			out = append(out, strings.Join(names.Values(), " "))
		}
	}
	return out
}

// sectionIndex holds where the [sections] of files begin; nginx's files have none.
type sectionIndex map[*source.File][]int

func (x sectionIndex) at(s source.Span) string {
	starts, ok := x[s.File]
	if !ok {
		offset := 0
		for line := range bytes.Lines(s.File.Data) {
			if line[0] == '[' {
				starts = append(starts, offset)
			}
			offset += len(line)
		}
		x[s.File] = starts
	}
	i := sort.SearchInts(starts, s.Start+1)
	if i == 0 {
		return ""
	}
	line, _ := s.File.Line(s.File.Position(starts[i-1]).Line)
	header, _, _ := bytes.Cut(line, []byte("]"))
	return string(header)
}
