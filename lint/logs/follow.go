package logs

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Times of following: how often a log is looked at, and how long a failed request waits for what
// PHP-FPM's log says about it.
const (
	pollEvery = 250 * time.Millisecond
	settleFor = 3 * time.Second
)

// Follow reads logs from their ends on, until the context ends, and hands over each incident when it
// begins. A log that rotation renames is read to its end before the new one is begun; one that it
// empties is read from the start. The context's end is no error.
func (a *Analysis) Follow(ctx context.Context, inputs []Input, begins func(*Incident) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, in := range inputs {
		s := &Source{Name: in.Name}
		a.Sources = append(a.Sources, s)
		r := a.newReader(s)
		r.follows = true
		if in.Reader != nil {
			group.Go(func() error { return r.read(ctx, in.Reader) })
			continue
		}
		t, err := openTail(in.Name)
		if err != nil {
			return err
		}
		group.Go(func() error {
			defer t.close()
			return r.read(ctx, tailReader{ctx, t})
		})
	}
	group.Go(func() error {
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(pollEvery):
			}
			for _, i := range a.Fresh(time.Now().Add(-settleFor)) {
				if err := begins(i); err != nil {
					return err
				}
			}
		}
		return nil
	})
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// tail is a file that is written to.
type tail struct {
	name string
	file *os.File
	at   int64
}

func openTail(name string) (*tail, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &tail{name: name, file: f, at: at}, nil
}

func (t *tail) close() { _ = t.file.Close() }

// next goes on to the file that now has the name, or back to the start of one that was emptied. It
// says whether there is something to read.
func (t *tail) next() bool {
	have, err := t.file.Stat()
	if err != nil {
		return false
	}
	if have.Size() > t.at {
		return true
	}
	if have.Size() < t.at {
		t.at = 0
		_, err := t.file.Seek(0, io.SeekStart)
		return err == nil && have.Size() > 0
	}
	now, err := os.Stat(t.name)
	if err != nil || os.SameFile(have, now) {
		return false // not there yet, or nothing new
	}
	f, err := os.Open(t.name)
	if err != nil {
		return false
	}
	t.close()
	t.file, t.at = f, 0
	return now.Size() > 0
}

// tailReader waits at the end of a tail.
type tailReader struct {
	ctx context.Context
	*tail
}

func (r tailReader) Read(p []byte) (int, error) {
	for {
		n, err := r.file.Read(p)
		r.at += int64(n)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		for !r.next() {
			select {
			case <-r.ctx.Done():
				return 0, r.ctx.Err()
			case <-time.After(pollEvery):
			}
		}
	}
}
