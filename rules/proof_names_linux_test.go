package rules_test

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// named is a site whose pool has a name.
var named = live.Site(live.PHPServer("bad.test", `php:9000; # want "upstream-dns-pinned: "`, "")) +
	live.Master("php", "", live.Pool("www", "a.sock", "listen = 127.0.0.2:9000"))

// nameServer answers for the name php with what the stack's file "address" holds, for no time to
// keep; a test that runs alone has no other name server.
func nameServer(t *testing.T, s *live.Server) {
	t.Helper()
	s.Write("resolv.conf", "nameserver 127.0.0.1\n")
	s.Write("nsswitch.conf", "hosts: files dns\n")
	for _, name := range []string{"resolv.conf", "nsswitch.conf"} {
		err := unix.Mount(s.Path(name), "/etc/"+name, "", unix.MS_BIND, "")
		if err != nil && (name == "resolv.conf" || !errors.Is(err, fs.ErrNotExist)) { // musl has but one way to look names up
			t.Skipf("no /etc/%s of its own: %v", name, err)
		}
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if reply := resolve(s.Path("address"), buf[:n]); reply != nil {
				_, _ = conn.WriteToUDP(reply, from) // who asked asks again
			}
		}
	}()
}

// resolve is the reply to a question; nil where it is none.
func resolve(file string, question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) == 0 {
		return nil
	}
	m.Response, m.RecursionAvailable = true, true
	m.Additionals = nil
	data, _ := os.ReadFile(file) //nolint:errcheck // without the file there is no such name
	ip, err := netip.ParseAddr(strings.TrimSpace(string(data)))
	switch q := m.Questions[0]; {
	case err != nil || q.Name.String() != "php.":
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: ip.As4()}}}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// move gives PHP-FPM and its name another address, as a container made anew has.
func move(t *testing.T, s *live.Server) {
	t.Helper()
	conf, pool := s.Path("php/php-fpm.conf"), "php/pool.d/www.conf"
	s.End(conf)
	from, to := "127.0.0.2", "127.0.0.3"
	if !strings.Contains(s.Read(pool), from) {
		from, to = to, from
	}
	s.Write(pool, strings.Replace(s.Read(pool), from, to, 1))
	s.Write("address", to)
	s.StartFPM(conf)
}

// moving asks for a page when PHP-FPM has moved, and again when nginx was reloaded.
func moving(t *testing.T, s *live.Server) (status int, body string) {
	t.Helper()
	if status, body := s.Get("bad.test", "/index.php"); status != 200 {
		t.Errorf("before PHP-FPM moves: %d %q", status, body)
	}
	move(t, s)
	time.Sleep(1100 * time.Millisecond) // nginx's resolver keeps an answer for the second that it came in
	if status, body = s.Get("bad.test", "/index.php"); status == 200 {
		return status, body
	}
	if err := syscall.Kill(s.MasterOf(s.Path("nginx.conf")), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if now, _ := s.Get("bad.test", "/index.php"); now == 200 {
			return status, "until nginx is reloaded"
		}
		time.Sleep(20 * time.Millisecond)
	}
	return status, "even when nginx is reloaded"
}

// appeared asks for a page when the name is there.
func appeared(_ *testing.T, s *live.Server) (status int, body string) {
	s.Write("address", "127.0.0.2")
	return s.Get("bad.test", "/index.php")
}

// atRun is what has nginx look the name up at each request; the option resolve is not in all versions.
var atRun = [3]string{"nginx.conf", "            fastcgi_pass php:9000", "            resolver 127.0.0.1;\n            set $php php:9000;\n            fastcgi_pass $php"}

func TestProofNameMoves(t *testing.T) {
	t.Parallel()
	if live.Alone(t) {
		(&proof{
			rule: "upstream-dns-pinned", severity: lint.Info, before: nameServer,
			archive: named + "-- address --\n127.0.0.2\n",
			ask:     moving, broken: answer{502, "until nginx is reloaded"}, cured: ok, hand: atRun,
			or: "connect() failed (111: Connection refused) while connecting to upstream",
		}).run(t)
	}
}

func TestProofNameUnknown(t *testing.T) {
	t.Parallel()
	if live.Alone(t) {
		(&proof{
			rule: "upstream-dns-pinned", severity: lint.Info, before: nameServer, archive: named,
			refused: true, ask: appeared, cured: ok, hand: atRun,
		}).run(t)
	}
}
