package logs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFollow writes to a log, lets it be renamed, emptied and written on, and misses nothing.
func TestFollow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "error.log")
	line := func(server string) string {
		return time.Now().Format("2006/01/02 15:04:05") + " [error] 8#8: *2 no live upstreams while connecting to upstream, client: 127.0.0.1, server: " +
			server + `, request: "GET / HTTP/1.1", upstream: "fastcgi://php", host: "h"` + "\n"
	}
	write := func(flags int, text string) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|flags, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(0, line("before"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a := New(Options{})
	ended := make(chan error, 1)
	began := make(chan string, 10)
	started := make(chan struct{})
	go func() {
		tails, err := a.tails([]Input{{Name: file}})
		close(started)
		if err != nil {
			ended <- err
			return
		}
		ended <- a.follow(ctx, tails, func(i *Incident) error {
			began <- i.Server
			return nil
		})
	}()
	<-started
	half := line("cut")
	write(os.O_APPEND, line("appended")+half[:40])
	time.Sleep(2 * pollEvery)
	write(os.O_APPEND, half[40:])
	// Rotation: nginx writes into the old file until it opens the new one.
	old := file + ".1"
	if err := os.Rename(file, old); err != nil {
		t.Fatal(err)
	}
	write(0, line("new"))
	time.Sleep(2 * pollEvery)
	f, err := os.OpenFile(old, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(line("renamed")); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	time.Sleep(renameFor + 3*pollEvery)
	write(os.O_TRUNC, "")
	time.Sleep(3 * pollEvery)
	write(os.O_APPEND, line("emptied"))

	want := map[string]bool{"appended": true, "cut": true, "renamed": true, "new": true, "emptied": true}
	for len(want) > 0 {
		select {
		case server := <-began:
			if !want[server] {
				t.Fatalf("an incident of %q", server)
			}
			delete(want, server)
		case <-ctx.Done():
			t.Fatalf("missed: %v", want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if r := a.Report(); !r.Failed() || r.Lines != 5 {
		t.Errorf("%d lines", r.Lines)
	}
}

func TestFilters(t *testing.T) {
	at := func(clock, host string) string {
		return fmt.Sprintf(`2026/11/21 %s [error] 8#8: *2 no live upstreams while connecting to upstream, client: 127.0.0.1, server: shop.example, request: "GET / HTTP/1.1", upstream: "fastcgi://php", host: "%s"`, clock, host) + "\n"
	}
	text := at("08:00:00", "a.example") + at("09:00:00", "b.example:8080") + at("10:00:00", "A.EXAMPLE")
	day := func(hour int) time.Time { return time.Date(2026, 11, 21, hour, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		o    Options
		want int
	}{
		"all":         {Options{}, 3},
		"since":       {Options{Since: day(9)}, 2},
		"until":       {Options{Until: day(9)}, 2},
		"host":        {Options{Host: "a.example"}, 2},
		"port":        {Options{Host: "b.example"}, 1},
		"pattern":     {Options{Host: "?.example"}, 3},
		"server":      {Options{Host: "shop.example"}, 3},
		"nobody":      {Options{Host: "none.example"}, 0},
		"bad pattern": {Options{Host: "["}, 0},
	} {
		c.o.Zone = time.UTC
		a := New(c.o)
		if err := a.Read(t.Context(), []Input{{Name: "log", Reader: strings.NewReader(text)}}); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, i := range a.Report().Incidents {
			got += i.Count
		}
		if got != c.want {
			t.Errorf("%s: %d requests, want %d", name, got, c.want)
		}
	}
}

// What is kept is bounded, whatever the log names.
func TestBounds(t *testing.T) {
	var b strings.Builder
	for n := range 20_000 {
		fmt.Fprintf(&b, `2026/11/21 08:00:00 [error] 8#8: *2 recv() failed (104: Connection reset by peer) while reading response header from upstream, client: 127.0.0.1, server: s%d, request: "GET /%d HTTP/1.1", upstream: "fastcgi://10.0.0.1:%d", host: "h%d"`+"\n", n, n, n, n)
		fmt.Fprintf(&b, `2026/11/21 08:00:00 [error] 8#8: *2 word%c%c%c of upstream, client: 127.0.0.1, server: s, request: "GET / HTTP/1.1"`+"\n", 'a'+n%26, 'a'+n/26%26, 'a'+n/676%26)
		fmt.Fprintf(&b, "[21-Nov-2026 08:00:00] WARNING: [pool p%d] child %d exited on signal 11 (SIGSEGV) after 1 seconds from start\n", n, n)
	}
	a := New(Options{Zone: time.UTC})
	if err := a.Read(t.Context(), []Input{{Name: "log", Reader: strings.NewReader(b.String())}}); err != nil {
		t.Fatal(err)
	}
	r := a.Report()
	if len(r.Incidents) > maxIncidents+len(causes) || len(r.Unknown) > maxUnknown+1 {
		t.Errorf("%d incidents, %d unknown messages", len(r.Incidents), len(r.Unknown))
	}
	requests, unknown := 0, 0
	for _, i := range r.Incidents {
		requests += i.Count
	}
	for _, u := range r.Unknown {
		unknown += u.Count
	}
	if requests != 20_000 || unknown != 20_000 {
		t.Errorf("%d requests, %d unknown messages counted", requests, unknown)
	}
}

func TestTally(t *testing.T) {
	var few, many tally
	for n := range 10_000 {
		few.add(fmt.Sprint(n % tallyPlaces))
		many.add(fmt.Sprint(n))
		many.add("often")
	}
	if got := few.top(1)[0].Count; got != 10_000/tallyPlaces+1 {
		t.Errorf("%d, want %d", got, 10_000/tallyPlaces+1)
	}
	if got := many.top(1)[0]; got.Name != "often" || got.Count > 10_000 || got.Count < 5_000 || len(many.counts) > tallyPlaces {
		t.Errorf("%+v of %d", got, len(many.counts))
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for at := int64(1_795_220_648); at < 1_795_220_648+90*86400; at += 3600 {
		h.add(at)
	}
	h.add(1)
	start, width, counts := h.bars()
	total := 0
	for _, n := range counts {
		total += n
	}
	if total != 90*24+1 || len(counts) > maxBars || start.Unix() > 1 || width%(24*time.Hour) != 0 {
		t.Errorf("%d in %d bars of %s from %s", total, len(counts), width, start)
	}
}
