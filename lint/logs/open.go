package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// Input is one log: a file, or a stream where Reader is set.
type Input struct {
	Name   string
	Reader io.Reader
}

// maxWindow is the most memory that a zstd stream may ask for, in bytes (zstd --long).
const maxWindow = 128 << 20

// decompress tells gzip and zstd by their first bytes.
func decompress(from io.Reader) (io.Reader, func(), error) {
	r := bufio.NewReaderSize(from, sniffSize)
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

// with opens a log for a function.
func (in Input) with(do func(io.Reader) error) error {
	from := in.Reader
	if from == nil {
		f, err := os.Open(in.Name)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if info.IsDir() {
			return fmt.Errorf("%s is a directory", in.Name)
		}
		from = f
	}
	r, done, err := decompress(from)
	if err != nil {
		return fmt.Errorf("%s: %w", in.Name, err)
	}
	defer done()
	if err := do(r); err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return fmt.Errorf("%s: %w", in.Name, err)
	}
	return nil
}

// sniffSize is how much of a log tells whose it is, in bytes.
const sniffSize = 64 << 10

// isNginx says whether nginx writes into a log. Streams may be anything.
func (in Input) isNginx() (bool, error) {
	if in.Reader != nil {
		return true, nil
	}
	if info, err := os.Stat(in.Name); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return true, nil // a pipe can be read once
	}
	found := false
	err := in.with(func(r io.Reader) error {
		head := make([]byte, sniffSize)
		n, err := io.ReadFull(r, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		for line := range bytes.SplitSeq(head[:n], []byte{'\n'}) {
			if nginxPrefix(cutPrefix(line)) || bytes.Contains(line, []byte(" nginx")) {
				found = true
				return nil
			}
		}
		return nil
	})
	return found, err
}

// Read reads logs, several at a time. Those without nginx's lines come first, so that what PHP-FPM
// and the kernel did is known when nginx's failed requests are explained. It returns the errors of
// all logs that could not be read; what the others say is kept.
func (a *Analysis) Read(ctx context.Context, inputs []Input) error {
	var first, second []int
	failures := make([]error, len(inputs))
	for i, in := range inputs {
		isNginx, err := in.isNginx()
		switch {
		case err != nil:
			failures[i] = err
		case isNginx:
			second = append(second, i)
		default:
			first = append(first, i)
		}
	}
	base := len(a.Sources)
	for _, in := range inputs {
		a.Sources = append(a.Sources, &Source{Name: in.Name})
	}
	for _, group := range [][]int{first, second} {
		var workers errgroup.Group
		workers.SetLimit(runtime.GOMAXPROCS(0))
		for _, i := range group {
			workers.Go(func() error {
				failures[i] = a.readOne(ctx, inputs[i], a.Sources[base+i])
				return nil
			})
		}
		_ = workers.Wait() // the errors are in failures
	}
	return errors.Join(failures...)
}

func (a *Analysis) newReader(s *Source) *reader {
	return &reader{source: s, sink: a, zone: a.Zone, now: a.Now, unit: unitOf(s.Name)}
}

func (a *Analysis) readOne(ctx context.Context, in Input, s *Source) error {
	r := a.newReader(s)
	if in.Reader == nil {
		// A rotated log's dates without a year are of the time when it was written.
		if info, err := os.Stat(in.Name); err == nil && info.Mode().IsRegular() && info.ModTime().Before(r.now) {
			r.now = info.ModTime().Add(time.Hour)
		}
	}
	defer r.finish()
	return in.with(func(from io.Reader) error { return r.read(ctx, from) })
}
