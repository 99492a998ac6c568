package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"fpmlint/lint"
	"fpmlint/lint/snapshot"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
	"fpmlint/rules"
)

func snapshotCommand() *cli.Command {
	return &cli.Command{
		Name:  "snapshot",
		Usage: "collect what linting this machine needs in one archive, without secrets",
		Description: "The archive holds the configurations, the facts about the host and what the running machine shows.\n" +
			"Values that may be credentials are masked, keys left out; fpmlint/manifest.json in it lists both.\n" +
			"SOURCE_DATE_EPOCH, in seconds, replaces the time in it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the snapshot to `FILE`.tar.zst"},
			&cli.StringFlag{Name: "root", Value: "/", Usage: "take the snapshot of `DIR`"},
			&cli.StringFlag{Name: "host", Usage: "the host's `NAME` (default: that of this machine, or of the root)"},
		},
		Action: runSnapshot,
	}
}

func runSnapshot(c *cli.Context) error {
	if c.NArg() > 0 {
		return fmt.Errorf("snapshot takes no argument; --root %s takes the snapshot of a root there", c.Args().First())
	}
	name := c.String("output")
	if name == "" {
		return errors.New("snapshot needs --output FILE.tar.zst")
	}
	dir := c.String("root")
	root, err := source.Dir(dir)
	if err != nil {
		return err
	}
	rec := root.Record()
	s, err := stack.LoadRoot(root, dir, stack.Options{})
	if err != nil {
		return err
	}
	// What the rules ask for goes in too.
	if _, err := lint.Run(c.Context, []*stack.Stack{s}, rules.All()); err != nil {
		return err
	}
	m := &snapshot.Manifest{Version: 1, Tool: version(), Host: cmp.Or(c.String("host"), hostName(root)), Time: time.Now().UTC().Truncate(time.Second)}
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		n, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %q is not a number of seconds", epoch)
		}
		m.Time = time.Unix(n, 0).UTC()
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".fpmlint-snapshot-*") // readable for its owner only
	if err != nil {
		return fmt.Errorf("--output: %w", &fs.PathError{Op: "create", Path: name, Err: errors.Unwrap(err)})
	}
	err = errors.Join(snapshot.Write(f, s, rec, m), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	for _, l := range m.LeftOut {
		if l.Reason == snapshot.NotAllowed {
			fmt.Fprintf(c.App.ErrWriter, "fpmlint: %s: %s: it cannot be judged\n", printable(l.File), l.Reason) //nolint:errcheck // nowhere to report it
		}
	}
	return nil
}

// hostName is this machine's name, or the one that a root's etc/hostname has.
func hostName(root *source.Root) string {
	if root.Live() {
		name, _ := os.Hostname()
		return name
	}
	if f, err := root.Read("/etc/hostname"); err == nil {
		var name string
		if _, err := fmt.Sscan(string(f.Data), &name); err == nil {
			return name
		}
	}
	return filepath.Base(root.Disk())
}
