package logs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
)

// export is an entry of systemd's journal export format: a line for each field, an empty line at
// the end. A field with line feeds is its name, a length of eight bytes and the bytes.
type export struct {
	at              int64
	program, unit   string
	transport       string
	message, binary []byte
	name            string // of the binary field that is open
	got             uint64 // of its bytes
}

// maxField is how much of a journal's field is kept, in bytes.
const maxField = 16 << 10

// exportLine takes a line of an entry. It says false where the entry is over and the line is none.
func (r *reader) exportLine(line []byte) bool {
	x := r.export
	if x.name != "" {
		x.take(line)
		return true
	}
	if len(line) == 0 {
		r.exported()
		r.export = &export{}
		return true
	}
	name, value, ok := bytes.Cut(line, []byte{'='})
	if !isField(name) {
		r.exported()
		return false
	}
	if ok {
		x.set(string(name), value)
	} else {
		x.name, x.binary, x.got = string(name), nil, 0
	}
	return true
}

// take adds a line to the binary field that is open.
func (x *export) take(line []byte) {
	x.got += uint64(len(line)) + 1
	if room := maxField - len(x.binary); room > 0 {
		x.binary = append(append(x.binary, line[:min(len(line), room)]...), '\n')
	}
	if len(x.binary) < 8 {
		return
	}
	if size := binary.LittleEndian.Uint64(x.binary); x.got > size+8 || size > 1<<40 {
		x.set(x.name, x.binary[8:min(uint64(len(x.binary)), size+8)])
		x.name = ""
	}
}

func (x *export) set(name string, value []byte) {
	switch name {
	case "__REALTIME_TIMESTAMP":
		x.at = micros(string(value))
	case "SYSLOG_IDENTIFIER":
		x.program = string(value)
	case "UNIT", "_SYSTEMD_UNIT":
		if x.unit == "" || name == "UNIT" {
			x.unit = string(value)
		}
	case "_TRANSPORT":
		x.transport = string(value)
	case "MESSAGE":
		x.message = bytes.Clone(value[:min(len(value), maxField)])
	}
}

// isField says whether a name is one of the journal's: capitals, digits and _.
func isField(name []byte) bool {
	for _, c := range name {
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0
}

// exported ends an entry.
func (r *reader) exported() {
	x := r.export
	r.export = nil
	if x.message != nil {
		r.journal(x)
	}
}

func (r *reader) journal(x *export) {
	program := x.program
	if x.transport == "kernel" {
		program = "kernel"
	}
	unit := r.unit
	if isFPM(x.unit) {
		r.unit = x.unit
	}
	// Programs' output has one entry for each line: further lines are not theirs.
	message, _, _ := bytes.Cut(x.message, []byte{'\n'})
	r.tagged(message, program, message, x.at)
	r.unit = unit
}

// journalJSON takes a line of journalctl -o json.
func (r *reader) journalJSON(line []byte) {
	var entry struct {
		At        string          `json:"__REALTIME_TIMESTAMP"`
		Program   string          `json:"SYSLOG_IDENTIFIER"`
		Unit      string          `json:"UNIT"`
		Own       string          `json:"_SYSTEMD_UNIT"`
		Transport string          `json:"_TRANSPORT"`
		Message   json.RawMessage `json:"MESSAGE"`
	}
	if json.Unmarshal(line, &entry) != nil || entry.At == "" {
		return
	}
	var text string
	if json.Unmarshal(entry.Message, &text) != nil {
		var numbers []byte // a message that is no UTF-8 is a list of numbers
		var list []int
		if json.Unmarshal(entry.Message, &list) != nil {
			return
		}
		for _, n := range list {
			numbers = append(numbers, byte(n))
		}
		text = string(numbers)
	}
	unit := entry.Unit
	if unit == "" {
		unit = entry.Own
	}
	r.journal(&export{at: micros(entry.At), program: entry.Program, unit: unit, transport: entry.Transport, message: []byte(text)})
}

func micros(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n / 1e6
}
