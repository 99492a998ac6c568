package report

import (
	"encoding/json"
	"io"
	"time"

	"fpmlint/lint/logs"
)

type diagnosis struct {
	Version   int              `json:"version"`
	Incidents []incident       `json:"incidents"`
	Unknown   []unknownMessage `json:"unknown"`
	Lines     int              `json:"lines"`
	Cut       int              `json:"cutLines"`
}

type incident struct {
	Cause      string          `json:"cause"`
	Class      logs.Class      `json:"class"`
	Place      logs.Place      `json:"place"`
	Failed     bool            `json:"failed"`
	Confidence logs.Confidence `json:"confidence"`
	Message    string          `json:"message"`
	Count      int             `json:"count"`
	Requested  int             `json:"requestCount"`
	Events     int             `json:"events"`
	First      string          `json:"first,omitempty"`
	Last       string          `json:"last,omitempty"`
	Server     string          `json:"server"`
	Upstream   string          `json:"upstream"`
	Pool       string          `json:"pool"`
	Statuses   []int           `json:"statuses"`
	Requests   []requests      `json:"requests"`
	Hosts      []hosts         `json:"hosts"`
	Clients    []clients       `json:"clients"`
	Traces     []traces        `json:"traces"`
	Histogram  *histogram      `json:"histogram,omitempty"`
	Evidence   []evidence      `json:"evidence"`
	Handoff    *handoff        `json:"handoff,omitempty"`
	PoolAt     *poolAt         `json:"poolAt,omitempty"`
	Rules      []string        `json:"rules"`
	Findings   []explanation   `json:"findings"`
	Advice     string          `json:"advice"`
	Fix        string          `json:"fix,omitempty"`
}

type requests struct {
	URI   string `json:"uri"`
	Count int    `json:"count"`
}

type hosts struct {
	Host  string `json:"host"`
	Count int    `json:"count"`
}

type clients struct {
	Client string `json:"client"`
	Count  int    `json:"count"`
}

type traces struct {
	Frame string `json:"frame"`
	Count int    `json:"count"`
}

type histogram struct {
	Start string `json:"start"`
	Width int    `json:"widthSeconds"`
	Bars  []int  `json:"counts"`
}

type evidence struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

type poolAt struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

type explanation struct {
	Rule    string `json:"rule"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

type unknownMessage struct {
	Message string `json:"message"`
	Count   int    `json:"count"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// DiagnoseJSON prints one document for other programs. Lists are never null.
func DiagnoseJSON(w io.Writer, r *logs.Report) error {
	d := diagnosis{Version: 1, Incidents: []incident{}, Unknown: []unknownMessage{}, Lines: r.Lines, Cut: r.Cut}
	for _, i := range r.Incidents {
		d.Incidents = append(d.Incidents, incidentJS(i))
	}
	for _, u := range r.Unknown {
		d.Unknown = append(d.Unknown, unknownMessage{u.Message, u.Count, u.Log, u.Line})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// IncidentJSON prints one incident on one line.
func IncidentJSON(w io.Writer, i *logs.Incident) error {
	return json.NewEncoder(w).Encode(incidentJS(i))
}

func incidentJS(i *logs.Incident) incident {
	c := i.Cause
	js := incident{
		Cause: c.ID, Class: c.Class, Place: c.Place, Failed: c.Failed, Confidence: i.Confidence, Message: i.Sentence(),
		Count: i.Total(), Requested: i.Count, Events: i.Events, First: stamp(i.First), Last: stamp(i.Last),
		Server: i.Server, Upstream: i.Upstream, Pool: i.Pool(),
		Statuses: append([]int{}, i.Statuses...), Requests: []requests{}, Hosts: []hosts{}, Clients: []clients{},
		Traces: []traces{}, Evidence: []evidence{}, Rules: []string{}, Findings: []explanation{},
		Advice: i.Advice(), Fix: i.Fix(),
	}
	for _, n := range i.Requests {
		js.Requests = append(js.Requests, requests{n.Name, n.Count})
	}
	for _, n := range i.Hosts {
		js.Hosts = append(js.Hosts, hosts{n.Name, n.Count})
	}
	for _, n := range i.Clients {
		js.Clients = append(js.Clients, clients{n.Name, n.Count})
	}
	for _, n := range i.Traces {
		js.Traces = append(js.Traces, traces{n.Name, n.Count})
	}
	if len(i.Bars) > 0 {
		js.Histogram = &histogram{stamp(i.Start), int(i.Width / time.Second), i.Bars}
	}
	for _, e := range i.Evidence {
		js.Evidence = append(js.Evidence, evidence{e.Log, e.Line, e.Text})
	}
	if s := i.Site; s != nil && s.Handoff != nil {
		at := s.Handoff.Pass.Span()
		js.Handoff = &handoff{at.File.Display, at.Position().Line, s.Handoff.Scope.Label()}
	}
	if at := i.PoolSpan(); !at.IsZero() {
		js.PoolAt = &poolAt{at.File.Display, at.Position().Line}
	}
	for _, x := range i.Explained {
		if len(js.Rules) == 0 || js.Rules[len(js.Rules)-1] != x.Rule {
			js.Rules = append(js.Rules, x.Rule)
		}
		js.Findings = append(js.Findings, explanation{x.Rule, x.Span.File.Display, x.Span.Position().Line, x.Message})
	}
	return js
}

// stamp is a time by RFC 3339, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
