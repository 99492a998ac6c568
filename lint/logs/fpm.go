package logs

import (
	"bytes"
	"time"
)

// fpmTime reads "21-Nov-2026 00:24:12", with or without microseconds.
func fpmTime(b []byte, zone *time.Location) (int64, bool) {
	if len(b) < 20 || b[2] != '-' || b[6] != '-' || b[11] != ' ' {
		return 0, false
	}
	t, err := time.ParseInLocation("02-Jan-2006 15:04:05", string(b[:20]), zone)
	return t.Unix(), err == nil
}

// fpm takes a message of PHP-FPM, behind its date and level.
func (r *reader) fpm(line, text []byte, at int64) {
	e := &Event{Log: FPMLog, At: at}
	if rest, ok := bytes.CutPrefix(text, []byte("[pool ")); ok {
		pool, message, ok := bytes.Cut(rest, []byte("] "))
		if !ok {
			return
		}
		e.Pool, text = string(pool), message
	}
	if said, ok := workerOutput(text); ok {
		e.Log, text = PHPLog, said
	} else if hasPrefix(text, "Connection disallowed: ") {
		e.Log = PHPLog // decorate_workers_output = no
	}
	m, c := dictionaries()[e.Log].find(text, 0, nil)
	if m == nil || m.cause == nil && m.role == roleNone {
		return
	}
	e.Message, e.PID, e.Signal, e.Script = m, number(c.pid), number(c.signal), string(c.script)
	r.emit(e, line)
}

// workerOutput is what a worker wrote: `child N said into stderr: "ERROR: text"`.
func workerOutput(text []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(text, []byte("child "))
	if !ok {
		return nil, false
	}
	rest = rest[digits(rest):]
	for _, begin := range []string{` said into stderr: "`, ` said into stdout: "`} {
		said, ok := bytes.CutPrefix(rest, []byte(begin))
		if !ok {
			continue
		}
		for _, level := range []string{"ERROR: ", "NOTICE: ", "WARNING: "} {
			said = bytes.TrimPrefix(said, []byte(level))
		}
		return said, true
	}
	return nil, false
}
