// Package fastcgi asks a FastCGI responder, such as a PHP-FPM pool, one question at a time. It
// knows nothing of configurations.
package fastcgi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// The record types of the FastCGI specification, section 8, that a responder uses.
const (
	version      = 1
	beginRequest = 1
	endRequest   = 3
	paramsRecord = 4
	stdinRecord  = 5
	stdoutRecord = 6
	stderrRecord = 7
	responder    = 1
	requestID    = 1
)

// Limits, in bytes, so that no peer can fill the memory.
const (
	maxContent = 0xffff  // of one record
	maxStdout  = 1 << 20 // the rest of a longer answer is left unread
	maxStderr  = 64 << 10
)

var (
	// ErrProtocol says that the peer does not speak FastCGI.
	ErrProtocol = errors.New("the peer does not speak FastCGI")
	// ErrClosed says that the peer closed the connection before its answer was complete.
	ErrClosed = errors.New("the peer closed the connection before its answer was complete")
	// ErrOverloaded says that the peer refused the request: FCGI_OVERLOADED, FCGI_CANT_MPX_CONN or
	// FCGI_UNKNOWN_ROLE.
	ErrOverloaded = errors.New("the peer refused the request")
)

// Ask sends one request without a body, as nginx would for GET, and reads the answer. The status is
// 200 where the answer names none. A body is cut at 1 MiB, what PHP wrote to stderr at 64 KiB. The
// context's end and its deadline interrupt; the connection is the caller's to close and serves no
// second request. What was read before an error is returned with it.
func Ask(ctx context.Context, conn net.Conn, params map[string]string) (status int, header http.Header, body []byte, stderr string, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	request, err := encode(params)
	if err != nil {
		return 0, nil, nil, "", err
	}
	if _, err := conn.Write(request); err != nil {
		return 0, nil, nil, "", failure(ctx, err)
	}
	stdout, said, err := read(bufio.NewReader(conn))
	stderr = string(said)
	if err != nil {
		return 0, nil, stdout, stderr, failure(ctx, err)
	}
	status, header, body, err = parse(stdout)
	return status, header, body, stderr, err
}

// failure is the context's error where that caused err.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// encode is the request as nginx frames it: begin, parameters, an empty body. A record holds whole
// parameters, as PHP reads each record on its own (fcgi_get_params).
func encode(params map[string]string) ([]byte, error) {
	b := appendRecord(nil, beginRequest, []byte{0, responder, 0, 0, 0, 0, 0, 0})
	var record []byte
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params[name]
		pair := appendLength(appendLength(nil, len(name)), len(value))
		pair = append(append(pair, name...), value...)
		if len(pair) > maxContent {
			return nil, fmt.Errorf("the parameter %.40q takes %d bytes, more than %d", name, len(pair), maxContent)
		}
		if len(record)+len(pair) > maxContent {
			b, record = appendRecord(b, paramsRecord, record), nil
		}
		record = append(record, pair...)
	}
	if len(record) > 0 {
		b = appendRecord(b, paramsRecord, record)
	}
	b = appendRecord(b, paramsRecord, nil)
	return appendRecord(b, stdinRecord, nil), nil
}

func appendRecord(b []byte, kind byte, content []byte) []byte {
	b = append(b, version, kind, 0, requestID)
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)))
	b = append(b, 0, 0)
	return append(b, content...)
}

// appendLength writes a name's or a value's length: one byte below 128, else four.
func appendLength(b []byte, n int) []byte {
	if n < 128 {
		return append(b, byte(n))
	}
	return binary.BigEndian.AppendUint32(b, uint32(n)|1<<31)
}

// read collects what the peer writes until it ends the request or has sent enough.
func read(r io.Reader) (stdout, stderr []byte, err error) {
	content := make([]byte, maxContent+255)
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return stdout, stderr, closed(err)
		}
		if head[0] != version {
			return stdout, stderr, ErrProtocol
		}
		size := int(binary.BigEndian.Uint16(head[4:]))
		record := content[:size+int(head[6])]
		if _, err := io.ReadFull(r, record); err != nil {
			return stdout, stderr, closed(err)
		}
		record = record[:size]
		switch head[1] {
		case stdoutRecord:
			if stdout = append(stdout, record...); len(stdout) >= maxStdout {
				return stdout[:maxStdout], stderr, nil
			}
		case stderrRecord:
			stderr = append(stderr, record[:min(len(record), maxStderr-len(stderr))]...)
		case endRequest:
			if size >= 5 && record[4] != 0 {
				return stdout, stderr, fmt.Errorf("%w (protocol status %d)", ErrOverloaded, record[4])
			}
			return stdout, stderr, nil
		default:
			return stdout, stderr, ErrProtocol
		}
	}
}

// closed says ErrClosed for an end where more should follow.
func closed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrClosed
	}
	return err
}

// parse reads a CGI response: headers, an empty line, the body.
func parse(stdout []byte) (int, http.Header, []byte, error) {
	r := bufio.NewReader(bytes.NewReader(stdout))
	fields, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, stdout, fmt.Errorf("headers: %w", err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return 0, nil, stdout, err
	}
	header := http.Header(fields)
	status := http.StatusOK
	if value := header.Get("Status"); value != "" {
		code, _, _ := strings.Cut(value, " ")
		if status, err = strconv.Atoi(code); err != nil {
			return 0, header, body, fmt.Errorf("invalid status %q", value)
		}
	}
	return status, header, body, nil
}
