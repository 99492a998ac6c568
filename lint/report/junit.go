package report

import (
	"encoding/xml"
	"fmt"
	"io"

	"fpmlint/lint"
)

type junitReport struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Skipped *junitSkipped `xml:"skipped,omitempty"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// writeJUnit prints a test report: a suite for each stack, in it a failed test for each error and
// warning, and a test for each rule that found nothing: passed, or skipped where the rule could
// not judge. Advice fails no test; it is the output of one.
func writeJUnit(w io.Writer, r *lint.Result, o Options) error {
	type key struct{ stack, rule string }
	found := map[key][]junitCase{}
	for i := range r.Findings {
		f := &r.Findings[i]
		k := key{f.Stack, f.Rule}
		found[k] = append(found[k], junitFinding(f))
	}
	skipped := map[key]*junitSkipped{}
	for _, s := range r.Skipped {
		if k := (key{s.Stack, s.Rule}); skipped[k] == nil {
			skipped[k] = &junitSkipped{Escape(s.Reason)}
		}
	}
	report := junitReport{Name: "fpmlint"}
	for _, s := range r.Stacks {
		suite := junitSuite{Name: Escape(s.Name)}
		for _, rule := range o.Rules {
			k := key{s.Name, rule.ID}
			cases := found[k]
			if len(cases) == 0 {
				cases = []junitCase{{Class: suite.Name, Name: rule.ID, Skipped: skipped[k]}}
			}
			suite.Cases = append(suite.Cases, cases...)
		}
		suite.count()
		report.Tests += suite.Tests
		report.Failures += suite.Failures
		report.Suites = append(report.Suites, suite)
	}
	return encodeXML(w, report)
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		if c.Failure != nil {
			s.Failures++
		}
		if c.Skipped != nil {
			s.Skipped++
		}
	}
}

func junitFinding(f *lint.Finding) junitCase {
	at := placeOf(f.Span)
	where := fmt.Sprintf("%s:%d:%d", Escape(at.file), at.line, at.column)
	c := junitCase{Class: Escape(f.Stack), Name: f.Rule + " " + where, File: Escape(at.file)}
	text := fmt.Sprintf("%s: %s[%s]: %s", where, f.Severity, f.Rule, Escape(f.Message))
	if f.Help != "" {
		text += "\nhelp: " + Escape(f.Help)
	}
	if f.Severity == lint.Info {
		c.Output = text
	} else {
		c.Failure = &junitFailure{f.Severity.String(), Escape(f.Message), text}
	}
	return c
}
