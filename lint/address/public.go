package address

import "net/netip"

// IsPublic says whether the host is a literal address that the internet routes to.
func (a Address) IsPublic() bool {
	ip, err := netip.ParseAddr(a.Host)
	return err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate()
}

// IsLoopbackIP says whether the host is a literal address in 127.0.0.0/8, or ::1.
func (a Address) IsLoopbackIP() bool { return isLoopbackIP(a.Host) }
