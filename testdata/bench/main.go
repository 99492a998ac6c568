// Command bench writes a large configuration and lets nginx -t and fpmlint read it in turns: wall
// time, processor time and peak memory of whole processes, and their ratios. It wants nginx in the
// PATH or in /usr/sbin.
//
//	go run ./testdata/bench -sites 10000
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"fpmlint/testdata/bench/tree"
)

// usage is what one run of a process took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // KiB
}

func main() {
	sites := flag.Int("sites", 10_000, "number of sites")
	rounds := flag.Int("rounds", 7, "runs of each program")
	flag.Parse()
	if err := compare(*sites, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compare(sites, rounds int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if err := tree.Write(dir, sites, max(1, sites/20)); err != nil {
		return err
	}
	program := filepath.Join(dir, "fpmlint")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/fpmlint").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	conf := dir + "/etc/nginx/nginx.conf"
	commands := [][]string{
		{nginx, "-t", "-q", "-p", dir, "-c", conf},
		{program, "lint", "--fail-on", "never", "--nginx-conf", conf, "--fpm-conf", dir + "/etc/php/8.2/fpm/php-fpm.conf"},
	}
	results := make([][]usage, len(commands))
	for range rounds + 1 {
		for i, c := range commands {
			u, err := run(c)
			if err != nil {
				return err
			}
			results[i] = append(results[i], u)
		}
	}
	var medians []usage
	for i, name := range []string{"nginx -t", "fpmlint lint"} {
		warm := results[i][1:]
		m := usage{
			wall: median(warm, func(u usage) time.Duration { return u.wall }),
			cpu:  median(warm, func(u usage) time.Duration { return u.cpu }),
			peak: median(warm, func(u usage) int64 { return u.peak }),
		}
		medians = append(medians, m)
		fmt.Printf("%-13s wall %7.3fs  cpu %7.3fs  peak %5d MiB\n", name, m.wall.Seconds(), m.cpu.Seconds(), m.peak>>10)
	}
	n, f := medians[0], medians[1]
	fmt.Printf("%-13s wall %7.2f   cpu %7.2f   peak %5.2f\n", "ratio", f.wall.Seconds()/n.wall.Seconds(), f.cpu.Seconds()/n.cpu.Seconds(), float64(f.peak)/float64(n.peak))
	return nil
}

func run(command []string) (usage, error) {
	cmd := exec.Command(command[0], command[1:]...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return usage{}, fmt.Errorf("%v: %w: %.500s", command, err, out)
	}
	wall := time.Since(start)
	r := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), r.Maxrss}, nil
}

func median[T cmp.Ordered](list []usage, of func(usage) T) T {
	values := make([]T, len(list))
	for i, u := range list {
		values[i] = of(u)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
