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
// false where the list is not complete.
func listeningSockets(proc string) (list []Socket, ok bool) {
	list = []Socket{}
	pfs, err := procfs.NewFS(proc)
	if err != nil {
		return list, false
	}
	queues := readQueues()
	local, err := pfs.NetUNIX()
	if err != nil {
		return list, false
	}
	for _, s := range local.Rows {
		if s.Flags&unixListener == 0 || !strings.HasPrefix(s.Path, "/") {
			continue
		}
		q := queues.of(s.Inode)
		list = append(list, Socket{Path: s.Path, Backlog: q.limit, Queued: q.length})
	}
	tcp, err := pfs.NetTCP() //nolint:staticcheck // netlink, which it advises, is closed in some containers
	if err != nil {
		return list, false
	}
	if six, err := pfs.NetTCP6(); err == nil { //nolint:staticcheck // likewise; absent where the kernel has no IPv6
		tcp = append(tcp, six...)
	}
	for _, s := range tcp {
		ip, ok := netip.AddrFromSlice(s.LocalAddr)
		if s.St != tcpListen || !ok {
			continue
		}
		q := queues.of(s.Inode)
		at := netip.AddrPortFrom(ip, uint16(s.LocalPort))
		list = append(list, Socket{Address: at.String(), UID: int(s.UID), Backlog: q.limit, Queued: q.length})
	}
	return sortSockets(list), true
}

// queue is how many connections wait to be accepted, and how many may.
type queue struct{ length, limit int }

// queues are those of the listening sockets, by inode.
type queues map[uint64]queue

func (q queues) of(inode uint64) queue {
	if known, ok := q[inode]; ok {
		return known
	}
	return queue{-1, -1}
}

// readQueues asks the kernel for the queues that proc does not show (sock_diag(7)). Where it does
// not tell, as in some containers, the map is empty.
func readQueues() queues {
	out := queues{}
	c, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return out
	}
	defer c.Close() //nolint:errcheck // only read
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		request := make([]byte, 56) // struct inet_diag_req_v2
		request[0], request[1] = family, unix.IPPROTO_TCP
		binary.NativeEndian.PutUint32(request[4:], 1<<tcpListen)
		for _, m := range dump(c, request) {
			if len(m) >= 72 { // struct inet_diag_msg
				out[uint64(binary.NativeEndian.Uint32(m[68:]))] = readQueue(m[56:])
			}
		}
	}
	request := make([]byte, 24) // struct unix_diag_req
	request[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(request[4:], 1<<tcpListen)
	binary.NativeEndian.PutUint32(request[12:], 0x10) // UDIAG_SHOW_RQLEN
	const rqlen = 4                                   // UNIX_DIAG_RQLEN
	for _, m := range dump(c, request) {
		if len(m) < 16 { // struct unix_diag_msg
			continue
		}
		attributes, err := netlink.UnmarshalAttributes(m[16:])
		if err != nil {
			continue
		}
		for _, a := range attributes {
			if a.Type == rqlen && len(a.Data) >= 8 {
				out[uint64(binary.NativeEndian.Uint32(m[4:]))] = readQueue(a.Data)
			}
		}
	}
	return out
}

func readQueue(b []byte) queue {
	return queue{int(binary.NativeEndian.Uint32(b)), int(binary.NativeEndian.Uint32(b[4:]))}
}

// dump sends a SOCK_DIAG_BY_FAMILY request and collects the answers.
func dump(c *netlink.Conn, request []byte) [][]byte {
	const byFamily = 20
	answers, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: byFamily, Flags: netlink.Request | netlink.Dump},
		Data:   request,
	})
	if err != nil {
		return nil
	}
	out := make([][]byte, 0, len(answers))
	for _, a := range answers {
		out = append(out, a.Data)
	}
	return out
}
