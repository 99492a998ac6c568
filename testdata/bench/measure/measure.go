// Package measure runs whole processes in turns, so that they share what else the machine does, and
// says what they took.
package measure

import (
	"cmp"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// Usage is what a process took: wall and processor time, and its peak memory in KiB. A peak that is not
// above that of the program that measures is that one's: Linux counts from before the start.
type Usage struct {
	Wall, CPU time.Duration
	Peak      int64
	// Least is the least wall time of several runs.
	Least time.Duration
}

// InTurns runs commands one after the other, a first round to warm up and then as many as are
// asked for, and returns the median of each.
func InTurns(rounds int, commands ...[]string) ([]Usage, error) {
	results := make([][]Usage, len(commands))
	for range rounds + 1 {
		for i, c := range commands {
			u, err := run(c)
			if err != nil {
				return nil, err
			}
			results[i] = append(results[i], u)
		}
	}
	var medians []Usage
	for _, all := range results {
		warm := all[1:]
		medians = append(medians, Usage{
			Wall:  median(warm, func(u Usage) time.Duration { return u.Wall }),
			CPU:   median(warm, func(u Usage) time.Duration { return u.CPU }),
			Peak:  median(warm, func(u Usage) int64 { return u.Peak }),
			Least: slices.MinFunc(warm, func(a, b Usage) int { return cmp.Compare(a.Wall, b.Wall) }).Wall,
		})
	}
	return medians, nil
}

// Row is a line of a table, in milliseconds where seconds tell nothing.
func (u Usage) Row(name string) string {
	if u.Wall < 100*time.Millisecond {
		ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
		return fmt.Sprintf("%-18s wall %6.2fms  cpu %6.2fms  peak %5d MiB  least wall %6.2fms", name, ms(u.Wall), ms(u.CPU), u.Peak>>10, ms(u.Least))
	}
	return fmt.Sprintf("%-18s wall %7.3fs  cpu %7.3fs  peak %5d MiB", name, u.Wall.Seconds(), u.CPU.Seconds(), u.Peak>>10)
}

// Ratio is the line that compares one with another.
func Ratio(name string, a, b Usage) string {
	return fmt.Sprintf("%-18s wall %7.2f   cpu %7.2f   peak %5.2f", name, a.Wall.Seconds()/b.Wall.Seconds(), a.CPU.Seconds()/b.CPU.Seconds(), float64(a.Peak)/float64(b.Peak))
}

func run(command []string) (Usage, error) {
	cmd := exec.Command(command[0], command[1:]...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Usage{}, fmt.Errorf("%v: %w: %.500s", command, err, out)
	}
	wall := time.Since(start)
	r := cmd.ProcessState.SysUsage().(*syscall.Rusage) //nolint:forcetypeassert // it is one on Unix
	return Usage{Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Peak: r.Maxrss}, nil
}

func median[T cmp.Ordered](list []Usage, of func(Usage) T) T {
	values := make([]T, len(list))
	for i, u := range list {
		values[i] = of(u)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
