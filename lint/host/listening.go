package host

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"fpmlint/lint/address"
)

// Listening are the TCP addresses at which something listens on a host, by port.
type Listening map[int][]address.Address

// At says whether something listens where a connection from the host itself arrives.
func (l Listening) At(a address.Address) bool {
	return slices.ContainsFunc(l[a.Port], func(at address.Address) bool { return a.ReachesFamily(at) != address.No })
}

// Listening is what the kernel listed when the evidence was taken, else what it lists in proc/net
// (proc(5)); false where neither is there to read.
func (f *Facts) Listening() (Listening, bool) {
	f.listeningOnce.Do(func() {
		if f.root == nil {
			return
		}
		if e := f.Evidence; e != nil && e.SocketsKnown {
			e.once.Do(e.build)
			f.listening = e.ports
			return
		}
		v4, ok := content(f.root, "/proc/net/tcp")
		if !ok {
			return
		}
		f.listening = Listening{}
		f.listening.add(v4)
		v6, _ := content(f.root, "/proc/net/tcp6")
		f.listening.add(v6)
	})
	return f.listening, f.listening != nil
}

// add reads the lines in the state LISTEN. Whether [::] takes IPv4 too they do not say, so it
// counts for both.
func (l Listening) add(table string) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != "0A" {
			continue
		}
		host, port, _ := strings.Cut(fields[1], ":")
		n, err := strconv.ParseUint(port, 16, 16)
		ip, ok := kernelIP(host)
		if err != nil || !ok {
			continue
		}
		a := address.Address{Host: ip.String(), Port: int(n)}
		if ip == netip.IPv6Unspecified() {
			a.Host = ""
		}
		l[a.Port] = append(l[a.Port], a)
	}
}

// kernelIP reads an address as the kernel prints it: words of 32 bits in the byte order of the
// machine, which is little-endian on all that PHP packages are made for but s390x.
func kernelIP(text string) (netip.Addr, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.Addr{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	ip, ok := netip.AddrFromSlice(b)
	return ip.Unmap(), ok
}
