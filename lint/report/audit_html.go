package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"fpmlint/lint/audit"
)

//go:embed audit.html
var auditPageText string

//go:embed audit.css
var auditStyle string

//go:embed audit.js
var auditScript string

var auditPage = sync.OnceValue(func() *template.Template { return template.Must(template.New("audit").Parse(auditPageText)) })

// writeAuditHTML prints one page that needs nothing else and runs nothing but its own script: the
// policy names the script and the style by their hashes. What hosts say is data to the script,
// which puts it on the page as text.
func writeAuditHTML(w io.Writer, r *audit.Report, o Options) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var shown any
	if err := json.Unmarshal(raw, &shown); err != nil {
		return err
	}
	data, err := json.Marshal(escapeAll(shown)) // escapes <, > and &, so that nothing ends the element
	if err != nil {
		return err
	}
	return auditPage().Execute(w, map[string]any{
		"Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; script-src '" + hashOf(auditScript) + "'; style-src '" + hashOf(auditStyle) + "'",
		"Style":  template.HTML("<style>" + auditStyle + "</style>"),                                       //nolint:gosec // a constant
		"Script": template.HTML("<script>" + auditScript + "</script>"),                                    //nolint:gosec // a constant
		"Data":   template.HTML(`<script type="application/json" id="data">` + string(data) + "</script>"), //nolint:gosec // json.Marshal escapes it
		"Map":    heatMap(r),
		"Tool":   o.Tool,
		"Totals": totals(r),
		"Report": r,
	})
}

// escapeAll shows what would not be printed, or reorders text, in every string of a document.
func escapeAll(v any) any {
	switch v := v.(type) {
	case string:
		lines := strings.Split(v, "\n")
		for i := range lines {
			lines[i] = Escape(lines[i])
		}
		return strings.Join(lines, "\n")
	case []any:
		for i := range v {
			v[i] = escapeAll(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = escapeAll(v[k])
		}
	}
	return v
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

type total struct {
	Name string
	N    int
}

func totals(r *audit.Report) []total {
	broken, failed := 0, 0
	var s audit.Summary
	for _, h := range r.Hosts {
		s.Error += h.Summary.Error
		s.Warning += h.Summary.Warning
		s.Info += h.Summary.Info
		if h.Summary.Error > 0 {
			broken++
		}
		if h.Status != audit.OK {
			failed++
		}
	}
	return []total{{"hosts", len(r.Hosts)}, {"with errors", broken}, {"not audited", failed}, {"errors", s.Error}, {"warnings", s.Warning}, {"infos", s.Info}, {"outliers", len(r.Outliers)}}
}

// heat is the picture of hosts by rules: one row for each rule, one column for each host. A path
// for each severity holds all its cells, so that a thousand hosts stay light.
type heat struct {
	Width, Height, Left int
	Rows                []heatRow
	Paths               []heatPath
}

type heatRow struct {
	Rule string
	Y, N int
}

type heatPath struct{ Class, D string }

func heatMap(r *audit.Report) heat {
	const left, row, area = 190, 14, 900
	column := map[string]int{}
	for i, h := range r.Hosts {
		column[h.Name] = i
	}
	cell := max(1, min(14, area/max(1, len(r.Hosts))))
	rank := map[string]int{"error": 0, "warning": 1, "info": 2}
	worst := map[string]map[int]int{}
	var names []string
	for _, f := range r.Findings {
		if worst[f.Rule] == nil {
			worst[f.Rule] = map[int]int{}
			names = append(names, f.Rule)
		}
		for _, h := range f.Hosts {
			x, ok := column[h]
			if have, seen := worst[f.Rule][x]; ok && (!seen || rank[f.Severity] < have) {
				worst[f.Rule][x] = rank[f.Severity]
			}
		}
	}
	out := heat{Width: left + cell*len(r.Hosts), Height: row * len(names), Left: left}
	var paths [3]strings.Builder
	for y, name := range names {
		out.Rows = append(out.Rows, heatRow{Rule: name, Y: y*row + row - 3, N: len(worst[name])})
		for x := range len(r.Hosts) {
			if s, ok := worst[name][x]; ok {
				fmt.Fprintf(&paths[s], "M%d %dh%dv%dh-%dz", left+x*cell, y*row+1, cell, row-2, cell)
			}
		}
	}
	for i, class := range []string{"error", "warning", "info"} {
		out.Paths = append(out.Paths, heatPath{class, paths[i].String()})
	}
	return out
}
