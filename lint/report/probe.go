package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/fatih/color"

	"fpmlint/lint/probe"
)

// ProbeText prints which leg is broken, then what each of them answered.
func ProbeText(w io.Writer, r *probe.Result, o Options) error {
	t := &text{w: bufio.NewWriter(w)}
	t.bold, t.dim = t.style(o, color.Bold), t.style(o, color.FgBlue)
	paint := t.style(o, color.FgGreen, color.Bold)
	if r.Leg != probe.None {
		paint = t.style(o, color.FgRed, color.Bold)
	}
	t.line("%s: %s", paint(string(r.Leg)), t.bold(Escape(r.Verdict)))
	if r.Advice != "" {
		t.line("   %s %s", t.dim("to do     "), Escape(r.Advice))
	}
	leg := func(name string, a *probe.Answer) {
		if a == nil {
			return
		}
		said := fmt.Sprintf("status %d after %s", a.Status, a.Took.Round(time.Millisecond))
		if a.Err != nil {
			said = a.Err.Error()
		}
		if a.Maker != "" && a.Maker != probe.Somebody {
			said += fmt.Sprintf(", made by %s (%s)", a.Maker, a.Why)
		}
		if a.Location != "" {
			said += ", leads to " + a.Location
		}
		if a.Certificate != "" {
			said += "; its certificate: " + a.Certificate
		}
		t.line("   %s %s", t.dim(fmt.Sprintf("%-10s", name)), Escape(said))
	}
	leg("visitor", r.Visitor)
	leg("origin", r.Origin)
	for _, h := range r.Handoffs {
		said := h.Said
		if h.Err != nil {
			said = h.Err.Error()
		}
		t.line("   %s %s", t.dim("hand-off  "), Escape(fmt.Sprintf("%s at %s:%d: %s", h.Address, h.File, h.Line, said)))
	}
	return t.w.Flush()
}

type probed struct {
	Version  int             `json:"version"`
	Leg      probe.Leg       `json:"leg"`
	Verdict  string          `json:"verdict"`
	Advice   string          `json:"advice"`
	Visitor  *probeAnswer    `json:"visitor"`
	Origin   *probeAnswer    `json:"origin,omitempty"`
	Handoffs []probedHandoff `json:"handoffs"`
}

type probeAnswer struct {
	Status       int         `json:"status"`
	Error        string      `json:"error,omitempty"`
	Milliseconds int64       `json:"milliseconds"`
	Maker        probe.Maker `json:"maker"`
	Why          string      `json:"why,omitempty"`
	Server       string      `json:"server,omitempty"`
	Location     string      `json:"location,omitempty"`
	Certificate  string      `json:"certificate,omitempty"`
}

type probedHandoff struct {
	Address      string `json:"address"`
	File         string `json:"file"`
	Line         int    `json:"line"`
	Pool         string `json:"pool"`
	Works        bool   `json:"works"`
	Said         string `json:"said,omitempty"`
	Error        string `json:"error,omitempty"`
	Milliseconds int64  `json:"milliseconds"`
}

// ProbeJSON prints one document for other programs.
func ProbeJSON(w io.Writer, r *probe.Result) error {
	d := probed{
		Version: 1, Leg: r.Leg, Verdict: r.Verdict, Advice: r.Advice,
		Visitor: probeAnswerJS(r.Visitor), Origin: probeAnswerJS(r.Origin), Handoffs: []probedHandoff{},
	}
	for _, h := range r.Handoffs {
		d.Handoffs = append(d.Handoffs, probedHandoff{
			Address: h.Address.String(), File: h.File, Line: h.Line, Pool: h.Pool,
			Works: h.Err == nil, Said: h.Said, Error: reason(h.Err), Milliseconds: h.Took.Milliseconds(),
		})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

func probeAnswerJS(a *probe.Answer) *probeAnswer {
	if a == nil {
		return nil
	}
	return &probeAnswer{
		Status: a.Status, Error: reason(a.Err), Milliseconds: a.Took.Milliseconds(), Maker: a.Maker, Why: a.Why,
		Server: a.Server, Location: a.Location, Certificate: a.Certificate,
	}
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
