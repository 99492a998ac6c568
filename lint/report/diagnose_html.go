package report

import (
	"fmt"
	"html/template"
	"io"
	"sync"

	"fpmlint/lint/logs"
)

// DiagnoseHTML prints one page that needs nothing else. All text from logs and configurations is
// escaped by html/template, and by Escape, as marks that reorder text mislead in a browser too.
func DiagnoseHTML(w io.Writer, r *logs.Report) error { return diagnosePage().Execute(w, r) }

// diagnosePage is read when it is first asked for: few runs print it.
var diagnosePage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("diagnose").Funcs(template.FuncMap{
		"safe":   func(v any) string { return Escape(fmt.Sprint(v)) },
		"answer": answer,
		"moment": moment,
		"short":  shortly,
		"height": func(i *logs.Incident, n int) int {
			highest := 1
			for _, b := range i.Bars {
				highest = max(highest, b)
			}
			return (n*40 + highest - 1) / highest
		},
		"mul":   func(x int) int { return 10 * x },
		"under": func(h int) int { return 40 - h },
		"top": func(of *logs.Incident) []named {
			return []named{{"requests", of.Requests}, {"hosts", of.Hosts}, {"clients", of.Clients}, {"waits in", of.Traces}}
		},
	}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>fpmlint diagnose</title>
<style>
:root { color-scheme: light dark; --rule: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid var(--rule); padding: 1rem 0; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
h2 b { color: #c22; } h2 b.soft { color: #07a; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { opacity: .65; } dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 13px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
svg { display: block; fill: currentColor; }
</style>
</head>
<body>
<h1>Hand-offs between nginx and PHP-FPM</h1>
<p>{{len .Incidents}} incidents in {{.Lines}} lines of {{len .Sources}} logs.{{if .Cut}} {{.Cut}} lines were too long to be read whole.{{end}}</p>
{{range .Incidents}}{{$i := .}}<section>
<h2><b{{if not .Cause.Failed}} class="soft"{{end}}>{{.Cause.ID}}</b> {{safe (answer .)}}</h2>
<dl>
{{with .Server}}<dt>server</dt><dd>{{safe .}}</dd>
{{end}}{{with .Site}}{{with .Handoff}}<dt>hand-off</dt><dd>{{safe .Pass.Span.File.Display}}:{{.Pass.Span.Position.Line}} ({{safe .Scope.Label}})</dd>
{{end}}{{end}}{{with .Pool}}<dt>pool</dt><dd>{{safe .}}{{with $i.PoolSpan}}{{if not .IsZero}} at {{safe .File.Display}}:{{.Position.Line}}{{end}}{{end}}</dd>
{{end}}{{range .Explained}}<dt>because</dt><dd>{{.Rule}} at {{safe .Span.File.Display}}:{{.Span.Position.Line}}: {{safe .Message}}</dd>
{{end}}<dt>to do</dt><dd>{{safe .Advice}}</dd>
{{with .Fix}}<dt>mend it</dt><dd><code>{{.}}</code></dd>
{{end}}{{if gt (len .Bars) 1}}<dt>over time</dt><dd><svg width="320" height="40" viewBox="0 0 320 40" role="img">{{range $x, $n := .Bars}}{{$h := height $i $n}}<rect x="{{mul $x}}" y="{{under $h}}" width="9" height="{{$h}}"/>{{end}}</svg>one bar is {{short .Width}} from {{moment .Start}}</dd>
{{end}}{{range top .}}{{if .Counts}}<dt>{{.Name}}</dt><dd>{{range $n, $c := .Counts}}{{if $n}}, {{end}}{{safe $c.Name}} ({{$c.Count}}){{end}}</dd>
{{end}}{{end}}{{range .Evidence}}<dt>evidence</dt><dd><pre>{{safe .Log}}:{{.Line}}: {{safe .Text}}</pre></dd>
{{end}}</dl>
</section>
{{end}}{{if .Unknown}}<section>
<h2>Unknown messages</h2>
<dl>
{{range .Unknown}}<dt>{{.Count}}</dt><dd><code>{{safe .Message}}</code> first at {{safe .Log}}:{{.Line}}</dd>
{{end}}</dl>
</section>
{{end}}</body>
</html>
`))
})

type named struct {
	Name   string
	Counts []logs.Count
}
