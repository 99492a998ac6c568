package live

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports are TCP ports on which nobody listens. They stay the test's own until it ends: they are below
// those that kernels lend to clients, which a program could find taken just as it starts, and an
// abstract socket named after each keeps other tests away, in other processes as well.
func Ports(t *testing.T, n int) []string {
	t.Helper()
	const lowest, number = 10000, 6000
	var ports []string
	first := rand.N(number)
	for i := 0; len(ports) < n; i++ {
		if i == number {
			t.Fatal("no ports are free")
		}
		port := strconv.Itoa(lowest + (first+i)%number)
		mark, err := net.Listen("unix", "@fpmlint-port-"+port)
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = mark.Close() })
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			continue // a stranger's
		}
		if err := l.Close(); err != nil {
			t.Fatal(fmt.Errorf("port %s: %w", port, err))
		}
		ports = append(ports, port)
	}
	return ports
}
