package host

import (
	"net"
	"os"
	"runtime"
	"testing"

	"fpmlint/lint/address"
	"fpmlint/lint/source"
)

func TestListening(t *testing.T) {
	f := Read(tree(t, map[string]string{
		"proc/net/tcp": "  sl  local_address rem_address   st\n" +
			"   0: 00000000:0050 00000000:0000 0A 0\n" +
			"   1: 0100007F:0BB8 00000000:0000 0A 0\n" +
			"   2: 0100007F:0BB9 0200007F:D431 01 0\n" +
			"   3: nonsense:0BBA 00000000:0000 0A 0\n",
		"proc/net/tcp6": "   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0\n" +
			"   1: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 0\n",
	}), Options{})
	l, ok := f.Listening()
	if !ok {
		t.Fatal("nothing was read")
	}
	for text, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": false, "localhost:80": true,
		"127.0.0.1:3000": true, "127.0.0.2:3000": false, "127.0.0.1:3001": false, "127.0.0.1:3002": false,
		"127.0.0.1:8080": true, "[::1]:8080": true, "[::1]:8081": true, "127.0.0.1:8081": false, "localhost:8081": true,
	} {
		a, err := address.ParseConnect(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.At(a); got != want {
			t.Errorf("something listens at %s: %v, want %v", text, got, want)
		}
	}
	if _, ok := Read(tree(t, nil), Options{}).Listening(); ok {
		t.Error("an empty root tells who listens")
	}
}

// TestListeningHere asks the kernel about a listener of the test's own.
func TestListeningHere(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); runtime.GOOS != "linux" || err != nil {
		t.Skip("no proc/net")
	}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	root, err := source.Dir("/")
	if err != nil {
		t.Fatal(err)
	}
	a, err := address.ParseConnect(at.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := Read(root, Options{}).Listening(); !ok || !l.At(a) {
		t.Errorf("nobody listens at %s", a)
	}
	if err := at.Close(); err != nil {
		t.Fatal(err)
	}
}
