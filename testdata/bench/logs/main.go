// Command logs writes a large error log of which one line in a hundred is about an upstream, and lets
// grep and fpmlint diagnose read it in turns: wall and processor time of whole processes, and the
// ratios of their throughputs.
//
//	go run ./testdata/bench/logs -size 1000
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	size := flag.Int64("size", 1000, "size of the log in MB")
	rounds := flag.Int("rounds", 7, "runs of each program")
	flag.Parse()
	if err := compare(*size*1e6, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compare(size int64, rounds int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	log, program := filepath.Join(dir, "error.log"), filepath.Join(dir, "fpmlint")
	if err := write(log, size); err != nil {
		return err
	}
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/fpmlint").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	commands := [][]string{{"grep", "-cE", `upstream|connect\(\)`, log}, {program, "diagnose", "--quiet", log}}
	wall, cpu := make([][]time.Duration, len(commands)), make([][]time.Duration, len(commands))
	var peak int64
	for range rounds + 1 {
		for i, c := range commands {
			cmd := exec.Command(c[0], c[1:]...)
			cmd.Env = append(os.Environ(), "LC_ALL=C")
			start := time.Now()
			_, err := cmd.Output() // grep stops at the first match where nobody reads its output
			wall[i] = append(wall[i], time.Since(start))
			cpu[i] = append(cpu[i], cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
			if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
				return fmt.Errorf("%v: %w", c, err)
			}
			peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
		}
	}
	for i, name := range []string{"grep -cE", "fpmlint diagnose"} {
		fmt.Printf("%-17s wall %6.3fs  cpu %6.3fs\n", name, median(wall[i]).Seconds(), median(cpu[i]).Seconds())
	}
	fmt.Printf("%-17s wall %6.2f   cpu %6.2f   peak of diagnose %d MiB\n", "throughput ratio",
		median(wall[0]).Seconds()/median(wall[1]).Seconds(), median(cpu[0]).Seconds()/median(cpu[1]).Seconds(), peak>>10)
	return nil
}

// median leaves the first run out, which fills the cache.
func median(times []time.Duration) time.Duration {
	warm := slices.Sorted(slices.Values(times[1:]))
	return warm[len(warm)/2]
}

// write makes a log like a busy site's.
func write(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(1, 1))
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for n, written := 0, int64(0); written < size; n++ {
		pid := 100 + r.IntN(8)
		k, err := fmt.Fprintf(w, "%s [error] %d#%d: *%d %s, client: %d.%d.%d.%d, server: shop.example, request: \"GET /wp-content/%d/%d.php HTTP/1.1\"%s, host: \"shop.example\"\n",
			start.Add(time.Duration(n)*300*time.Millisecond).Format("2006/01/02 15:04:05"), pid, pid, n, message(r, n),
			r.IntN(255), r.IntN(255), r.IntN(255), r.IntN(255), r.IntN(1000), r.IntN(1000), upstream(n))
		if err != nil {
			return err
		}
		written += int64(k)
	}
	return errors.Join(w.Flush(), f.Close())
}

func message(r *rand.Rand, n int) string {
	switch {
	case n%100 == 0:
		return "recv() failed (104: Connection reset by peer) while reading response header from upstream"
	case n%3 == 0:
		return "access forbidden by rule"
	case n%7 == 0:
		return `limiting requests, excess: 20.100 by zone "one"`
	}
	return fmt.Sprintf(`open() "/var/www/html/uploads/%d.png" failed (2: No such file or directory)`, r.IntN(100_000))
}

func upstream(n int) string {
	if n%100 == 0 {
		return `, upstream: "fastcgi://unix:/run/php/php8.2-fpm.sock:"`
	}
	return ""
}
