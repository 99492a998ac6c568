// Package address reads the addresses at which nginx and PHP-FPM meet, and says which of them are
// the same place. It asks no name server and connects to nobody.
package address

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// MaxSocketPath is the longest path of a unix socket in bytes on Linux: sun_path holds 108
// with the final NUL (unix(7)).
const MaxSocketPath = 107

// Address is a place to connect to or to listen on.
type Address struct {
	// Path is a unix socket's path, clean and with /var/run written as /run. Empty for TCP.
	Path string
	// Host is a TCP address's host: an IP address in its shortest form, or a name in lower case.
	// Empty means every address of the host.
	Host string
	// Port is a TCP port.
	Port int
}

// IsUnix says whether the address is a unix socket.
func (a Address) IsUnix() bool { return a.Path != "" }

// IsZero says whether the address is none.
func (a Address) IsZero() bool { return a == Address{} }

// String is the address as nginx writes it: unix:/run/php.sock, 127.0.0.1:9000, [::1]:9000,
// *:9000 for every address.
func (a Address) String() string {
	switch {
	case a.IsZero():
		return ""
	case a.IsUnix():
		return "unix:" + a.Path
	case a.Host == "":
		return "*:" + strconv.Itoa(a.Port)
	case strings.Contains(a.Host, ":"):
		return "[" + a.Host + "]:" + strconv.Itoa(a.Port)
	}
	return a.Host + ":" + strconv.Itoa(a.Port)
}

// Errors of ParseConnect, in nginx's words (ngx_parse_url).
var (
	ErrNoPort      = errors.New("no port")
	ErrNoHost      = errors.New("no host")
	ErrInvalidPort = errors.New("invalid port")
	ErrInvalidHost = errors.New("invalid host")
	ErrNoPath      = errors.New("no path in the unix domain socket")
	// ErrNoListen is ParseListen's error for an empty text.
	ErrNoListen = errors.New("no listen address has been defined")
	ErrLongPath = errors.New("too long path in the unix domain socket")
)

// ParseConnect reads an address as fastcgi_pass and an upstream's server write it
// (ngx_parse_url, ngx_parse_unix_domain_url). A host without a port gives the host and ErrNoPort:
// it may be an upstream's name.
func ParseConnect(text string) (Address, error) {
	if len(text) >= 5 && strings.EqualFold(text[:5], "unix:") {
		p := text[5:]
		if i := strings.IndexByte(p, ':'); i >= 0 {
			p = p[:i]
		}
		if p == "" {
			return Address{}, ErrNoPath
		}
		if len(p) > MaxSocketPath {
			return Address{Path: CleanSocket(p)}, ErrLongPath
		}
		return Address{Path: CleanSocket(p)}, nil
	}
	var host, rest string
	if strings.HasPrefix(text, "[") {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return Address{}, ErrInvalidHost
		}
		host, rest = text[1:end], text[end+1:]
		ip, err := netip.ParseAddr(host)
		if err != nil || !ip.Is6() {
			return Address{}, ErrInvalidHost
		}
		if rest == "" {
			return Address{Host: ip.Unmap().String()}, ErrNoPort
		}
		if rest[0] != ':' {
			return Address{}, ErrInvalidHost
		}
		host = ip.String()
		rest = rest[1:]
	} else {
		if strings.ContainsAny(text, "/?") {
			return Address{}, ErrInvalidHost
		}
		i := strings.IndexByte(text, ':')
		if i < 0 {
			if text == "" {
				return Address{}, ErrNoHost
			}
			return Address{Host: canonicalHost(text)}, ErrNoPort
		}
		host, rest = text[:i], text[i+1:]
		if host == "" {
			return Address{}, ErrNoHost
		}
	}
	port, err := parsePort(rest)
	if err != nil {
		return Address{Host: canonicalHost(host)}, err
	}
	a := Address{Host: canonicalHost(host), Port: port}
	if a.Host == "*" { // nginx: INADDR_ANY, which connects to this host
		a.Host = "0.0.0.0"
	}
	return a, nil
}

// ParseListen reads a pool's listen as FPM does (fpm_sockets_domain_from_address): with a colon
// it is TCP, digits alone are a port on every address, all else is a path, relative to prefix.
func ParseListen(text, prefix string) (Address, error) {
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		host, p := text[:i], text[i+1:]
		port, err := strconv.Atoi(p)
		if err != nil || port <= 0 || port > 65535 {
			return Address{}, fmt.Errorf("invalid port value '%s'", p)
		}
		inner, opened := strings.CutPrefix(host, "[")
		inner, closed := strings.CutSuffix(inner, "]")
		if host == "" || opened != closed || strings.ContainsAny(inner, "[]/") { // FPM looks it up as a name
			return Address{}, fmt.Errorf("invalid host '%s'", host)
		}
		host = canonicalHost(inner)
		if host == "*" || host == "0.0.0.0" || host == "::" {
			host = ""
		}
		return Address{Host: host, Port: port}, nil
	}
	if text == "" {
		return Address{}, ErrNoListen
	}
	if digits(text) {
		port, err := strconv.Atoi(text)
		if err != nil || port <= 0 || port > 65535 {
			return Address{}, fmt.Errorf("invalid port value '%s'", text)
		}
		return Address{Port: port}, nil
	}
	p := text
	if !strings.HasPrefix(p, "/") {
		p = path.Join("/", prefix, p)
	}
	if len(p) > MaxSocketPath {
		return Address{Path: CleanSocket(p)}, ErrLongPath
	}
	return Address{Path: CleanSocket(p)}, nil
}

// CleanSocket normalises a socket's path: no doubled slashes or dots, /var/run is /run, as it is
// a link on every current Linux.
func CleanSocket(p string) string {
	p = path.Clean(p)
	if rest, ok := strings.CutPrefix(p, "/var/run/"); ok {
		return "/run/" + rest
	}
	return p
}

// Match says whether a connection reaches a listener.
type Match int

// The answers of Reaches.
const (
	// No: the connection does not get there.
	No Match = iota
	// Unknown: it depends on what a host name or a foreign address stands for.
	Unknown
	// Partly: one of the two addresses of localhost gets there.
	Partly
	// Yes: it gets there.
	Yes
)

// Reaches says whether a connection to a, made on the host of the listener, reaches listen.
func (a Address) Reaches(listen Address) Match {
	if a.IsUnix() || listen.IsUnix() {
		if a.Path == listen.Path {
			return Yes
		}
		return No
	}
	if a.Port != listen.Port {
		return No
	}
	if a.Host == listen.Host {
		return Yes
	}
	any4or6 := listen.Host == ""
	switch {
	case any4or6 && a.IsLoopback():
		return Yes
	case any4or6:
		return Unknown // another host's address, or one of this host's own
	case a.Host == "localhost" && isLoopbackIP(listen.Host), listen.Host == "localhost" && a.IsLoopback():
		return Partly
	case a.Host == "0.0.0.0" && listen.Host == "127.0.0.1", a.Host == "::" && listen.Host == "::1":
		return Yes
	case a.IsLoopback() && isIP(listen.Host), isIP(a.Host) && isIP(listen.Host):
		return No
	}
	return Unknown
}

// ReachesFamily is Reaches for a listener whose host 0.0.0.0 stands for every IPv4 address, ::
// for every IPv6 address, and "" for both.
func (a Address) ReachesFamily(listen Address) Match {
	if a.IsUnix() || listen.IsUnix() || listen.Host != "0.0.0.0" && listen.Host != "::" {
		return a.Reaches(listen)
	}
	if a.Port != listen.Port {
		return No
	}
	if a.Host == "localhost" {
		return Partly
	}
	ip, err := netip.ParseAddr(a.Host)
	switch {
	case err != nil:
		return Unknown
	case ip.Is4() != (listen.Host == "0.0.0.0"):
		return No
	case a.IsLoopback():
		return Yes
	}
	return Unknown
}

// IsLoopback says whether a connection to the address stays on the host: 127.0.0.0/8, ::1,
// localhost, and 0.0.0.0 or ::, which connect to the host itself.
func (a Address) IsLoopback() bool {
	return a.Host == "localhost" || a.Host == "0.0.0.0" || a.Host == "::" || isLoopbackIP(a.Host)
}

// IsIP says whether the host is a literal IP address.
func (a Address) IsIP() bool { return isIP(a.Host) }

// IsIPv6 says whether the host is a literal IPv6 address.
func (a Address) IsIPv6() bool { return isIP(a.Host) && strings.Contains(a.Host, ":") }

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isLoopbackIP(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func canonicalHost(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(host)
}

func parsePort(s string) (int, error) {
	if i := strings.IndexAny(s, "/?"); i >= 0 {
		return 0, ErrInvalidHost // a URI part, which fastcgi_pass refuses
	}
	if !digits(s) {
		return 0, ErrInvalidPort
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0, ErrInvalidPort
	}
	return n, nil
}

func digits(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
