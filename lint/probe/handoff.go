package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"fpmlint/lint/address"
	"fpmlint/lint/fastcgi"
	"fpmlint/lint/stack"
)

// Handoff is an address to which nginx passes requests.
type Handoff struct {
	Address address.Address
	// File and Line are those of the first place that passes there.
	File string
	Line int
	Pool string
	// Ping is the pool's ping.path, "" where it has none; Pong is what it answers.
	Ping, Pong string
}

// HandoffAnswer is what PHP-FPM said.
type HandoffAnswer struct {
	Handoff
	// Err says why the hand-off is broken, nil where it works.
	Err error
	// Said is how it is known to work.
	Said string
	Took time.Duration
}

// Handoffs are the addresses of PHP-FPM to which a live machine's nginx passes, each once.
func Handoffs(stacks []*stack.Stack) []Handoff {
	var out []Handoff
	seen := map[address.Address]bool{}
	for _, s := range stacks {
		if !s.Live {
			continue
		}
		for _, h := range s.Handoffs {
			if h.Module() != "fastcgi" || !h.PHP {
				continue
			}
			for _, b := range h.Backends {
				if b.Err != nil || seen[b.Address] || !b.Address.IsUnix() && !b.Address.IsLoopback() {
					continue // another host's PHP-FPM is not asked from here
				}
				seen[b.Address] = true
				at := h.Pass.Span()
				one := Handoff{Address: b.Address, File: at.File.Display, Line: at.Position().Line}
				if len(b.Pools) == 1 {
					p := b.Pools[0].Pool
					one.Pool, one.Ping, one.Pong = p.Name, p.Get("ping.path").Text, p.Get("ping.response").Text
				}
				out = append(out, one)
			}
		}
	}
	return out
}

// ask sends a ping, or asks for a script that is not there: PHP-FPM's answer to it shows that a
// worker took the request.
func (h Handoff) ask(ctx context.Context, timeout time.Duration) (a HandoffAnswer) {
	a.Handoff = h
	ctx, cancel := context.WithTimeout(ctx, min(timeout, 10*time.Second))
	defer cancel()
	start := time.Now()
	defer func() { a.Took = time.Since(start) }()
	network, to := "tcp", net.JoinHostPort(h.Address.Host, strconv.Itoa(h.Address.Port))
	if h.Address.IsUnix() {
		network, to = "unix", h.Address.Path
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, to)
	if err != nil {
		a.Err = err
		return a
	}
	defer conn.Close() //nolint:errcheck // nothing is written any more
	script := "/fpmlint-probe-of-no-script.php"
	if h.Ping != "" {
		script = h.Ping
	}
	status, _, body, said, err := fastcgi.Ask(ctx, conn, map[string]string{
		"REQUEST_METHOD": "GET", "SCRIPT_NAME": script, "SCRIPT_FILENAME": script, "REQUEST_URI": script,
		"SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1", "QUERY_STRING": "",
	})
	pong := h.Pong
	if pong == "" {
		pong = "pong"
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		a.Err = errors.New("no worker answered in time: all are busy")
	case err != nil:
		a.Err = err
	case h.Ping != "" && status == 200 && strings.TrimSpace(string(body)) == pong:
		a.Said = h.Ping + " answers"
	case h.Ping == "" && status == 404 && strings.Contains(said, "rimary script"):
		a.Said = "a worker answers"
	default:
		a.Err = fmt.Errorf("the answer is not PHP-FPM's: status %d", status)
	}
	return a
}
