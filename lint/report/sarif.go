package report

import (
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"fpmlint/lint"
	"fpmlint/lint/source"
)

// maxSarifRelated bounds the related places of a result: GitHub shows the first 100 and refuses
// more than 1000 (docs.github.com, "SARIF support for code scanning").
const maxSarifRelated = 100

var sarifLevels = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Info: "note"}

// writeSARIF prints SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0). go-sarif's version 2 writes it:
// its version 3 brings an HTTP client into the program, and serves the tests alone.
func writeSARIF(w io.Writer, r *lint.Result, o Options) error {
	report, err := sarif.New(sarif.Version210)
	if err != nil {
		return err
	}
	driver := sarif.NewSimpleTool(o.Tool.Name).Driver.WithVersion(o.Tool.Version)
	run := sarif.NewRun(*sarif.NewTool(driver))
	run.ColumnKind = "utf16CodeUnits"
	index := map[string]int{}
	for i, rule := range o.Rules {
		index[rule.ID] = i
		driver.AddRule(sarifRule(rule))
	}
	s := sarifWriter{unitCounter{}, o}
	run.Results = make([]*sarif.Result, 0, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		result := s.result(f)
		if at, ok := index[f.Rule]; ok {
			result.WithRuleIndex(at)
		}
		run.AddResult(result)
	}
	run.AddInvocations(sarifInvocation(r))
	report.AddRun(run)
	return encode(w, report)
}

func sarifRule(r lint.Rule) *sarif.ReportingDescriptor {
	d := sarif.NewRule(r.ID).WithDescription(r.Summary).WithTextHelp(r.Doc).WithMarkdownHelp(r.Doc)
	d.WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(sarifLevels[r.Severity]))
	d.WithProperties(sarif.Properties{"tags": []string{r.Family}})
	return d
}

// sarifInvocation says that the run came to its end, and what it could not judge.
func sarifInvocation(r *lint.Result) *sarif.Invocation {
	in := sarif.NewInvocation().WithExecutionSuccess(true)
	for _, s := range r.Skipped {
		in.ToolExecutionNotifications = append(in.ToolExecutionNotifications, sarif.NewNotification().
			WithLevel("note").WithTextMessage(sarifText(s.Stack+": "+s.Reason)).
			WithAssociatedRule(sarif.NewReportingDescriptorReference().WithId(s.Rule)))
	}
	return in
}

type sarifWriter struct {
	units   unitCounter
	options Options
}

func (s sarifWriter) result(f *lint.Finding) *sarif.Result {
	text := sarifText(f.Message)
	if f.Help != "" {
		text += "\n\n" + sarifText(f.Help)
	}
	result := sarif.NewRuleResult(f.Rule).WithLevel(sarifLevels[f.Severity]).WithMessage(sarif.NewTextMessage(text))
	result.PartialFingerprints = map[string]any{"fpmlint/v1": f.Fingerprint}
	if !f.Span.IsZero() {
		result.AddLocation(s.location(f.Span))
	}
	for i, r := range f.Related {
		if r.Span.IsZero() || len(result.RelatedLocations) == maxSarifRelated {
			continue
		}
		result.AddRelatedLocation(s.location(r.Span).WithId(i).WithMessage(sarif.NewTextMessage(sarifText(r.Message))))
	}
	if f.Fix != nil && textual(f.Fix) {
		result.AddFix(s.fix(f.Fix))
	}
	return result
}

func (s sarifWriter) location(span source.Span) *sarif.Location {
	return sarif.NewLocationWithPhysicalLocation(sarif.NewPhysicalLocation().
		WithArtifactLocation(s.artifact(span.File)).WithRegion(s.region(span)))
}

func (s sarifWriter) region(span source.Span) *sarif.Region {
	from, to := span.Position(), span.EndPosition()
	return sarif.NewRegion().
		WithStartLine(from.Line).WithStartColumn(s.units.column(span.File, span.Start)).
		WithEndLine(to.Line).WithEndColumn(s.units.column(span.File, span.End))
}

func (s sarifWriter) fix(f *lint.Fix) *sarif.Fix {
	fix := sarif.NewFix().WithDescriptionText(sarifText(f.Description))
	fix.Properties = sarif.Properties{"applicability": applicability(f)}
	changes := map[*source.File]*sarif.ArtifactChange{}
	for _, e := range f.Edits {
		change := changes[e.Span.File]
		if change == nil {
			change = sarif.NewArtifactChange(s.artifact(e.Span.File))
			changes[e.Span.File] = change
			fix.AddArtifactChanges(change)
		}
		text := e.NewText
		change.WithReplacement(sarif.NewReplacement(s.region(e.Span)).
			WithInsertedContent(&sarif.ArtifactContent{Text: &text}))
	}
	return fix
}

// artifact names a file: relative to the repository's top, or by its full path.
func (s sarifWriter) artifact(f *source.File) *sarif.ArtifactLocation {
	name := s.options.file(f)
	u := url.URL{Path: filepath.ToSlash(name)}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
		return sarif.NewArtifactLocation().WithUri(u.String())
	}
	return sarif.NewArtifactLocation().WithUri(u.String()).WithUriBaseId("%SRCROOT%")
}

// sarifText keeps a configuration's words from being read as a link (SARIF, section 3.11.6).
func sarifText(s string) string {
	return strings.ReplaceAll(valid(s), "](", `\](`)
}

// unitCounter turns byte columns into columns of UTF-16 code units. It remembers where it was in
// each file: findings come in the order of the file, and a line may be long.
type unitCounter map[*source.File]unitPlace

type unitPlace struct{ line, offset, units int }

func (c unitCounter) column(f *source.File, offset int) int {
	line := f.Position(offset)
	start := offset - line.Column + 1
	at := c[f]
	if at.line != line.Line || at.offset > offset {
		at = unitPlace{line.Line, start, 0}
	}
	for _, r := range string(f.Data[at.offset:offset]) {
		at.units++
		if r > 0xffff {
			at.units++
		}
	}
	at.offset = offset
	c[f] = at
	return at.units + 1
}
