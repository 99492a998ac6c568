package logs

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// Sizes in bytes. nginx cuts its lines at 2 KiB, PHP-FPM at log_limit (1 to 8 KiB).
const (
	blockSize = 256 << 10
	maxLine   = 64 << 10 // of a longer line the rest is dropped
)

var upstreamWord = []byte("upstream")

// read takes a log's lines to the reader's parsers, until the end or the context's.
func (r *reader) read(ctx context.Context, from io.Reader) error {
	buf := make([]byte, blockSize)
	have, skipping := 0, false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buf[have:])
		block := buf[:have+n]
		if skipping {
			i := bytes.IndexByte(block, '\n')
			if i < 0 {
				block = nil
			} else {
				skipping = false
				block = block[i+1:]
			}
		}
		last := bytes.LastIndexByte(block, '\n')
		r.lines(block[:last+1])
		have = copy(buf, block[last+1:])
		if have == len(buf) {
			r.source.Lines++
			r.source.Cut++
			r.line(buf[:maxLine])
			have, skipping = 0, true
		}
		if err != nil {
			if have > 0 && !r.follows {
				r.source.Lines++
				r.line(buf[:have])
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// lines takes whole lines. Nearly all of a large log is nginx's lines about other things: they are
// told by their structure without being taken apart.
func (r *reader) lines(block []byte) {
	next := bytes.Index(block, upstreamWord)
	for start := 0; start < len(block); {
		end := start + bytes.IndexByte(block[start:], '\n')
		r.source.Lines++
		line := block[start:end]
		if next < 0 || next >= end {
			if !r.busy() && isNoise(line) {
				start = end + 1
				continue
			}
		} else if next = bytes.Index(block[end:], upstreamWord); next >= 0 {
			next += end
		}
		if len(line) > maxLine {
			r.source.Cut++
			line = line[:maxLine]
		}
		r.line(line)
		start = end + 1
	}
}

// noise begins nginx's messages that, without the word upstream in the line, are about no hand-off.
var noise = [256][]string{
	'a': {"access forbidden by rule", "an internal redirect"},
	'c': {"client ", "closed keepalive connection"},
	'd': {"directory index of ", "delaying request", "delaying requests"},
	'i': {"invalid "},
	'l': {"limiting "},
	'o': {"open() \"", "openat() \""},
	'r': {"recv() failed", "rewrite or internal redirection"},
	's': {"signal ", "setsockopt("},
	'u': {"user \""},
	'w': {"writev() failed"},
	'S': {"SSL_do_handshake() failed", "SSL_read() failed", "SSL_write() failed", "SSL_shutdown() failed"},
	'"': {`"`},
}

// isNoise says that a line, which lacks the word upstream, is nginx's and about something else.
func isNoise(line []byte) bool {
	message := nginxMessage(line)
	if len(message) == 0 {
		return false
	}
	for _, begin := range noise[message[0]] {
		if hasPrefix(message, begin) {
			return true
		}
	}
	return false
}
