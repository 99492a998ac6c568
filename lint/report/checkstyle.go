package report

import (
	"encoding/xml"
	"io"

	"fpmlint/lint"
)

type checkstyleReport struct {
	XMLName xml.Name         `xml:"checkstyle"`
	Version string           `xml:"version,attr"`
	Files   []checkstyleFile `xml:"file"`
}

type checkstyleFile struct {
	Name   string            `xml:"name,attr"`
	Errors []checkstyleError `xml:"error"`
}

type checkstyleError struct {
	Line     int           `xml:"line,attr"`
	Column   int           `xml:"column,attr"`
	Severity lint.Severity `xml:"severity,attr"`
	Message  string        `xml:"message,attr"`
	Source   string        `xml:"source,attr"`
}

// writeCheckstyle prints Checkstyle's XML, which many CI plugins read.
func writeCheckstyle(w io.Writer, r *lint.Result, _ Options) error {
	report := checkstyleReport{Version: "4.3"}
	for i := range r.Findings { // sorted by file
		f := &r.Findings[i]
		at := placeOf(f.Span)
		n := len(report.Files)
		if name := Escape(at.file); n == 0 || report.Files[n-1].Name != name {
			report.Files = append(report.Files, checkstyleFile{Name: name})
			n++
		}
		file := &report.Files[n-1]
		file.Errors = append(file.Errors, checkstyleError{at.line, at.column, f.Severity, Escape(f.Message), "fpmlint." + f.Rule})
	}
	return encodeXML(w, report)
}

// encodeXML prints a value as XML. Its strings must have been through escape, as XML has no way to
// write most control characters.
func encodeXML(w io.Writer, v any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
