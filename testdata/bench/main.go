// Command bench writes a large configuration and lets nginx -t and fpmlint read it in turns: wall
// time, processor time and peak memory of whole processes, and their ratios. It wants nginx in the
// PATH or in /usr/sbin.
//
//	go run ./testdata/bench -sites 10000
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"fpmlint/testdata/bench/measure"
	"fpmlint/testdata/bench/tree"
)

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
	medians, err := measure.InTurns(rounds, commands...)
	if err != nil {
		return err
	}
	for i, name := range []string{"nginx -t", "fpmlint lint"} {
		fmt.Println(medians[i].Row(name))
	}
	fmt.Println(measure.Ratio(medians[1], medians[0]))
	return nil
}
