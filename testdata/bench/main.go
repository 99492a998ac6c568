// Command bench writes a large configuration and lets nginx -t and fpmlint read it in turns: wall
// time, processor time and peak memory of whole processes, and their ratios. With -small it is one site
// with one pool, so that what a start takes shows. It wants nginx in the PATH or in /usr/sbin.
// fpmlint is built as it is released, without cgo and symbols.
//
//	go run ./testdata/bench -sites 10000
//	go run ./testdata/bench -small
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"

	"fpmlint/testdata/bench/measure"
	"fpmlint/testdata/bench/tree"
)

func main() {
	sites := flag.Int("sites", 10_000, "number of sites")
	rounds := flag.Int("rounds", 7, "runs of each program")
	small := flag.Bool("small", false, "-sites 1 -rounds 300, and what a start takes alone")
	flag.Parse()
	if *small {
		*sites, *rounds = 1, 300
	}
	if err := compare(*sites, *rounds, *small); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compare(sites, rounds int, start bool) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if err := tree.Write(dir, sites, max(1, sites/20)); err != nil {
		return err
	}
	program, err := measure.Build(dir)
	if err != nil {
		return err
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
	names := []string{"nginx -t", "fpmlint lint"}
	if start {
		commands, names = append(commands, []string{program, "version"}), append(names, "fpmlint version")
	}
	medians, err := measure.InTurns(rounds, commands...)
	if err != nil {
		return err
	}
	for i, name := range names {
		fmt.Println(medians[i].Row(name))
	}
	fmt.Println(measure.Ratio(medians[1], medians[0]))
	return nil
}
