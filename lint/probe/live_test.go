package probe

import (
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fpmlint/lint/stack"
	"fpmlint/testdata/live"
)

// TestLiveHandoff asks a real PHP-FPM: with a ping path, without one, and when its workers are busy.
func TestLiveHandoff(t *testing.T) {
	program := live.FPM(t)
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user = nobody\n"
	}
	pool := func(name, more string) string {
		return "[" + name + "]\n" + user + "listen = " + dir + "/" + name + ".sock\npm = static\npm.max_children = 1\n" + more
	}
	fpm := write("fpm.conf", "[global]\nerror_log = "+dir+"/log\n"+pool("ping", "ping.path = /ping\nping.response = here\n")+pool("plain", ""))
	location := func(name string) string {
		return "location /" + name + " { include fastcgi_params; fastcgi_param SCRIPT_FILENAME /x.php; fastcgi_pass unix:" + dir + "/" + name + ".sock; }\n"
	}
	nginx := write("nginx.conf", "events {}\nhttp { server {\n"+location("ping")+location("plain")+"} }\n")
	cmd := exec.Command(program, "-n", "-F", "-y", fpm)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }) // killed, it would leave its workers
	for range 600 {
		if c, err := net.Dial("unix", dir+"/plain.sock"); err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	stacks, err := stack.Load(t.Context(), stack.Options{NginxConf: []string{nginx}, FPMConf: []string{fpm}})
	if err != nil {
		t.Fatal(err)
	}
	handoffs := Handoffs(stacks)
	if len(handoffs) != 2 || handoffs[0].Ping != "/ping" || handoffs[0].Pool != "ping" {
		t.Fatalf("hand-offs %+v", handoffs)
	}
	server := httptest.NewServer(ok)
	defer server.Close()
	r, err := Run(t.Context(), Options{URL: server.URL, Handoffs: handoffs})
	if err != nil || r.Leg != None || r.Handoffs[0].Said != "/ping answers" || r.Handoffs[1].Said != "a worker answers" {
		t.Errorf("%v: %s, %+v", err, r.Verdict, r.Handoffs)
	}
	held, err := net.Dial("unix", dir+"/ping.sock") // the only worker waits for this connection's request
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close() //nolint:errcheck // a test
	time.Sleep(100 * time.Millisecond)
	if r, err = Run(t.Context(), Options{URL: server.URL, Handoffs: handoffs, Timeout: 3 * time.Second}); err != nil || r.Leg != ToFPM {
		t.Errorf("%v: %s, %+v", err, r.Verdict, r.Handoffs)
	}
}
