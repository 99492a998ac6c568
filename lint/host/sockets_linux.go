package host

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/mdlayher/netlink"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

const (
	tcpListen    = 10      // TCP_LISTEN (include/net/tcp_states.h)
	unixListener = 1 << 16 // __SO_ACCEPTCON in the flags of proc/net/unix
)

// listeningSockets reads the sockets that listen in the network namespace of this process; ok is
// false where the list is not complete. The kernel tells them on request (sock_diag(7)); where it does
// not, as in some containers, they are picked from proc's lists of all sockets, which leave out the
// queues and take milliseconds on an idle machine.
func listeningSockets(proc string) (list []Socket, ok bool) {
	kernel, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err == nil {
		defer kernel.Close() //nolint:errcheck // only read
	}
	list = []Socket{} // a snapshot says that there is none
	local, ok := askUnix(kernel)
	if !ok {
		local, ok = readUnix(proc)
	}
	if !ok {
		return list, false
	}
	list = append(list, local...)
	tcp, ok := askTCP(kernel)
	if !ok {
		tcp, ok = readTCP(proc)
	}
	if !ok {
		return list, false
	}
	return sortSockets(append(list, tcp...)), true
}

// askTCP asks the kernel for the TCP sockets that listen; ok is false where it does not tell.
func askTCP(kernel *netlink.Conn) (list []Socket, ok bool) {
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := make([]byte, 56) // struct inet_diag_req_v2
		request[0], request[1] = family, unix.IPPROTO_TCP
		binary.NativeEndian.PutUint32(request[4:], 1<<tcpListen)
		answers, ok := dump(kernel, request)
		if !ok {
			return nil, false
		}
		for _, m := range answers {
			if len(m) < 72 { // struct inet_diag_msg
				return nil, false
			}
			size := 4
			if m[0] == unix.AF_INET6 {
				size = 16
			}
			ip, _ := netip.AddrFromSlice(m[8 : 8+size])
			at := netip.AddrPortFrom(ip, binary.BigEndian.Uint16(m[4:]))
			s := Socket{Address: at.String(), UID: int(binary.NativeEndian.Uint32(m[64:]))}
			s.readQueue(m[56:])
			list = append(list, s)
		}
	}
	return list, true
}

// askUnix asks the kernel for the unix sockets that listen at a path.
func askUnix(kernel *netlink.Conn) (list []Socket, ok bool) {
	const (
		showName, showQueue = 0x1, 0x10 // UDIAG_SHOW_NAME, UDIAG_SHOW_RQLEN
		name, queue         = 0, 4      // UNIX_DIAG_NAME, UNIX_DIAG_RQLEN
	)
	request := make([]byte, 24) // struct unix_diag_req
	request[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(request[4:], 1<<tcpListen)
	binary.NativeEndian.PutUint32(request[12:], showName|showQueue)
	answers, ok := dump(kernel, request)
	if !ok {
		return nil, false
	}
	for _, m := range answers {
		if len(m) < 16 { // struct unix_diag_msg
			return nil, false
		}
		attributes, err := netlink.UnmarshalAttributes(m[16:])
		if err != nil {
			return nil, false
		}
		s := Socket{Backlog: -1, Queued: -1}
		for _, a := range attributes {
			switch {
			case a.Type == name:
				s.Path, _, _ = strings.Cut(string(a.Data), "\x00") // an abstract one begins with a zero
			case a.Type == queue && len(a.Data) >= 8:
				s.readQueue(a.Data)
			}
		}
		if strings.HasPrefix(s.Path, "/") {
			list = append(list, s)
		}
	}
	return list, true
}

// readQueue takes over how many connections wait to be accepted, and how many may.
func (s *Socket) readQueue(b []byte) {
	s.Queued, s.Backlog = int(binary.NativeEndian.Uint32(b)), int(binary.NativeEndian.Uint32(b[4:]))
}

// dump sends a SOCK_DIAG_BY_FAMILY request and collects the answers; ok is false where there is an
// error instead of them.
func dump(kernel *netlink.Conn, request []byte) (data [][]byte, ok bool) {
	if kernel == nil {
		return nil, false
	}
	const byFamily = 20
	answers, err := kernel.Execute(netlink.Message{
		Header: netlink.Header{Type: byFamily, Flags: netlink.Request | netlink.Dump},
		Data:   request,
	})
	for _, a := range answers {
		data = append(data, a.Data)
	}
	return data, err == nil
}

// readTCP picks the TCP sockets that listen from proc.
func readTCP(proc string) (list []Socket, ok bool) {
	fs, err := procfs.NewFS(proc)
	if err != nil {
		return nil, false
	}
	all, err := fs.NetTCP() //nolint:staticcheck // netlink, which it advises, was asked before
	if err != nil {
		return nil, false
	}
	if six, err := fs.NetTCP6(); err == nil { //nolint:staticcheck // likewise; absent where the kernel has no IPv6
		all = append(all, six...)
	}
	for _, s := range all {
		if ip, ok := netip.AddrFromSlice(s.LocalAddr); ok && s.St == tcpListen {
			at := netip.AddrPortFrom(ip, uint16(s.LocalPort))
			list = append(list, Socket{Address: at.String(), UID: int(s.UID), Backlog: -1, Queued: -1})
		}
	}
	return list, true
}

// readUnix picks the unix sockets that listen at a path from proc.
func readUnix(proc string) (list []Socket, ok bool) {
	fs, err := procfs.NewFS(proc)
	if err != nil {
		return nil, false
	}
	all, err := fs.NetUNIX()
	if err != nil {
		return nil, false
	}
	for _, s := range all.Rows {
		if s.Flags&unixListener != 0 && strings.HasPrefix(s.Path, "/") {
			list = append(list, Socket{Path: s.Path, Backlog: -1, Queued: -1})
		}
	}
	return list, true
}
