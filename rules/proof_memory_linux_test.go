package rules_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fpmlint/lint"
	"fpmlint/testdata/live"
)

// hold is a script that takes memory, says so, and keeps it until the file "released" is there.
const hold = `-- www/hold.php --
<?php
$all = str_repeat('x', 42 << 20);
touch('@DIR@/begun/' . getmypid());
while (!file_exists('@DIR@/released')) usleep(20000);
echo 'ok';
`

// limited leaves PHP-FPM so many MiB of memory.
func limited(mib int) func(*testing.T, *live.Server) string {
	return func(t *testing.T, s *live.Server) (group string) {
		t.Helper()
		group = live.Group(t, "fpm")
		live.LimitGroup(t, group, mib<<20)
		s.FPMWithin("echo 0 > " + group + "/cgroup.procs")
		return group
	}
}

// visitors are those who asked for hold.php.
type visitors struct {
	s        *live.Server
	group    sync.WaitGroup
	lock     sync.Mutex
	came     int
	statuses []int
}

// come lets a number of visitors come. The first of them come one after the other, as the master of
// an ondemand pool may start one worker for several who come together; others find no worker free.
func (v *visitors) come(t *testing.T, n, others int) {
	t.Helper()
	for i := range n + others {
		v.group.Go(func() {
			status, _ := v.s.Get("bad.test", "/hold.php")
			v.lock.Lock()
			defer v.lock.Unlock()
			v.statuses = append(v.statuses, status)
		})
		if i < n {
			v.came++
			v.await(t)
		}
	}
}

// await returns once those who came are served or were answered.
func (v *visitors) await(t *testing.T) {
	t.Helper()
	for range 1000 {
		v.lock.Lock()
		n := len(v.statuses)
		v.lock.Unlock()
		entries, err := os.ReadDir(v.s.Path("begun"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if pid, err := strconv.Atoi(e.Name()); err == nil && syscall.Kill(pid, 0) == nil {
				n++
			}
		}
		if n >= v.came {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("visitor %d is not served", v.came)
}

// leave lets them go, and says how many got 200 and 502.
func (v *visitors) leave(t *testing.T) (fine, broken int) {
	t.Helper()
	v.s.Write("released", "")
	v.group.Wait()
	if err := os.Remove(v.s.Path("released")); err != nil {
		t.Fatal(err)
	}
	for _, status := range v.statuses {
		switch status {
		case 200:
			fine++
		case 502:
			broken++
		}
	}
	return fine, broken
}

// TestProofMemory lets more visitors come to a pool than fit into the memory of its control group:
// the kernel kills workers. The rule foretells it by what the first workers take, and with its fix
// as many visitors are all served.
func TestProofMemory(t *testing.T) {
	t.Parallel()
	if !live.Alone(t) {
		return
	}
	const crowd = 8
	r := rule(t, "max-children-memory")
	s := live.Prepare(t, strings.Replace(site("", ""), "pm = static\npm.max_children = 2", `pm = ondemand
pm.max_children = 8 ; want "max-children-memory: 8 workers x .*the mean of 2 that run.*, more than the RAM of 256 MiB \(/sys/fs/cgroup/.*/fpm/memory\."`, 1)+hold)
	group := limited(256)(t, s)
	restart := func() *visitors {
		s.Stop()
		if out, err := s.TryAll(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return &visitors{s: s}
	}

	v := restart()
	v.come(t, 2, 0)
	result := lintLive(t, s, r)
	compareFindings(t, s.Dir, result)
	for _, f := range result.Findings {
		if f.Severity != lint.Error {
			t.Errorf("severity %v", f.Severity)
		}
	}
	v.come(t, crowd-2, 0)
	if fine, broken := v.leave(t); broken == 0 || fine+broken != crowd {
		t.Errorf("of %d visitors %d get 200, %d get 502", crowd, fine, broken)
	}
	killed := live.Killed(t, group)
	if killed == "0" {
		t.Error("the kernel killed nobody")
	}
	wantPageLines(t, s, r, "", "")

	v = restart()
	v.come(t, 2, 0)
	(&proof{}).cure(t, s, r)
	for _, f := range lintLive(t, s, r).Findings {
		t.Errorf("still found: %s", f.Message)
	}
	v.leave(t)
	_, after, _ := strings.Cut(s.Read("php/pool.d/www.conf"), "pm.max_children = ")
	workers, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil || workers >= crowd {
		t.Fatalf("pm.max_children = %s", after)
	}
	v = restart()
	v.come(t, workers, crowd-workers)
	s.AwaitLog("fpm.log", fmt.Sprintf("server reached max_children setting (%d)", workers))
	if fine, broken := v.leave(t); fine != crowd {
		t.Errorf("of %d visitors to %d workers %d get 200, %d get 502", crowd, workers, fine, broken)
	}
	if again := live.Killed(t, group); again != killed {
		t.Errorf("the kernel killed %s workers, and %s more", killed, again)
	}
}

// leak is a script that leaves its worker some megabytes larger: PHP keeps 4096 compiled patterns,
// out of memory_limit's sight.
const leak = `-- www/leak.php --
<?php
for ($i = 0; $i < 100; $i++) preg_match('/' . str_repeat('(?:a|bc?)', 2500) . hrtime(true) . '/', 'x');
echo 'ok';
`

// leaks asks for a page that leaks many times, for as long as it is answered.
func leaks(_ *testing.T, s *live.Server) (status int, body string) {
	for range 40 {
		if status, body = s.Get("bad.test", "/leak.php"); status != 200 {
			break
		}
	}
	return status, body
}

func TestProofLeak(t *testing.T) {
	t.Parallel()
	if live.Alone(t) {
		(&proof{
			rule: "max-requests-unlimited", severity: lint.Info, option: [2]string{"requests", "5"},
			archive: site("", "pm.max_children = 1\npm.max_requests = 0 ; want \"max-requests-unlimited: \"") + leak,
			before:  func(t *testing.T, s *live.Server) { limited(96)(t, s) },
			ask:     leaks, broken: answer{status: 502}, cured: ok,
		}).run(t)
	}
}

func TestProofGreed(t *testing.T) {
	t.Parallel()
	if live.Alone(t) {
		(&proof{
			rule: "memory-limit-unbounded", severity: lint.Warning,
			archive: site("", `php_admin_value[memory_limit] = -1 ; want "memory-limit-unbounded: "`) + "-- www/greedy.php --\n<?php $all = str_repeat('x', 600 << 20); echo 'ok';\n",
			before:  func(t *testing.T, s *live.Server) { limited(384)(t, s) },
			ask:     get("/greedy.php"), broken: answer{status: 502}, cured: answer{status: 500},
		}).run(t)
	}
}
