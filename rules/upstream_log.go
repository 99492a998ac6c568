package rules

import (
	_ "embed"
	"fmt"
	"strings"

	"fpmlint/lint"
	"fpmlint/lint/nginx"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

//go:embed upstream-log.md
var upstreamLogDoc string

// UpstreamLog reports access logs that do not say which answers came from PHP, and how fast.
var UpstreamLog = lint.Rule{
	ID:       "upstream-log",
	Severity: lint.Info,
	Family:   "observability",
	Summary:  "the access log does not tell nginx's failures from PHP's",
	Doc:      upstreamLogDoc,
	Check:    checkUpstreamLog,
}

func checkUpstreamLog(p *lint.Pass) {
	formats := map[*nginx.Config]map[string]*nginx.Statement{}
	levels := map[*nginx.Scope]struct { // those that have access_log
		log logged
		why string
	}{}
	first := map[string]source.Span{}
	for _, h := range p.Stack.Handoffs {
		if !h.PHP || h.Probe {
			continue
		}
		if formats[h.Config] == nil {
			formats[h.Config] = logFormats(h.Config)
		}
		_, level := h.Scope.EffectiveList("access_log")
		found, have := levels[level]
		if level == nil || !have {
			found.log, found.why = accessLog(h, formats[h.Config])
			levels[level] = found
		}
		log, why := found.log, found.why
		if why != "" {
			p.Skip("%s: %s", place(h.Pass.Span()), why)
		}
		if why != "" || log.off {
			continue
		}
		var lacks []string
		for _, v := range []string{"upstream_status", "upstream_response_time"} {
			if !strings.Contains(log.text, v) {
				lacks = append(lacks, "$"+v)
			}
		}
		if len(lacks) == 0 {
			continue
		}
		f := lint.Finding{
			Message:  fmt.Sprintf("the log format %s lacks %s: the access log does not show whether a 502 or a slow answer was PHP's", log.name, strings.Join(lacks, " and ")),
			Help:     "add upstream_status=$upstream_status upstream_time=$upstream_response_time to a log_format and name it in access_log",
			Span:     log.span,
			Handoffs: []*stack.Handoff{h},
		}
		if log.format == nil { // one finding for the format that is built in, not one for each log
			key := h.Config.Conf.Display
			if first[key].IsZero() {
				first[key] = log.span
			}
			f.Span = first[key]
		}
		p.Report(f)
	}
}

// logged is what the access logs in effect write.
type logged struct {
	// name is the first log's format, text that of all logs together.
	name, text string
	// format is the log_format, nil for the built-in one; span is where it is given, or used.
	format *nginx.Statement
	span   source.Span
	off    bool
}

// accessLog finds what is logged about a hand-off; why says what is not known.
func accessLog(h *stack.Handoff, formats map[string]*nginx.Statement) (log logged, why string) {
	list, _ := h.Scope.EffectiveList("access_log")
	if len(list) == 0 && h.Config.Fragment {
		return log, "the access_log may be set outside this file"
	}
	if len(list) == 0 {
		return logged{name: "combined", span: h.Pass.Span()}, ""
	}
	log.off = true
	var text strings.Builder
	for _, d := range list {
		if d.Arg(0) == "off" {
			continue
		}
		name := d.Arg(1)
		if name == "" {
			name = "combined"
		}
		format := formats[name]
		if format == nil && name != "combined" {
			return log, "the log_format " + name + " is not here"
		}
		if log.off {
			log = logged{name: name, format: format, span: d.Span()}
			if format != nil {
				log.span = format.Span()
			}
		}
		if format != nil {
			text.WriteString(strings.Join(format.Values()[1:], " "))
		}
	}
	log.text = text.String()
	return log, ""
}

// logFormats are the http block's formats by name.
func logFormats(c *nginx.Config) map[string]*nginx.Statement {
	out := map[string]*nginx.Statement{}
	for _, http := range c.Main.Children {
		if http.Kind != "http" {
			continue
		}
		for _, d := range http.FindAll("log_format") {
			if len(d.Args) > 1 {
				out[d.Arg(0)] = d
			}
		}
	}
	return out
}
