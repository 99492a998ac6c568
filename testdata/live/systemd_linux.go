package live

import (
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

//go:embed systemctl
var systemctl []byte

// Units of the packages, as far as they matter here.
const (
	FPMUnit   = "php8.2-fpm.service"
	NginxUnit = "nginx.service"
)

// Systemd gives a server of a test that runs alone a stand-in for systemd: the directory that shows that
// it runs, a systemctl, and a unit for the 8.2 master and for nginx, as the packages have them. It
// starts nothing.
func (s *Server) Systemd() {
	s.t.Helper()
	group := filepath.Dir(Group(s.t, FPMUnit))
	if err := errors.Join(
		unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		os.MkdirAll("/run/systemd/system", 0o755),
		os.MkdirAll("/run/stand-in/bin", 0o755),
		os.WriteFile("/run/stand-in/group", []byte(group), 0o644),
		os.WriteFile("/run/stand-in/bin/systemctl", systemctl, 0o755),
	); err != nil {
		s.t.Fatal(err)
	}
	s.t.Setenv("PATH", "/run/stand-in/bin:"+os.Getenv("PATH"))
	s.Unit(FPMUnit, "ExecStart="+s.FPM+" --nodaemonize --fpm-config "+s.Path("8.2/php-fpm.conf")+"\nExecReload=/bin/kill -USR2 $MAINPID\n")
	s.Unit(NginxUnit, "PIDFile="+s.Path("nginx.pid")+"\nExecStart="+s.Nginx+" -c "+s.Path("nginx.conf")+"\nExecReload="+s.Nginx+" -c "+s.Path("nginx.conf")+" -s reload\n")
}

// Unit writes a unit's [Service] section.
func (s *Server) Unit(name, service string) {
	s.t.Helper()
	if err := os.WriteFile("/run/systemd/system/"+name, []byte("[Service]\n"+service), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// Systemctl runs the stand-in, which must do what it is told.
func (s *Server) Systemctl(args ...string) {
	s.t.Helper()
	if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
		s.t.Fatalf("systemctl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// Asked is what systemctl was asked to do since the last call, without what it was asked to show.
func (s *Server) Asked() []string {
	s.t.Helper()
	const calls = "/run/stand-in/calls"
	data, err := os.ReadFile(calls)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(calls, nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "show ") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}
