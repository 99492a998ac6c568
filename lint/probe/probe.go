// Package probe asks a site as a visitor does and, past the edge, its origin, and each local hand-off
// over FastCGI, and says which leg between them is broken.
package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Options say what to ask.
type Options struct {
	URL string
	// Origin is the address of the server behind the edge, with or without a port; "" is not asked.
	Origin string
	// Timeout bounds each question; zero is 30 seconds.
	Timeout time.Duration
	// Handoffs are asked over FastCGI.
	Handoffs []Handoff
	// TLS is the base of the client's settings; nil trusts the system's authorities.
	TLS *tls.Config
}

// Answer is what came back from one leg.
type Answer struct {
	// Status is 0 where there was no answer; then Err says why.
	Status int
	Err    error
	// Took is how long the header took.
	Took time.Duration
	// Maker is who made the answer, Why the sign of it.
	Maker Maker
	Why   string
	// Server is the header of that name, Location where a redirect leads.
	Server, Location string
	// Certificate says what is wrong with the origin's certificate, which edges need not mind.
	Certificate string
}

// failed says whether the leg is broken: no answer, or a server's error.
func (a *Answer) failed() bool { return a != nil && (a.Err != nil || a.Status >= 500) }

// Result is what all legs say.
type Result struct {
	Visitor *Answer
	// Origin is nil where it was not asked.
	Origin   *Answer
	Handoffs []HandoffAnswer
	// Leg is the one that is broken, None where none is.
	Leg Leg
	// Verdict says it in one sentence, Advice what to do next.
	Verdict, Advice string
}

// maxBody is how much of a page is read to tell who made it, in bytes.
const maxBody = 64 << 10

// Run asks all legs. Its errors are about questions that cannot be asked at all.
func Run(ctx context.Context, o Options) (*Result, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no http or https URL", o.URL)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	r := &Result{Visitor: ask(ctx, u, o, "")}
	if o.Origin != "" {
		address, err := originAddress(o.Origin, u)
		if err != nil {
			return nil, err
		}
		r.Origin = ask(ctx, u, o, address)
	}
	for _, h := range o.Handoffs {
		r.Handoffs = append(r.Handoffs, h.ask(ctx, o.Timeout))
	}
	r.judge()
	return r, ctx.Err()
}

// originAddress completes an origin with the URL's port.
func originAddress(origin string, u *url.URL) (string, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if ip := net.ParseIP(origin); ip != nil {
		return net.JoinHostPort(origin, port), nil
	}
	if host, p, err := net.SplitHostPort(origin); err == nil && host != "" && p != "" {
		return origin, nil
	}
	if _, err := url.Parse("//" + origin); err != nil || origin == "" {
		return "", fmt.Errorf("--origin: %q is no address", origin)
	}
	return net.JoinHostPort(origin, port), nil
}

// ask gets a page, from an address instead of the name's where one is given; the name stays in the
// Host header and in TLS.
func ask(ctx context.Context, u *url.URL, o Options, address string) *Answer {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	a := &Answer{}
	settings := &tls.Config{}
	if o.TLS != nil {
		settings = o.TLS.Clone()
	}
	settings.ServerName = u.Hostname()
	transport := &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 1 << 20}
	if address == "" {
		transport.Proxy = http.ProxyFromEnvironment
	} else {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		// An edge may trust what visitors do not: the certificate is looked at, not insisted on.
		roots := settings.RootCAs
		settings.InsecureSkipVerify = true //nolint:gosec // reported as Certificate
		settings.VerifyConnection = func(s tls.ConnectionState) error {
			a.Certificate = doubt(s, roots)
			return nil
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		a.Err = err
		return a
	}
	request.Header.Set("User-Agent", "Mozilla/5.0 (compatible; fpmlint)")
	request.Header.Set("Cache-Control", "no-cache")
	start := time.Now()
	response, err := transport.RoundTrip(request)
	a.Took = time.Since(start)
	if err == nil {
		defer response.Body.Close() //nolint:errcheck // only read
		// A server may answer the end of the question that is asked no longer: that is no page for a visitor.
		err = ctx.Err()
	}
	if err != nil {
		a.Err = plain(err)
		return a
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		a.Err = fmt.Errorf("the page ends early: %w", err)
	}
	a.Status = response.StatusCode
	a.Server, a.Location = response.Header.Get("Server"), response.Header.Get("Location")
	a.Maker, a.Why = classify(a.Status, response.Header, body)
	return a
}

// plain says a timeout in plain words.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}
