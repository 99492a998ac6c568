package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// MaxDumpSize bounds an nginx -T dump, in bytes.
const MaxDumpSize = 256 << 20

// dumpHeader begins each file of a dump (ngx_http_core_module, ngx_dump_config in main()).
const dumpHeader = "# configuration file "

// IsDump says whether a text is what nginx -T prints.
func IsDump(data []byte) bool {
	_, _, ok := nextHeader(data, 0)
	return ok
}

// Dump reads what nginx -T prints as a root that holds the files at their own paths; main is the
// first of them. nginx writes a line feed after each file, which is not part of it. A comment in
// a configuration that looks like a header, at a line's beginning and with an absolute path,
// cannot be told from one.
func Dump(name string, r io.Reader) (root *Root, main string, err error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDumpSize+1))
	if err != nil {
		return nil, "", err
	}
	if len(data) > MaxDumpSize {
		return nil, "", fmt.Errorf("%s: larger than %d MiB", name, MaxDumpSize>>20)
	}
	m := memory{"/": {name: "/", mode: fs.ModeDir | 0o755}}
	at, p, ok := nextHeader(data, 0)
	if !ok {
		return nil, "", errors.New(name + ": no \"# configuration file\" header: nginx -T prints nothing but errors when the test fails")
	}
	for ok {
		body := bytes.IndexByte(data[at:], '\n') + at + 1
		next, following, more := nextHeader(data, body)
		end := len(data)
		if more {
			end = next
		}
		content := bytes.TrimSuffix(data[body:end], []byte("\n"))
		if main == "" {
			main = p
		}
		if m[p] == nil {
			m.put(p, &node{mode: 0o644, size: int64(len(content)), data: content})
		}
		at, p, ok = next, following, more
	}
	root = newRoot(name, m)
	root.dump = true
	return root, main, nil
}

// nextHeader finds the next header line: at the beginning, or after a line feed.
func nextHeader(data []byte, from int) (at int, p string, ok bool) {
	for from < len(data) {
		i := bytes.Index(data[from:], []byte(dumpHeader))
		if i < 0 {
			return 0, "", false
		}
		at = from + i
		from = at + len(dumpHeader)
		if at > 0 && data[at-1] != '\n' {
			continue
		}
		line := data[from:]
		end := bytes.IndexByte(line, '\n')
		if end < 1 {
			return 0, "", false
		}
		line = bytes.TrimSuffix(line[:end], []byte("\r"))
		if len(line) > 1 && line[0] == '/' && line[len(line)-1] == ':' {
			return at, path.Clean(string(line[:len(line)-1])), true
		}
	}
	return 0, "", false
}
