// Command audit takes snapshots of generated servers and measures, in turns, an audit of a few of
// them, an audit of all, and tar listing the same files: how peak memory grows with the number of
// hosts, and how far an audit is from just reading the bytes.
//
//	go run ./testdata/bench/audit -hosts 1000
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
	hosts := flag.Int("hosts", 1000, "number of hosts; a tenth of them are the few")
	sites := flag.Int("sites", 40, "number of sites on each, and so of files")
	rounds := flag.Int("rounds", 3, "runs of each command")
	flag.Parse()
	if err := compare(*hosts, *sites, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compare(hosts, sites, rounds int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	program, err := measure.Build(dir)
	if err != nil {
		return err
	}
	few, all := filepath.Join(dir, "few"), filepath.Join(dir, "all")
	for _, d := range []string{few, all} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	root := filepath.Join(dir, "root")
	for i := range hosts {
		// Pools differ from host to host, so that no two snapshots are the same.
		if err := tree.Write(root, sites, 5+i%5); err != nil {
			return err
		}
		name := filepath.Join(all, fmt.Sprintf("web%04d.tar.zst", i))
		if out, err := exec.Command(program, "snapshot", "--root", root, "--host", fmt.Sprintf("web%04d", i), "-o", name).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if i < hosts/10 {
			if err := os.Link(name, filepath.Join(few, filepath.Base(name))); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(root); err != nil {
			return err
		}
	}
	audit := func(d string) []string {
		return []string{program, "audit", "--fail-on", "never", "--format", "json=" + filepath.Join(dir, "report.json"), d}
	}
	list := []string{"sh", "-c", `for f in "$1"/*; do tar tf "$f" > /dev/null || exit 1; done`, "sh", all}
	medians, err := measure.InTurns(rounds, audit(few), audit(all), list)
	if err != nil {
		return err
	}
	fmt.Println(medians[0].Row(fmt.Sprintf("audit of %d", hosts/10)))
	fmt.Println(medians[1].Row(fmt.Sprintf("audit of %d", hosts)))
	fmt.Println(medians[2].Row(fmt.Sprintf("tar tf of %d", hosts)))
	fmt.Printf("peak memory of all to few %.2f, wall time of all to tar %.2f\n",
		float64(medians[1].Peak)/float64(medians[0].Peak), medians[1].Wall.Seconds()/medians[2].Wall.Seconds())
	return nil
}
