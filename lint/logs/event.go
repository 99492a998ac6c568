package logs

import "strings"

// Event is one message of a log that is understood.
type Event struct {
	// At is the time in seconds since 1970, 0 where the log gives none.
	At      int64
	Log     Log
	Message *Message
	Source  *Source
	Line    int
	// Text is the line, cut at maxText bytes.
	Text string

	// Request says that nginx tells it of a request.
	Request bool
	// Server, Upstream (scheme and URI cut off), Scheme, URI (without its query), Host and Client
	// are what nginx says of the request.
	Server, Upstream, Scheme, URI, Host, Client string

	// Pool, PID, Signal (or exit code), Script and Frames are PHP-FPM's and the kernel's.
	Pool        string
	PID, Signal int
	Script      string
	Frames      []string
	// Unit is the PHP-FPM that speaks: its log's name, or its service's.
	Unit string

	used bool // it explains a failed request
}

// maxText is how much of a line is kept as evidence, in bytes.
const maxText = 600

// Source is one log.
type Source struct {
	Name string
	// Lines were read; Cut of them were longer than is kept.
	Lines, Cut int
	// kernelFrom and kernelTo are the times of the kernel's first and last message in it.
	kernelFrom, kernelTo int64
}

func (s *Source) kernel(at int64) {
	if s.kernelFrom == 0 || at < s.kernelFrom {
		s.kernelFrom = at
	}
	s.kernelTo = max(s.kernelTo, at)
}

// unitOf is a log's name without what a rotation adds: -20261121, .1, .gz, .zst.
func unitOf(name string) string {
	for _, ext := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, ext)
	}
	if i := strings.LastIndexAny(name, ".-"); i > 0 && i+1 < len(name) && digits([]byte(name[i+1:])) == len(name)-i-1 {
		name = name[:i]
	}
	return name
}

// unknown is a message about an upstream that the table lacks.
type unknown struct {
	text string
	line int
}

// sink takes what readers find. It is called from one reader at a time.
type sink interface {
	event(*Event)
	unknown(*Source, unknown)
}

func clip(b []byte) string {
	if len(b) > maxText {
		return string(b[:maxText]) + "..."
	}
	return string(b)
}
