package address_test

import (
	"errors"
	"strings"
	"testing"

	"fpmlint/lint/address"
)

func TestParseConnect(t *testing.T) {
	for _, c := range []struct {
		text, want string
		err        error
	}{
		{"unix:/run/php.sock", "unix:/run/php.sock", nil},
		{"unix:/run/php.sock:", "unix:/run/php.sock", nil},
		{"unix:/run/php.sock:/ignored", "unix:/run/php.sock", nil},
		{"UNIX:/var/run//php.sock", "unix:/run/php.sock", nil},
		{"unix:", "", address.ErrNoPath},
		{"unix:/" + strings.Repeat("a", 107), "unix:/" + strings.Repeat("a", 107), address.ErrLongPath},
		{"127.0.0.1:9000", "127.0.0.1:9000", nil},
		{"[::1]:9000", "[::1]:9000", nil},
		{"[0:0::1]:9000", "[::1]:9000", nil},
		{"PHP:9000", "php:9000", nil},
		{"php", "php:0", address.ErrNoPort},
		{"[::1]", "[::1]:0", address.ErrNoPort},
		{":9000", "", address.ErrNoHost},
		{"php:0", "php:0", address.ErrInvalidPort},
		{"php:99999", "php:0", address.ErrInvalidPort},
		{"php:x", "php:0", address.ErrInvalidPort},
		{"/run/php.sock", "", address.ErrInvalidHost},
		{"http://php:80", "", address.ErrInvalidHost},
		{"php:9000/a", "", address.ErrInvalidHost},
	} {
		a, err := address.ParseConnect(c.text)
		if !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s: error %v, want %v", c.text, err, c.err)
		}
		if got := a.String(); c.err == nil && got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestParseListen(t *testing.T) {
	for _, c := range []struct {
		text, want string
		bad        bool
	}{
		{"/run/php.sock", "unix:/run/php.sock", false},
		{"php.sock", "unix:/usr/php.sock", false},
		{"/var/run/../run/php.sock", "unix:/run/php.sock", false},
		{"9000", "*:9000", false},
		{"0.0.0.0:9000", "*:9000", false},
		{"[::]:9000", "*:9000", false},
		{"127.0.0.1:9000", "127.0.0.1:9000", false},
		{"[::1]:9000", "[::1]:9000", false},
		{"app:9000", "app:9000", false},
		{"unix:/run/php.sock", "", true},
		{"99999", "", true},
		{"127.0.0.1:0", "", true},
		{"", "", true},
	} {
		a, err := address.ParseListen(c.text, "/usr")
		if (err != nil) != c.bad || !c.bad && a.String() != c.want {
			t.Errorf("%s: %s, %v; want %s", c.text, a, err, c.want)
		}
	}
}

func TestReaches(t *testing.T) {
	for _, c := range []struct {
		connect, listen string
		want            address.Match
	}{
		{"unix:/var/run/a", "/run/a", address.Yes},
		{"unix:/run/a", "/run/b", address.No},
		{"unix:/run/a", "9000", address.No},
		{"127.0.0.1:9000", "9000", address.Yes},
		{"[::1]:9000", "9000", address.Yes},
		{"localhost:9000", "127.0.0.1:9000", address.Partly},
		{"127.0.0.1:9000", "localhost:9000", address.Partly},
		{"127.0.0.1:9000", "127.0.0.1:9001", address.No},
		{"127.0.0.1:9000", "192.0.2.1:9000", address.No},
		{"192.0.2.1:9000", "127.0.0.1:9000", address.No},
		{"0.0.0.0:9000", "127.0.0.1:9000", address.Yes},
		{"php:9000", "9000", address.Unknown},
		{"192.0.2.1:9000", "9000", address.Unknown},
		{"app:9000", "app:9000", address.Yes},
	} {
		a, err := address.ParseConnect(c.connect)
		if err != nil {
			t.Fatal(err)
		}
		l, err := address.ParseListen(c.listen, "/")
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Reaches(l); got != c.want {
			t.Errorf("%s reaches %s: %v, want %v", c.connect, c.listen, got, c.want)
		}
	}
}

func FuzzParseConnect(f *testing.F) {
	for _, s := range []string{"unix:/a", "a:1", "[::1]:1", "[::ffff:1.2.3.4]:80", "*:1", "", ":", "[", "unix:x", "[::1%25lo]:9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := address.ParseConnect(s)
		if err != nil {
			return
		}
		again, err := address.ParseConnect(a.String())
		if err != nil || again != a {
			t.Fatalf("%q is %#v, written %q, read again %#v, %v", s, a, a, again, err)
		}
	})
}

func FuzzParseListen(f *testing.F) {
	for _, s := range []string{"9000", "/run/a.sock", "a.sock", "127.0.0.1:9000", "[::]:9000", "[::1]:1", "localhost:9000", "*:9000", "", ":", "[", "0", "65536", "a/../b", "::1:9000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := address.ParseListen(s, "/prefix")
		if err != nil {
			return
		}
		if a.IsZero() || a.IsUnix() != (a.Port == 0) || a.Port < 0 || a.Port > 65535 || a.IsUnix() && a.Path[0] != '/' {
			t.Fatalf("%q is %#v", s, a)
		}
		if !a.IsUnix() && a.Host != "" {
			if again, err := address.ParseListen(a.String(), "/prefix"); err != nil || again != a {
				t.Fatalf("%q is %#v, written %q, read again %#v, %v", s, a, a, again, err)
			}
		}
	})
}
