package logs

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Times of following: how often a log is looked at, how long a failed request waits for what
// PHP-FPM's log says about it, and how long a log that was renamed may still be written to.
const (
	pollEvery = 250 * time.Millisecond
	settleFor = 3 * time.Second
	renameFor = 2 * time.Second
)

// Follow reads logs from their ends on, until the context ends, and hands over each incident when it
// begins. A log that rotation renames is read to its end before the new one is begun; one that it
// empties is read from the start. The context's end is no error.
func (a *Analysis) Follow(ctx context.Context, inputs []Input, begins func(*Incident) error) error {
	tails, err := a.tails(inputs)
	if err != nil {
		return err
	}
	return a.follow(ctx, tails, begins)
}

// followed is a log with its reader.
type followed struct {
	*reader
	from io.Reader
	tail *tail // nil for a stream
}

// tails opens logs at their ends.
func (a *Analysis) tails(inputs []Input) (out []followed, err error) {
	for _, in := range inputs {
		s := &Source{Name: in.Name}
		a.Sources = append(a.Sources, s)
		f := followed{reader: a.newReader(s), from: in.Reader}
		f.follows = true
		if in.Reader == nil {
			if f.tail, err = openTail(in.Name); err != nil {
				break
			}
		}
		out = append(out, f)
	}
	if err != nil {
		for _, f := range out {
			f.close()
		}
	}
	return out, err
}

func (f followed) close() {
	if f.tail != nil {
		_ = f.tail.file.Close()
	}
}

func (a *Analysis) follow(ctx context.Context, logs []followed, begins func(*Incident) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range logs {
		group.Go(func() error {
			defer f.close()
			if f.tail != nil {
				f.from = tailReader{ctx, f.tail}
			}
			return f.read(ctx, f.from)
		})
	}
	group.Go(func() error {
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(pollEvery):
			}
			for _, i := range a.takeFresh(time.Now().Add(-settleFor)) {
				if err := begins(i); err != nil {
					return err
				}
			}
		}
		return nil
	})
	err := group.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// tail is a file that is written to.
type tail struct {
	name string
	file *os.File
	at   int64
	// renamed is when another file was first seen at the name.
	renamed time.Time
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
	if t.renamed.IsZero() {
		t.renamed = time.Now()
	}
	if time.Since(t.renamed) < renameFor {
		return false
	}
	f, err := os.Open(t.name)
	if err != nil {
		return false
	}
	_ = t.file.Close()
	t.file, t.at, t.renamed = f, 0, time.Time{}
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
