package lint

import "fmt"

// Severity grades a finding.
type Severity int

// The severities. Each rule's documentation argues its own.
const (
	// Info is advice.
	Info Severity = iota + 1
	// Warning breaks under load, at the next fault, upgrade or crash, or is an exposure that
	// needs one more condition.
	Warning
	// Error is broken now: requests fail, or a daemon will not start or reload, or anyone who can
	// reach the port can run code.
	Error
)

var severityNames = map[Severity]string{Info: "info", Warning: "warning", Error: "error"}

// String is the severity's name in flags and reports.
func (s Severity) String() string { return severityNames[s] }

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseSeverity reads a severity's name.
func ParseSeverity(name string) (Severity, error) {
	for s, n := range severityNames {
		if n == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q: want error, warning or info", name)
}
