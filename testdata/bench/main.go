// Command bench writes a large configuration and lets nginx -t and fpmlint read it in turns: wall
// time, processor time and peak memory of whole processes, and their ratios. With -small it is one site
// with one pool, so that what a start takes shows, without and with a certificate. It wants nginx in the PATH or in /usr/sbin.
// fpmlint is built as it is released, without cgo and symbols.
//
//	go run ./testdata/bench -sites 10000
//	go run ./testdata/bench -small
package main

import (
	"errors"
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
	dir, err := os.MkdirTemp("", "bench")
	if err == nil {
		err = errors.Join(compare(dir, *sites, *rounds, *small), os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compare(dir string, sites, rounds int, small bool) error {
	program, err := measure.Build(dir)
	if err != nil {
		return err
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	names := []string{"nginx -t", "fpmlint lint"}
	var commands [][]string
	both := func(dir string) {
		conf := dir + "/etc/nginx/nginx.conf"
		commands = append(commands,
			[]string{nginx, "-t", "-q", "-p", dir, "-c", conf},
			[]string{program, "lint", "--fail-on", "never", "--nginx-conf", conf, "--fpm-conf", dir + "/etc/php/8.2/fpm/php-fpm.conf"})
	}
	plain, encrypted := dir+"/plain", dir+"/encrypted"
	if err := tree.Write(plain, sites, max(1, sites/20)); err != nil {
		return err
	}
	both(plain)
	if small {
		if err := errors.Join(tree.Write(encrypted, sites, 1), tree.Encrypt(encrypted)); err != nil {
			return err
		}
		both(encrypted)
		names = append(names, "nginx -t, TLS", "fpmlint lint, TLS", "fpmlint version")
		commands = append(commands, []string{program, "version"})
	}
	medians, err := measure.InTurns(rounds, commands...)
	if err != nil {
		return err
	}
	for i, name := range names {
		fmt.Println(medians[i].Row(name))
	}
	fmt.Println(measure.Ratio("ratio", medians[1], medians[0]))
	if small {
		fmt.Println(measure.Ratio("ratio, TLS", medians[3], medians[2]))
	}
	return nil
}
