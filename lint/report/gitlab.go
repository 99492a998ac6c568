package report

import (
	"io"

	"fpmlint/lint"
)

// gitlabSeverities are those of GitLab's Code Quality report.
var gitlabSeverities = map[lint.Severity]string{lint.Error: "critical", lint.Warning: "major", lint.Info: "info"}

type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
	End   int `json:"end"`
}

// writeGitLab prints a Code Quality report for a merge request's widget.
func writeGitLab(w io.Writer, r *lint.Result, o Options) error {
	issues := make([]gitlabIssue, 0, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		at := o.placeOf(f.Span)
		description := f.Message
		if f.Help != "" {
			description += "; " + f.Help
		}
		issues = append(issues, gitlabIssue{
			valid(description), f.Rule, f.Fingerprint, gitlabSeverities[f.Severity],
			gitlabLocation{valid(at.file), gitlabLines{at.line, at.endLine}},
		})
	}
	return encode(w, issues)
}
