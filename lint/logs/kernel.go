package logs

import (
	"bytes"

	"fpmlint/lint/lazy"
)

// kernel takes a message of the kernel. Only those about PHP-FPM's workers count.
func (r *reader) kernel(line, text []byte, at int64) {
	if at != 0 {
		r.source.kernel(at)
	}
	m, c := dictionaries()[KernelLog].find(text, 0, nil)
	if m == nil || !hasPrefix(bytes.ToLower(c.comm), "php") {
		return
	}
	r.emit(&Event{Log: KernelLog, At: at, Message: m, PID: number(c.pid)}, line)
}

// systemd takes a message of systemd about PHP-FPM's service.
func (r *reader) systemd(line, text []byte, at int64) {
	m, c := dictionaries()[SystemdLog].find(text, 0, nil)
	if m == nil || m.cause == nil && m.role == roleNone || !isService(c.unit) {
		return
	}
	unit := r.unit
	r.unit = systemdUnit + phpVersion().FindString(string(c.unit))
	r.emit(&Event{Log: SystemdLog, At: at, Message: m}, line)
	r.unit = unit
}

// systemdUnit begins the units of systemd's messages; PHP's version follows.
const systemdUnit = "systemd "

var phpVersion = lazy.Regexp(`[5-9]\.[0-9]`)

// isService tells PHP-FPM's service by its unit's name or its description.
func isService(unit []byte) bool {
	return isFPM(string(unit)) || bytes.Contains(unit, []byte("PHP")) && bytes.Contains(unit, []byte("FastCGI Process Manager"))
}
