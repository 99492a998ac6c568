package logs

import (
	"bytes"
	"strings"
	"time"
)

// reader takes the lines of one log, whatever they are: each line is told by its own form, as one
// journal holds all of them.
type reader struct {
	source *Source
	sink   sink
	// zone is that of times without one; now bounds those without a year.
	zone *time.Location
	now  time.Time
	// follows says that the log's end is not the end of its last line.
	follows bool

	// Records of several lines that are open.
	open     []byte // nginx's message with line feeds
	openLine int
	slow     *Event // a slow log's record
	export   *export
	// unit is Event.Unit.
	unit string
	// stamp is the time that a line was given by what carries it, 0 for none.
	stamp int64
}

// emit hands an event on.
func (r *reader) emit(e *Event, line []byte) {
	e.Source, e.Unit = r.source, r.unit
	if e.Line == 0 {
		e.Line = r.source.Lines
	}
	if e.At == 0 {
		e.At = r.stamp
	}
	if e.Text == "" {
		e.Text = clip(line)
	}
	r.sink.event(e)
}

// busy says whether a record of several lines is open.
func (r *reader) busy() bool { return len(r.open) > 0 || r.slow != nil || r.export != nil }

// finish ends the records that are open.
func (r *reader) finish() {
	if r.export != nil {
		r.exported()
	}
	r.endSlow()
}

// line takes one line without its line feed.
func (r *reader) line(line []byte) {
	if r.export != nil && r.exportLine(line) {
		return
	}
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(r.open) > 0 {
		r.continues(line)
		return
	}
	r.stamp = 0
	r.plain(cutPrefix(line))
}

// plain takes a line as its program wrote it, or as syslog did.
func (r *reader) plain(line []byte) {
	if r.slow != nil && r.slowLine(line) {
		return
	}
	if len(line) < 8 {
		return
	}
	switch {
	case nginxPrefix(line):
		r.nginx(line)
	case hasPrefix(line, "nginx: ["):
		r.nginxStart(line)
	case line[0] == '[':
		r.bracket(line)
	case hasPrefix(line, "__CURSOR=") || hasPrefix(line, "__REALTIME_TIMESTAMP="):
		r.export = &export{}
		r.exportLine(line)
	case line[0] == '{':
		r.journalJSON(line)
	case hasPrefix(line, "WARNING: ") || hasPrefix(line, "ERROR: ") || hasPrefix(line, "NOTICE: ") || hasPrefix(line, "ALERT: "):
		_, text, _ := bytes.Cut(line, []byte(": "))
		r.fpm(line, text, 0)
	default:
		r.syslog(line)
	}
}

// cutPrefix takes away what containers put before a line: "web-1  | " (docker compose) and
// "2026-11-21T00:00:00.000000000Z stderr F " (the container runtime interface).
func cutPrefix(line []byte) []byte {
	head := line[:min(len(line), 80)]
	if i := index(head, "| "); i > 0 && plainName(head[:i]) {
		return line[i+2:]
	}
	for _, stream := range []string{" stderr F ", " stdout F "} {
		if i := index(head, stream); i >= 20 && head[10] == 'T' {
			return line[i+len(stream):]
		}
	}
	return line
}

// plainName says whether a container's name with its padding is all there is.
func plainName(b []byte) bool {
	b = bytes.TrimRight(b, " ")
	for _, c := range b {
		if c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(b) > 0
}

// nginxStart takes what nginx says before it has a log: "nginx: [emerg] ...".
func (r *reader) nginxStart(line []byte) {
	_, message, _ := bytes.Cut(line[len("nginx: ["):], []byte("] "))
	text, errno := cutErrno(message)
	m, _ := dictionaries()[NginxLog].find(text, errno, nil)
	if m != nil && m.cause != nil {
		r.emit(&Event{Log: NginxLog, Message: m}, line)
	}
}

// bracket takes lines that begin with "[": PHP-FPM's, a slow log's, dmesg's.
func (r *reader) bracket(line []byte) {
	end := bytes.IndexByte(line, ']')
	if end < 0 {
		return
	}
	inside, rest := line[1:end], line[end+1:]
	if at, ok := fpmTime(inside, r.zone); ok {
		if slow, ok := bytes.CutPrefix(rest, []byte("  [pool ")); ok {
			r.startSlow(line, slow, at)
			return
		}
		level, text, ok := bytes.Cut(rest, []byte(": "))
		if !ok {
			return
		}
		if string(level) == " DEBUG" { // "pid N, func(), line N: "
			_, text, _ = bytes.Cut(text, []byte(": "))
		}
		r.fpm(line, text, at)
		return
	}
	// dmesg -T: "[Fri Dec 26 14:03:02 2025] "; dmesg: seconds since the boot.
	text := bytes.TrimPrefix(rest, []byte{' '})
	if at, err := time.ParseInLocation(time.ANSIC, string(inside), r.zone); err == nil {
		r.kernel(line, text, at.Unix())
		return
	}
	if seconds := bytes.TrimLeft(inside, " "); digits(seconds) > 0 && bytes.IndexByte(seconds, '.') > 0 {
		r.kernel(line, text, 0)
		return
	}
	// PHP-FPM through syslog: "[WARNING] [pool www] ...", without a time of its own.
	if string(inside) == strings.ToUpper(string(inside)) && len(text) > 0 {
		r.fpm(line, text, 0)
	}
}

// syslog takes "Dec 26 14:03:02 host program[1]: text" and the same with an ISO date.
func (r *reader) syslog(line []byte) {
	if line[0] == '<' { // the priority of RFC 3164
		if i := bytes.IndexByte(line, '>'); i > 0 && i < 5 {
			line = line[i+1:]
		}
	}
	at, rest, ok := r.syslogTime(line)
	if !ok {
		return
	}
	_, rest, ok = bytes.Cut(rest, []byte{' '}) // the host
	if !ok {
		return
	}
	tag, text, ok := bytes.Cut(rest, []byte(": "))
	if !ok || len(tag) > 64 {
		return
	}
	name, _, _ := bytes.Cut(tag, []byte{'['})
	r.tagged(line, string(name), text, at)
}

// tagged takes a line whose program and time are known.
func (r *reader) tagged(line []byte, program string, text []byte, at int64) {
	r.stamp = at
	switch {
	case program == "kernel":
		if len(text) > 1 && text[0] == '[' { // seconds since the boot
			if i := bytes.IndexByte(text, ']'); i > 0 && i+2 < len(text) {
				text = text[i+2:]
			}
		}
		r.kernel(line, text, at)
	case program == "systemd":
		r.systemd(line, text, at)
	case isFPM(program) && (len(text) == 0 || text[0] != '['):
		if i := index(text, ": "); i > 0 && i < 10 && bytes.Equal(text[:i], bytes.ToUpper(text[:i])) {
			text = text[i+2:]
		}
		r.fpm(line, text, at)
	case program == "nginx" && hasPrefix(text, "["):
		r.nginxStart(append([]byte("nginx: "), text...))
	case nginxPrefix(text):
		r.nginx(text)
	case hasPrefix(text, "nginx: ["):
		r.nginxStart(text)
	case len(text) > 0 && text[0] == '[':
		r.bracket(text)
	}
	r.stamp = 0
}

// isFPM says whether a program or service is PHP-FPM, by its name.
func isFPM(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "php") && strings.Contains(name, "fpm")
}

// syslogTime reads a date and gives what stands behind it. A date without a year is the last one
// that is not in the future.
func (r *reader) syslogTime(line []byte) (at int64, rest []byte, ok bool) {
	if len(line) > 20 && line[4] == '-' && line[10] == 'T' {
		end := bytes.IndexByte(line, ' ')
		if end < 0 {
			return 0, nil, false
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05.999999-0700"} {
			if t, err := time.Parse(layout, string(line[:end])); err == nil {
				return t.Unix(), line[end+1:], true
			}
		}
		return 0, nil, false
	}
	if len(line) < 16 || line[3] != ' ' || line[9] != ':' || line[15] != ' ' {
		return 0, nil, false
	}
	t, err := time.ParseInLocation(time.Stamp, string(line[:15]), r.zone)
	if err != nil {
		return 0, nil, false
	}
	t = time.Date(r.now.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, r.zone)
	if t.After(r.now.Add(24 * time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	return t.Unix(), line[16:], true
}
