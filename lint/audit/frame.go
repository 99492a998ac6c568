package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

const (
	around  = 2   // lines before and after a fault
	maxLine = 300 // bytes of a line that are kept
	maxDiff = 40  // lines of a fix that are kept
)

// finding keeps of a finding what the report needs, so that the host's files can go.
func finding(f *lint.Finding) Finding {
	out := Finding{
		Rule: f.Rule, Severity: f.Severity.String(), Message: strings.ToValidUTF8(f.Message, "?"), Help: strings.ToValidUTF8(f.Help, "?"),
		Line: 1, Column: 1, EndLine: 1, EndColumn: 1, Fingerprint: f.Fingerprint,
	}
	if f.Span.IsZero() {
		return out
	}
	from, to := f.Span.Position(), f.Span.EndPosition()
	out.File, out.Line, out.Column, out.EndLine, out.EndColumn = strings.ToValidUTF8(f.Span.File.Path, "?"), from.Line, from.Column, to.Line, to.Column
	for n := max(1, from.Line-around); n <= from.Line+around; n++ {
		if text, _ := f.Span.File.Line(n); text != nil {
			out.Frame = append(out.Frame, Line{n, cut(text)})
		}
	}
	if f.Fix != nil {
		out.Diff = diff(f.Fix.Edits)
	}
	return out
}

func cut(line []byte) string {
	return strings.Clone(strings.ToValidUTF8(string(line[:min(len(line), maxLine)]), "?"))
}

// diff shows the lines that edits touch, before and after.
func diff(edits []source.Edit) string {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b source.Edit) int {
		return cmp.Or(cmp.Compare(a.Span.File.Path, b.Span.File.Path), cmp.Compare(a.Span.Start, b.Span.Start))
	})
	var out []string
	for i := 0; i < len(edits); {
		f := edits[i].Span.File
		first := edits[i].Span.Position().Line
		_, start := f.Line(first)
		at, end := start, start
		var after bytes.Buffer
		for ; i < len(edits) && edits[i].Span.File == f && (edits[i].Span.Start <= end || at == start); i++ {
			e := edits[i]
			after.Write(f.Data[at:max(at, e.Span.Start)])
			after.WriteString(e.NewText)
			at = max(at, e.Span.End)
			last, from := f.Line(f.Position(at).Line)
			end = from + len(last)
		}
		after.Write(f.Data[at:max(at, end)])
		out = append(out, fmt.Sprintf("@@ %s:%d @@", f.Path, first))
		for _, l := range strings.Split(string(f.Data[start:end]), "\n") {
			out = append(out, "-"+cut([]byte(l)))
		}
		for _, l := range strings.Split(after.String(), "\n") {
			out = append(out, "+"+cut([]byte(l)))
		}
	}
	if len(out) > maxDiff {
		out = append(out[:maxDiff], "...")
	}
	return strings.ToValidUTF8(strings.Join(out, "\n"), "?")
}
