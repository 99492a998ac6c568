package live

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// NginxTest is what nginx -t says of a main file in a directory, of which nginx uses nothing else, and
// whether it refuses it.
func NginxTest(t *testing.T, dir, conf string) (said string, refused bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, Nginx(t), "-t", "-p", dir, "-c", conf, "-g", "pid "+filepath.Join(dir, "pid")+";", "-e", filepath.Join(dir, "log"))
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("nginx -t does not end: %s", out)
	}
	return string(out), err != nil
}
