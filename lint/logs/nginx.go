package logs

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// nginxPrefix says whether a line begins with nginx's date and a level:
// "YYYY/MM/DD HH:MM:SS [level] ".
func nginxPrefix(line []byte) bool {
	return len(line) > 30 && line[4] == '/' && line[7] == '/' && line[10] == ' ' && line[13] == ':' &&
		line[16] == ':' && line[19] == ' ' && line[20] == '[' && line[0]-'0' < 10
}

// nginxMessage is a line behind its date, level, "PID#TID: " and "*CONNECTION "; nil where the line
// is not nginx's.
func nginxMessage(line []byte) []byte {
	if !nginxPrefix(line) {
		return nil
	}
	i := 21
	for i < len(line) && line[i] >= 'a' && line[i] <= 'z' {
		i++
	}
	if i+2 >= len(line) || line[i] != ']' || line[i+1] != ' ' {
		return nil
	}
	i += 2
	i += digits(line[i:])
	if i >= len(line) || line[i] != '#' {
		return nil
	}
	i++
	i += digits(line[i:])
	if i+2 > len(line) || line[i] != ':' || line[i+1] != ' ' {
		return nil
	}
	i += 2
	if i < len(line) && line[i] == '*' {
		n := digits(line[i+1:])
		if n > 0 && i+1+n < len(line) && line[i+1+n] == ' ' {
			i += n + 2
		}
	}
	return line[i:]
}

// nginxTime is the date that a line begins with, in seconds; 0 where it is none.
func nginxTime(line []byte, zone *time.Location) int64 {
	n := func(from, to int) int {
		if digits(line[from:to]) != to-from {
			return -1
		}
		return number(line[from:to])
	}
	year, month, day, hour, minute, second := n(0, 4), n(5, 7), n(8, 10), n(11, 13), n(14, 16), n(17, 19)
	if year < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0 {
		return 0
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, zone).Unix()
}

// nginxLine is a line taken apart: ngx_log_error_core, ngx_http_log_error,
// ngx_http_log_error_handler.
type nginxLine struct {
	message, while                          []byte
	errno                                   Errno
	client, server, request, upstream, host []byte
	complete                                bool // the request's fields are there
}

// split takes a message with its fields apart, from the left: what visitors write stands behind, and
// cannot hold `", `, as nginx takes no space in a request line or a host.
func splitNginx(message []byte) nginxLine {
	var l nginxLine
	message = message[:min(len(message), nginxMaxLine)]
	head := message
	for from := 0; ; {
		i := index(message[from:], ", client: ")
		if i < 0 {
			break
		}
		i += from
		rest := message[i+len(", client: "):]
		end := index(rest, ", server: ")
		if end >= 0 && isPeer(rest[:end]) {
			head, l.client, l.complete = message[:i], rest[:end], true
			l.fields(rest[end+len(", server: "):])
			break
		}
		from = i + 1
	}
	if i := bytes.LastIndex(head, []byte(" while ")); i >= 0 && isAction(head[i+len(" while "):]) {
		l.while, head = head[i+len(" while "):], head[:i]
	}
	l.message, l.errno = cutErrno(head)
	return l
}

func (l *nginxLine) fields(rest []byte) {
	name := func(s string) bool { return hasPrefix(rest, s) }
	end := index(rest, `, request: "`)
	if end < 0 {
		if end = bytes.IndexByte(rest, ','); end < 0 {
			end = len(rest)
		}
	}
	l.server, rest = rest[:end], rest[end:]
	for {
		var to *[]byte
		switch {
		case name(`, request: "`):
			to = &l.request
		case name(`, subrequest: "`):
			to = new([]byte)
		case name(`, upstream: "`):
			to = &l.upstream
		case name(`, host: "`):
			to = &l.host
		default:
			return
		}
		rest = rest[bytes.IndexByte(rest, '"')+1:]
		end := index(rest, `", `)
		if end < 0 {
			*to = bytes.TrimSuffix(rest, []byte{'"'})
			return
		}
		*to, rest = rest[:end], rest[end+1:]
	}
}

// isPeer says whether a text is a visitor's address as nginx writes it.
func isPeer(b []byte) bool {
	if hasPrefix(b, "unix:") {
		return true
	}
	if len(b) > 64 {
		return false
	}
	_, err := netip.ParseAddr(string(b))
	return err == nil
}

// actions are what nginx says it was doing (log->action).
var actions = map[string]bool{
	connecting: true, handshaking: true, sending: true, readHeader: true, readBody: true, toClient: true,
	"proxying upgraded connection": true, "sending early hints to client": true,
	"reading client request line": true, "reading client request headers": true, "reading client request body": true,
	"waiting for request": true, "closing request": true, "logging request": true, "keepalive": true,
	"SSL handshaking": true, "proxying connection": true, "processing HTTP/2 connection": true,
	"handling client request": true, "resolving upstream": true,
}

func isAction(b []byte) bool { return actions[string(b)] }

// aboutUpstream are the actions on the upstream's side.
func aboutUpstream(while []byte) bool {
	switch string(while) {
	case connecting, handshaking, sending, readHeader, readBody, "resolving upstream":
		return true
	}
	return false
}

const stderrBegin = `FastCGI sent in stderr: "`

// nginx takes one line of nginx's error log.
func (r *reader) nginx(line []byte) {
	message := nginxMessage(line)
	if message == nil {
		return
	}
	l := splitNginx(message)
	if hasPrefix(message, stderrBegin) && !l.complete && len(line) < nginxMaxLine-1 {
		// What PHP says may hold line feeds, and nginx writes them as they are.
		r.open = append(r.open[:0], line...)
		r.openLine = r.source.Lines
		return
	}
	r.nginxRecord(line, l, r.source.Lines)
}

// nginxMaxLine is the length of nginx's longest line with its line feed (NGX_MAX_ERROR_STR).
const nginxMaxLine = 2048

// continues takes the next line of a message with line feeds.
func (r *reader) continues(line []byte) {
	r.open = append(append(r.open, '\n'), line...)
	if len(r.open) < nginxMaxLine-1 && index(line, ", client: ") < 0 {
		return
	}
	l := splitNginx(nginxMessage(r.open))
	if !l.complete && len(r.open) < nginxMaxLine-1 {
		return
	}
	r.nginxRecord(r.open, l, r.openLine)
	r.open = r.open[:0]
}

func (r *reader) nginxRecord(line []byte, l nginxLine, at int) {
	e := &Event{Log: NginxLog, Line: at, Request: true}
	var c captures
	if text, ok := bytes.CutPrefix(l.message, []byte(stderrBegin)); ok {
		e.Log = PHPLog
		e.Message, c = phpMessage(bytes.TrimSuffix(text, []byte{'"'}))
	} else {
		text := l.message
		if hasPrefix(text, "connect() to ") {
			text = []byte("connect() failed")
		}
		e.Message, c = dictionaries()[NginxLog].find(text, l.errno, l.while)
	}
	if e.Message == nil {
		if aboutUpstream(l.while) || bytes.Contains(l.message, upstreamWord) {
			r.sink.unknown(r.source, unknown{normal(l), at})
		}
		return
	}
	if e.Message.cause == nil && e.Message.role == roleNone {
		return
	}
	e.At = nginxTime(line, r.zone)
	e.Server, e.Client, e.Host = string(l.server), string(l.client), string(l.host)
	e.Scheme, e.Upstream = splitUpstream(string(l.upstream))
	e.URI = requestURI(string(l.request))
	e.PID = number(c.pid)
	r.emit(e, line)
}

// phpMessage finds what a script's stderr proves. nginx writes what arrived together as one, so the
// fatal error may come after warnings.
func phpMessage(text []byte) (*Message, captures) {
	m, c := dictionaries()[PHPLog].find(text, 0, nil)
	for m != nil && m.cause == nil {
		i := index(text[min(1, len(text)):], "PHP message: ")
		if i < 0 {
			break
		}
		text = text[i+1:]
		m, c = dictionaries()[PHPLog].find(text, 0, nil)
	}
	return m, c
}

// splitUpstream takes "fastcgi://unix:/run/a.sock:" and "http://10.0.0.1:80/uri" apart: the scheme,
// and the address as a configuration writes it.
func splitUpstream(text string) (scheme, peer string) {
	scheme, peer, ok := strings.Cut(text, "://")
	if !ok {
		return "", text
	}
	if path, ok := strings.CutPrefix(peer, "unix:"); ok {
		if i := strings.IndexByte(path, ':'); i >= 0 {
			path = path[:i]
		}
		return scheme, "unix:" + path
	}
	if i := strings.IndexByte(peer, '/'); i >= 0 {
		peer = peer[:i]
	}
	return scheme, peer
}

// requestURI is a request line's path.
func requestURI(request string) string {
	_, uri, ok := strings.Cut(request, " ")
	if !ok {
		return ""
	}
	uri, _, _ = strings.Cut(uri, " ")
	uri, _, _ = strings.Cut(uri, "?")
	if len(uri) > 200 {
		uri = uri[:200] + "..."
	}
	return uri
}

// normal is a message without what varies, so that equal ones are counted together.
func normal(l nginxLine) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(l.message) && b.Len() < 200; i++ {
		c := l.message[i]
		switch {
		case c == '"':
			if quoted = !quoted; quoted {
				b.WriteString(`"..."`)
			}
		case quoted:
		case c >= '0' && c <= '9':
			if i == 0 || l.message[i-1] < '0' || l.message[i-1] > '9' {
				b.WriteByte('N')
			}
		default:
			b.WriteByte(c)
		}
	}
	if l.errno != 0 {
		fmt.Fprintf(&b, " (%d)", int(l.errno))
	}
	if len(l.while) > 0 {
		b.WriteString(" while " + string(l.while))
	}
	return b.String()
}
