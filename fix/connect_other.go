//go:build unix && !linux

package fix

import (
	"context"
	"net"
)

// connectUnix connects as fpmlint's own user: identities by thread are Linux's.
func connectUnix(ctx context.Context, path string, _ *identity) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}
