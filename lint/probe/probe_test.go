package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fpmlint/lint/address"
)

// site answers as one maker does.
type site struct {
	status int
	header map[string]string
	body   string
	wait   time.Duration
	// hangUp closes the connection instead.
	hangUp bool
}

const brand = `<div id="cf-wrapper"><div id="cf-error-details">Bad gateway</div></div>`

var (
	ok         = site{status: 200, header: map[string]string{"Server": "nginx"}, body: "hello"}
	cachedOK   = site{status: 200, header: map[string]string{"Server": "cloudflare", "Cf-Ray": "1-FRA"}, body: "hello"}
	nginx502   = site{status: 502, header: map[string]string{"Server": "nginx"}, body: "<html>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</html>"}
	nginx404   = site{status: 404, header: map[string]string{"Server": "nginx"}, body: "<hr><center>nginx</center>"}
	branded502 = site{status: 502, header: map[string]string{"Server": "cloudflare", "Cf-Ray": "1-FRA"}, body: brand}
	bare502    = site{status: 502, header: map[string]string{"Server": "cloudflare", "Cf-Ray": "1-FRA"}, body: "<hr><center>cloudflare</center>"}
	passed502  = site{status: 502, header: map[string]string{"Server": "cloudflare", "Cf-Ray": "1-FRA"}, body: nginx502.body}
	cf522      = site{status: 522, header: map[string]string{"Server": "cloudflare", "Cf-Ray": "1-FRA"}, body: brand}
	php500     = site{status: 500, header: map[string]string{"Server": "nginx", "X-Powered-By": "PHP/8.2.35"}, body: ""}
	wp500      = site{status: 500, header: map[string]string{"Server": "nginx"}, body: `<body id="error-page"><div class="wp-die-message">critical error</div>`}
	noScript   = site{status: 404, header: map[string]string{"Server": "nginx"}, body: "File not found.\n"}
	plain500   = site{status: 500, body: "oops"}
	dead       = site{hangUp: true}
	slow       = site{status: 200, wait: time.Hour}
)

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.hangUp {
		panic(http.ErrAbortHandler)
	}
	select {
	case <-time.After(s.wait):
	case <-r.Context().Done():
		// Who asked has gone; the answer that may still reach them is not one in time.
		return
	}
	for name, value := range s.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

func TestLegs(t *testing.T) {
	authority := newAuthority(t)
	for _, c := range []struct {
		name    string
		visitor site
		origin  *site
		leg     Leg
		maker   Maker
	}{
		{"all well", ok, nil, None, Somebody},
		{"all well with an origin", cachedOK, &ok, None, Somebody},
		{"a page that is missing", nginx404, nil, None, Nginx},
		{"nginx's own 502", nginx502, nil, ToFPM, Nginx},
		{"branded 502", branded502, nil, ToFPM, EdgeForOrigin},
		{"branded 502, the origin fails", branded502, &nginx502, ToFPM, EdgeForOrigin},
		{"branded 502, the origin answers", branded502, &ok, ToSite, EdgeForOrigin},
		{"bare 502", bare502, nil, ToSite, Cloudflare},
		{"nginx's page through the edge", passed502, nil, ToFPM, Nginx},
		{"522", cf522, nil, ToSite, Cloudflare},
		{"522, the origin answers", cf522, &ok, ToSite, Cloudflare},
		{"522, the origin is silent", cf522, &dead, ToSite, Cloudflare},
		{"cached, the origin fails", cachedOK, &nginx502, ToSite, Somebody},
		{"PHP's 500", php500, nil, Script, PHP},
		{"PHP's 500 through the edge", site{500, map[string]string{"Cf-Ray": "1", "X-Powered-By": "PHP/8.2"}, "x", 0, false}, &php500, Script, PHP},
		{"WordPress's page", wp500, nil, Script, PHP},
		{"PHP-FPM's 404", noScript, nil, None, PHPFPM},
		{"nobody's 500", plain500, nil, Unknown, Somebody},
		{"no answer", dead, nil, ToEdge, ""},
		{"too slow", slow, nil, ToEdge, ""},
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(c.name+" over "+scheme, func(t *testing.T) {
				t.Parallel()
				start := func(s site) (string, *string) {
					names := new(string)
					server := httptest.NewUnstartedServer(s)
					server.Config.ErrorLog = nil
					if scheme == "http" {
						server.Start()
					} else {
						server.TLS = &tls.Config{Certificates: []tls.Certificate{authority.certificate}, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
							*names = h.ServerName
							return nil, nil
						}}
						server.StartTLS()
					}
					t.Cleanup(server.Close)
					return server.Listener.Addr().String(), names
				}
				at, _ := start(c.visitor)
				_, port, _ := net.SplitHostPort(at)
				o := Options{URL: scheme + "://localhost:" + port + "/", Timeout: time.Minute, TLS: &tls.Config{RootCAs: authority.pool}}
				if c.visitor.wait > 0 {
					o.Timeout = time.Second
				}
				var name *string
				if c.origin != nil {
					o.Origin, name = start(*c.origin)
				}
				r, err := Run(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				if r.Leg != c.leg || r.Visitor.Maker != c.maker {
					t.Errorf("%s, made by %q: %s; want %s, %q (%+v)", r.Leg, r.Visitor.Maker, r.Verdict, c.leg, c.maker, r.Visitor)
				}
				if r.Leg != None && (r.Verdict == "" || r.Advice == "") {
					t.Errorf("verdict %q, advice %q", r.Verdict, r.Advice)
				}
				if name != nil && scheme == "https" && *name != "localhost" {
					t.Errorf("the origin is asked for the name %q", *name)
				}
			})
		}
	}
}

type authority struct {
	certificate tls.Certificate
	pool        *x509.CertPool
}

// newAuthority makes a certificate for localhost.
func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return authority{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool}
}

// An origin's certificate that visitors would not trust is told, not insisted on.
func TestOriginCertificate(t *testing.T) {
	edge := httptest.NewServer(bare502)
	defer edge.Close()
	origin := httptest.NewTLSServer(ok)
	defer origin.Close()
	a := ask(t.Context(), mustParse(t, "https://shop.example/"), Options{Timeout: time.Minute}, origin.Listener.Addr().String())
	if a.Err != nil || a.Status != 200 || !strings.Contains(a.Certificate, "shop.example") && !strings.Contains(a.Certificate, "authority") {
		t.Errorf("%+v", a)
	}
}

func TestWrongURL(t *testing.T) {
	for _, url := range []string{"", "shop.example", "ftp://shop.example/", "http://", "http://a b/"} {
		if _, err := Run(t.Context(), Options{URL: url}); err == nil {
			t.Errorf("%q is taken for a URL", url)
		}
	}
}

func TestHandoffBroken(t *testing.T) {
	server := httptest.NewServer(nginx502)
	defer server.Close()
	socket := filepath.Join(t.TempDir(), "none.sock")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // a test
	go func() {
		if c, err := listener.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = c.Close()
		}
	}()
	web := listener.Addr().(*net.TCPAddr)
	for name, c := range map[string]struct {
		address address.Address
		want    string
	}{
		"no socket":  {address.Address{Path: socket}, "no such file"},
		"web server": {address.Address{Host: "127.0.0.1", Port: web.Port}, "does not speak FastCGI"},
	} {
		r, err := Run(t.Context(), Options{URL: server.URL, Handoffs: []Handoff{{Address: c.address}}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Leg != ToFPM || !strings.Contains(r.Verdict, c.want) {
			t.Errorf("%s: %s: %s", name, r.Leg, r.Verdict)
		}
	}
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
