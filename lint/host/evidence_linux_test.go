package host

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"fpmlint/lint/address"
	"fpmlint/lint/source"
)

func TestListeningSockets(t *testing.T) {
	dir := t.TempDir()
	local, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close() //nolint:errcheck // at the end
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close() //nolint:errcheck // at the end
	port, port6, want := tcp.Addr().(*net.TCPAddr).Port, 0, 2
	if six, err := net.Listen("tcp6", "[::1]:0"); err == nil { // not all kernels have IPv6
		defer six.Close() //nolint:errcheck // at the end
		port6, want = six.Addr().(*net.TCPAddr).Port, 3
	}
	e := observe()
	if !e.SocketsKnown {
		t.Fatal("the sockets are not known")
	}
	isOurs := func(s Socket) bool {
		return s.Path == filepath.Join(dir, "s") || s.Address == fmt.Sprintf("127.0.0.1:%d", port) || s.Address == fmt.Sprintf("[::1]:%d", port6)
	}
	ours := slices.DeleteFunc(slices.Clone(e.Sockets), func(s Socket) bool { return !isOurs(s) })
	if len(ours) != want {
		t.Errorf("%d of %d sockets are seen: %+v", len(ours), want, ours)
	}
	for i, s := range ours {
		if s.Backlog < 1 || s.Queued != 0 || s.Address != "" && s.UID != os.Getuid() {
			t.Errorf("%+v", s)
		}
		ours[i].Backlog, ours[i].Queued = -1, -1
	}
	// Where the kernel cannot be asked, proc has the same sockets without their queues.
	listed, okUnix := readUnix("/proc")
	internet, okTCP := readTCP("/proc")
	listed = sortSockets(slices.DeleteFunc(append(listed, internet...), func(s Socket) bool { return !isOurs(s) }))
	if diff := cmp.Diff(ours, listed); diff != "" || !okUnix || !okTCP {
		t.Errorf("asked and listed: %s", diff)
	}
	for a, want := range map[address.Address]bool{
		{Path: filepath.Join(dir, "s")}:     true,
		{Path: filepath.Join(dir, "other")}: false,
		{Host: "127.0.0.1", Port: port}:     true,
		{Host: "localhost", Port: port}:     true,
		{Host: "127.0.0.2", Port: port}:     false,
	} {
		if got := e.Listening(a); got != want {
			t.Errorf("Listening(%s) = %v", a, got)
		}
	}
}

func TestLook(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // at the end
	if err := os.Symlink("s", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	e := &Evidence{Paths: map[string]Path{}}
	e.Look([]string{dir, dir + "/link", dir + "/f", dir + "/none", dir + "/f/below", "/dev/null"})
	got := map[string]string{}
	for p, v := range e.Paths {
		got[filepath.Base(p)] = v.Kind
	}
	want := map[string]string{filepath.Base(dir): KindDir, "link": KindSocket, "f": KindFile, "none": KindMissing, "below": KindMissing, "null": KindOther}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if d := e.Paths[dir]; d.Free <= 0 || d.Size < d.Free || d.UID != os.Getuid() {
		t.Errorf("%+v", d)
	}
	if f := e.Paths[dir+"/f"]; f.Mode != 0o640 {
		t.Errorf("mode %o", f.Mode)
	}
}

func TestSELinuxMode(t *testing.T) {
	dir := t.TempDir()
	if got := selinuxMode(dir); got != "disabled" {
		t.Errorf("without the file system: %q", got)
	}
	for text, want := range map[string]string{"1": "enforcing", "0\n": "permissive"} {
		if err := os.WriteFile(filepath.Join(dir, "enforce"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := selinuxMode(dir); got != want {
			t.Errorf("enforce %q: %q", text, got)
		}
	}
}

func TestTitles(t *testing.T) {
	for title, want := range map[string]Process{
		"php-fpm: master process (/etc/php-fpm.conf)   ": {Program: "php-fpm", Master: true, Conf: "/etc/php-fpm.conf"},
		"php-fpm: pool www":                                    {Program: "php-fpm", Pool: "www"},
		"nginx: master process nginx":                          {Program: "nginx", Master: true},
		"nginx: master process /usr/sbin/nginx -c /a/n.conf":   {Program: "nginx", Master: true, Conf: "/a/n.conf"},
		"nginx: master process nginx -g daemon off; -c/b.conf": {Program: "nginx", Master: true, Conf: "/b.conf"},
		"nginx: worker process is shutting down":               {Program: "nginx"},
	} {
		if got, ok := titled(title); !ok || got != want {
			t.Errorf("%q is %+v, %v", title, got, ok)
		}
	}
	for _, title := range []string{"nginx", "php-fpm8.2", "vim php-fpm: pool www", ""} {
		if _, ok := titled(title); ok {
			t.Errorf("%q is a process of nginx or PHP-FPM", title)
		}
	}
}

// What a snapshot carries is what the machine showed.
func TestEvidenceRoundTrip(t *testing.T) {
	e := observe()
	e.Look([]string{"/", "/tmp", "/nowhere"})
	e.Processes = append(e.Processes, Process{PID: 1 << 21, Program: "php-fpm", Pool: "p", Conf: "/c", Memory: 5 << 20, Proportional: true, Unit: "x.service", Net: "same"})
	e.MemoryLimit, e.MemoryLimitFrom, e.PageSize, e.CPUs = 1<<30, "/sys/fs/cgroup/memory.max", 16384, 3
	data, err := e.JSON()
	if err != nil {
		t.Fatal(err)
	}
	f := Read(source.Memory("snapshot", map[string]string{source.EvidenceFile: string(data), "/proc/meminfo": "MemTotal: 8388608 kB\n"}), Options{})
	if f.EvidenceErr != nil {
		t.Fatal(f.EvidenceErr)
	}
	if diff := cmp.Diff(e, f.Evidence, cmpopts.IgnoreUnexported(Evidence{})); diff != "" {
		t.Error(diff)
	}
	if m, ok := f.PoolMemory("/c", "p"); !ok || m.Max != 5<<20 {
		t.Errorf("the pool's memory is %+v, %v", m, ok)
	}
	if f.RAM.Value != 1<<30 || f.PageSize.Value != 16384 || f.CPUs.Value != 3 || f.Live {
		t.Errorf("RAM %+v, page %+v, CPUs %+v, live %v", f.RAM, f.PageSize, f.CPUs, f.Live)
	}
}

func FuzzEvidence(f *testing.F) {
	f.Add(`{"version":1,"sockets":[{"address":"[::]:1"},{"path":"/x"}],"processes":[{"program":"php-fpm","memory":-1}],"paths":{"":{}}}`)
	f.Add(`{"version":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		facts := Read(source.Memory("fuzz", map[string]string{source.EvidenceFile: text}), Options{})
		if (facts.Evidence == nil) == (facts.EvidenceErr == nil) {
			t.Fatalf("%v, %v", facts.Evidence, facts.EvidenceErr)
		}
		if e := facts.Evidence; e != nil {
			e.Listening(address.Address{Host: "::1", Port: 1})
			e.Master("nginx", "")
			facts.PoolMemory("", "")
		}
	})
}
