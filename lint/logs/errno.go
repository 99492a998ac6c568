package logs

import (
	"bytes"
	"fmt"
)

// Errno is a system's error by Linux's number, 0 for none. nginx writes the number and the text of
// the system that it runs on.
type Errno int

// The errors of connections.
const (
	enoent        Errno = 2
	eagain        Errno = 11
	eacces        Errno = 13
	enotdir       Errno = 20
	eperm         Errno = 1
	epipe         Errno = 32
	eprototype    Errno = 91
	eafnosupport  Errno = 97
	eaddrnotavail Errno = 99
	enetunreach   Errno = 101
	econnreset    Errno = 104
	etimedout     Errno = 110
	econnrefused  Errno = 111
	ehostdown     Errno = 112
	ehostunreach  Errno = 113
)

// errnoTexts are glibc's texts.
var errnoTexts = map[Errno]string{
	enoent: "No such file or directory", eagain: "Resource temporarily unavailable", eacces: "Permission denied",
	enotdir: "Not a directory", eperm: "Operation not permitted", epipe: "Broken pipe", eprototype: "Protocol wrong type for socket",
	eafnosupport: "Address family not supported by protocol", eaddrnotavail: "Cannot assign requested address",
	enetunreach: "Network is unreachable", econnreset: "Connection reset by peer", etimedout: "Connection timed out",
	econnrefused: "Connection refused", ehostdown: "Host is down", ehostunreach: "No route to host",
}

func (e Errno) String() string { return fmt.Sprintf("%d: %s", int(e), errnoTexts[e]) }

// errnoByText finds the errors whose numbers differ between systems; the other texts are those of
// FreeBSD and macOS.
var errnoByText = func() map[string]Errno {
	out := map[string]Errno{
		"Operation timed out":                             etimedout,
		"Can't assign requested address":                  eaddrnotavail,
		"Address family not supported by protocol family": eafnosupport,
	}
	for e, text := range errnoTexts {
		out[text] = e
	}
	return out
}()

// cutErrno takes " (N: text)" or " (SSL: text)" from the end of a message.
func cutErrno(b []byte) ([]byte, Errno) {
	if len(b) == 0 || b[len(b)-1] != ')' {
		return b, 0
	}
	if i := index(b, " (SSL: "); i >= 0 {
		return b[:i], 0
	}
	i := bytes.LastIndex(b, []byte(" ("))
	if i < 0 {
		return b, 0
	}
	inside := b[i+2 : len(b)-1]
	n := digits(inside)
	if n == 0 || n > 5 || n >= len(inside) || inside[n] != ':' {
		return b, 0
	}
	if e, ok := errnoByText[string(bytes.TrimSpace(inside[n+1:]))]; ok {
		return b[:i], e
	}
	return b[:i], Errno(number(inside[:n]))
}
