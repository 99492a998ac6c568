package logs

import (
	"bytes"
	"strings"
	"sync"
)

// piece is a literal part of a message's text, and the varying part before it.
type piece struct {
	name    string // of the varying part, "" for none
	digits  bool   // the varying part is a number
	literal string
}

// captures are the varying parts of a message that are used.
type captures struct{ pid, signal, script, comm, unit, seconds []byte }

func (c *captures) set(name string, value []byte) {
	switch name {
	case "pid":
		c.pid = value
	case "signal", "code":
		c.signal = value
	case "script":
		c.script = value
	case "comm":
		c.comm = value
	case "unit":
		c.unit = value
	case "seconds":
		c.seconds = value
	}
}

// compile splits a text at its {names}.
func compile(text string) []piece {
	var out []piece
	var p piece
	for {
		open := strings.IndexByte(text, '{')
		end := strings.IndexByte(text, '}')
		if open < 0 || end < open {
			p.literal = text
			return append(out, p)
		}
		p.literal = text[:open]
		if p.name != "" || p.literal != "" {
			out = append(out, p)
		}
		name := text[open+1 : end]
		p = piece{name: name, digits: name == "pid" || name == "n" || name == "signal" || name == "code"}
		text = text[end+1:]
	}
}

// match says whether text is the message, or with prefix begins with it.
func match(pieces []piece, text []byte, prefix bool, c *captures) bool {
	for i, p := range pieces {
		switch {
		case p.name == "":
			if !hasPrefix(text, p.literal) {
				return false
			}
			text = text[len(p.literal):]
		case p.digits:
			n := digits(text)
			if n == 0 || !hasPrefix(text[n:], p.literal) {
				return false
			}
			c.set(p.name, text[:n])
			text = text[n+len(p.literal):]
		case p.literal == "" && i == len(pieces)-1:
			c.set(p.name, text)
			return true
		default:
			at := index(text, p.literal)
			if at < 0 {
				return false
			}
			// The last literal of a whole message is at its end.
			if i == len(pieces)-1 && !prefix {
				if at = len(text) - len(p.literal); !hasPrefix(text[at:], p.literal) {
					return false
				}
			}
			c.set(p.name, text[:at])
			text = text[at+len(p.literal):]
		}
	}
	return prefix || len(text) == 0
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

func index(b []byte, s string) int { return bytes.Index(b, []byte(s)) }

// digits counts the digits that b begins with.
func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// number reads the digits that b is made of; 0 where there are none or too many.
func number(b []byte) int {
	n := 0
	if len(b) > 10 {
		return 0
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// dictionary finds a log's messages by their first word.
type dictionary struct {
	byWord map[string][]*Message
	open   []*Message // those that begin with a varying part, and the empty one
	prefix bool
}

// dictionaries are made when a log is read: most runs read none.
var dictionaries = sync.OnceValue(func() map[Log]*dictionary {
	out := map[Log]*dictionary{}
	for _, m := range allMessages() {
		if m.Cause != "" {
			m.cause = mustCause(m.Cause)
		}
		m.pieces = compile(m.Text)
		d := out[m.Log]
		if d == nil {
			d = &dictionary{byWord: map[string][]*Message{}, prefix: m.Log != NginxLog}
			out[m.Log] = d
		}
		word, _, ok := strings.Cut(m.pieces[0].literal, " ")
		if m.pieces[0].name != "" || !ok && (len(m.pieces) > 1 || d.prefix) {
			d.open = append(d.open, m)
			continue
		}
		d.byWord[word] = append(d.byWord[word], m)
	}
	return out
})

// find is the message that a text is, nil where it is none that is known. The errno and the action
// are nginx's.
func (d *dictionary) find(text []byte, errno Errno, while []byte) (*Message, captures) {
	word := text
	if i := bytes.IndexByte(text, ' '); i >= 0 {
		word = text[:i]
	}
	for _, list := range [2][]*Message{d.byWord[string(word)], d.open} {
		for _, m := range list {
			var c captures
			if (m.Errno != 0 && m.Errno != errno) || (m.While != "" && m.While != string(while)) {
				continue
			}
			if match(m.pieces, text, d.prefix, &c) && (m.Signal == 0 || m.Signal == number(c.signal)) {
				return m, c
			}
		}
	}
	return nil, captures{}
}
