package probe

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"

	"fpmlint/lint/lazy"
)

// Maker is who made an answer.
type Maker string

// The makers. EdgeForOrigin is an edge's page about an error that the origin answered with.
const (
	Cloudflare    Maker = "Cloudflare"
	EdgeForOrigin Maker = "the origin, in Cloudflare's words"
	OtherEdge     Maker = "another edge"
	Nginx         Maker = "nginx"
	PHPFPM        Maker = "PHP-FPM"
	PHP           Maker = "PHP"
	Somebody      Maker = "unknown"
)

// nginxPage is the end of the pages that nginx makes itself (ngx_http_special_response.c).
var nginxPage = lazy.Regexp(`<hr><center>(nginx|openresty|tengine|angie)[^<]*</center>`)

// classify says who made an answer: by what only its maker writes, the body before the headers, as
// an edge adds its headers to all that passes.
func classify(status int, header http.Header, body []byte) (Maker, string) {
	edge := cloudflare(header)
	switch {
	// developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors:
	// 520 to 527 and 530 are Cloudflare's own; a branded 502 or 504 stands for the origin's, a bare
	// one is Cloudflare's.
	case edge && (status >= 520 && status <= 527 || status == 530):
		return Cloudflare, fmt.Sprintf("status %d: %s", status, cloudflareStatus[status])
	case edge && (status == 502 || status == 504) && bytes.Contains(body, []byte("cf-error-details")):
		return EdgeForOrigin, "Cloudflare's branded page: the origin answered with this status"
	case nginxPage().Match(body):
		return Nginx, "the page is nginx's own"
	case edge && (bytes.Contains(body, []byte("<center>cloudflare</center>")) || bytes.HasPrefix(body, []byte("error code: "))):
		return Cloudflare, "the page is Cloudflare's own, without its brand"
	case header.Get("X-Powered-By") != "" && strings.HasPrefix(header.Get("X-Powered-By"), "PHP/"):
		if text := fpmPage(body); text != "" {
			return PHPFPM, text
		}
		return PHP, "X-Powered-By: " + header.Get("X-Powered-By")
	case fpmPage(body) != "":
		return PHPFPM, fpmPage(body)
	case strings.Contains(strings.Join(header.Values("Set-Cookie"), "\n"), "PHPSESSID="):
		return PHP, "the cookie PHPSESSID"
	case strings.Contains(header.Get("Link"), "https://api.w.org/") || bytes.Contains(body, []byte("wp-die-message")):
		return PHP, "the page is WordPress's"
	case edge && status >= 500 && len(body) == 0:
		return Cloudflare, "an empty page behind Cloudflare"
	}
	for name, who := range edges {
		if header.Get(name) != "" && status >= 500 && strings.Contains(strings.ToLower(string(body)), who) {
			return OtherEdge, "the page names " + who
		}
	}
	return Somebody, ""
}

func cloudflare(header http.Header) bool {
	return header.Get("Cf-Ray") != "" || strings.EqualFold(header.Get("Server"), "cloudflare")
}

// edges are the headers of other edges, with what their own pages say.
var edges = map[string]string{"X-Amz-Cf-Id": "cloudfront", "X-Served-By": "fastly", "X-Sucuri-Id": "sucuri", "X-Akamai-Request-Id": "akamai"}

var cloudflareStatus = map[int]string{
	520: "the origin's answer was empty or not understood",
	521: "the origin refuses connections",
	522: "connecting to the origin timed out",
	523: "there is no route to the origin",
	524: "the origin took longer than Cloudflare waits",
	525: "the TLS handshake with the origin failed",
	526: "the origin's certificate is not valid",
	527: "the connection over Railgun failed",
	530: "Cloudflare cannot resolve the origin's name",
}

// fpmPage tells the pages that PHP-FPM makes itself (fpm_main.c).
func fpmPage(body []byte) string {
	switch string(bytes.TrimSpace(body)) {
	case "File not found.":
		return "PHP-FPM found no script at SCRIPT_FILENAME"
	case "Access denied.":
		return "security.limit_extensions forbids the script"
	case "No input file specified.":
		return "PHP-FPM was given no script"
	}
	return ""
}

// doubt says what is wrong with a server's certificate.
func doubt(s tls.ConnectionState, roots *x509.CertPool) string {
	intermediates := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.ServerName, Roots: roots, Intermediates: intermediates}); err != nil {
		return err.Error()
	}
	return ""
}
