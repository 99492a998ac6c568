package logs

import "bytes"

// kernel takes a message of the kernel. Only those about PHP-FPM's workers count.
func (r *reader) kernel(line, text []byte, at int64) {
	if at != 0 {
		r.source.kernel(at)
	}
	m, c := dictionaries[KernelLog].find(text, 0, nil)
	if m == nil || !hasPrefix(bytes.ToLower(c.comm), "php") {
		return
	}
	r.emit(&Event{Log: KernelLog, At: at, Message: m, PID: number(c.pid)}, line)
}

// systemd takes a message of systemd about PHP-FPM's service.
func (r *reader) systemd(line, text []byte, at int64) {
	m, c := dictionaries[SystemdLog].find(text, 0, nil)
	if m == nil || m.cause == nil && m.role == roleNone || !isService(c.unit) {
		return
	}
	r.emit(&Event{Log: SystemdLog, At: at, Message: m}, line)
}

// isService tells PHP-FPM's service by its unit's name or its description.
func isService(unit []byte) bool {
	return isFPM(string(unit)) || bytes.Contains(unit, []byte("PHP")) && bytes.Contains(unit, []byte("FastCGI Process Manager"))
}
