// Package snapshot collects what linting a machine needs, without its secrets, in one archive: the
// files that linting it here would read. It lints nothing.
package snapshot

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"fpmlint/lint/lazy"
	"fpmlint/lint/source"
	"fpmlint/lint/stack"
)

// ManifestFile is where a snapshot says what it is.
const ManifestFile = "/fpmlint/manifest.json"

// Manifest describes a snapshot.
type Manifest struct {
	Version int `json:"version"`
	// Host is the machine's name, Time when the snapshot was taken, Tool the version of fpmlint.
	Host string    `json:"host"`
	Time time.Time `json:"time"`
	Tool string    `json:"tool"`
	// Masked are the lines in which a value was replaced. Comments are left out of every file and
	// not listed.
	Masked []Masked `json:"masked"`
	// LeftOut are files that linting looked at and that are not in the snapshot, or empty there.
	LeftOut []LeftOut `json:"leftOut"`
}

// Masked is a file with its lines, which count from 1.
type Masked struct {
	File  string `json:"file"`
	Lines []int  `json:"lines"`
}

// NotAllowed is the reason where the user who took the snapshot had no right to the file.
const NotAllowed = "this user may not read it"

// LeftOut is a file and why its content is not in the snapshot.
type LeftOut struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// Write writes the snapshot of a stack whose root was recorded while it was loaded and linted: a
// tar compressed with zstd. Equal input gives equal bytes. The manifest's lists are filled in.
func Write(w io.Writer, s *stack.Stack, rec *source.Recording, m *Manifest) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if err := writeTar(z, s, rec, m); err != nil {
		return err
	}
	return z.Close()
}

// Root is the root that a snapshot would hold.
func Root(s *stack.Stack, rec *source.Recording) (*source.Root, error) {
	var b bytes.Buffer
	if err := writeTar(&b, s, rec, &Manifest{}); err != nil {
		return nil, err
	}
	return source.Snapshot(&b)
}

func writeTar(w io.Writer, s *stack.Stack, rec *source.Recording, m *Manifest) error {
	files := collect(s, rec, m)
	if e := s.FPMHost.Evidence; e != nil {
		data, err := e.JSON()
		if err != nil {
			return err
		}
		files[source.EvidenceFile] = file{mode: 0o644, data: data}
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	files[ManifestFile] = file{mode: 0o644, data: append(data, '\n')}
	t := tar.NewWriter(w)
	// The manifest comes first, so that a reader need not unpack the rest to know the host.
	names := slices.Sorted(maps.Keys(files))
	names = append([]string{ManifestFile}, slices.DeleteFunc(names, func(n string) bool { return n == ManifestFile })...)
	for _, name := range names {
		if err := files[name].write(t, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return t.Close()
}

type file struct {
	mode   fs.FileMode
	link   string
	data   []byte
	unread bool
}

func (f file) write(t *tar.Writer, name string) error {
	h := &tar.Header{Format: tar.FormatPAX, Name: strings.TrimPrefix(name, "/"), Mode: int64(f.mode.Perm()), Typeflag: tar.TypeReg, Size: int64(len(f.data))}
	switch {
	case f.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case f.link != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
	}
	if f.unread {
		h.PAXRecords = map[string]string{source.PAXComment: source.NotAllowed}
	}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(f.data)
	return err
}

// readers say who reads a file: each is masked by its reader's grammar.
type readers struct {
	nginx, fpm map[string]bool
	// dirs are nginx's, in which a file of parameters may lie that nothing includes.
	dirs map[string]bool
	// faults are the lines of a file that PHP-FPM's grammar refuses.
	faults map[string]map[int]bool
}

func readersOf(s *stack.Stack) readers {
	r := readers{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]map[int]bool{}}
	for _, c := range s.Nginx {
		r.dirs[c.Prefix] = true
		for _, f := range c.Files {
			r.nginx[f.Source.Path] = true
		}
		for _, i := range c.Includes {
			for _, f := range i.Beside {
				r.nginx[f.Path] = true
			}
		}
	}
	for _, master := range s.Masters {
		for _, f := range master.Files {
			r.fpm[f.Path] = true
		}
		for _, i := range master.Includes {
			for _, f := range i.Beside {
				r.fpm[f.Path] = true
			}
		}
		for _, p := range master.Problems {
			if p.Kind == source.Syntax {
				if r.faults[p.Span.File.Path] == nil {
					r.faults[p.Span.File.Path] = map[int]bool{}
				}
				r.faults[p.Span.File.Path][p.Span.Position().Line] = true
			}
		}
	}
	return r
}

func collect(s *stack.Stack, rec *source.Recording, m *Manifest) map[string]file {
	by := readersOf(s)
	m.Masked, m.LeftOut = []Masked{}, []LeftOut{}
	out := map[string]file{}
	for p, seen := range rec.Each {
		volatile := strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/") || strings.HasPrefix(p, "/dev/")
		if seen.Unread && !volatile {
			m.LeftOut = append(m.LeftOut, LeftOut{p, NotAllowed})
		}
		switch {
		case p == "/" || strings.HasPrefix(p, "/fpmlint/"):
		case seen.Listed && !stackName().MatchString(p): // a neighbour in /etc, say
		case seen.Mode.IsDir() && !volatile:
			out[p] = file{mode: fs.ModeDir | seen.Mode.Perm(), unread: seen.Unread}
		case seen.Link != "" && !volatile:
			out[p] = file{mode: 0o777, link: seen.Link}
		case seen.Mode.IsRegular() && seen.Data == nil && !volatile:
			out[p] = file{mode: seen.Mode, unread: seen.Unread} // that it is there is all that was asked, or shown
		case seen.Mode.IsRegular() && seen.Data != nil:
			data, masked, reason := by.kept(p, seen.Data)
			if volatile && reason == notConfiguration {
				continue
			}
			out[p] = file{mode: seen.Mode, data: data}
			if reason != "" {
				m.LeftOut = append(m.LeftOut, LeftOut{p, reason})
			}
			if len(masked) > 0 {
				m.Masked = append(m.Masked, Masked{p, masked})
			}
		}
	}
	slices.SortFunc(m.Masked, func(a, b Masked) int { return strings.Compare(a.File, b.File) })
	slices.SortFunc(m.LeftOut, func(a, b LeftOut) int { return strings.Compare(a.File, b.File) })
	return out
}

// kept is what a snapshot keeps of a file, with the lines that were masked, or the reason why nothing is.
func (r readers) kept(p string, content []byte) (data []byte, masked []int, reason string) {
	mask := newMasker(source.NewFile(p, content))
	switch {
	case bytes.IndexByte(content, 0) >= 0:
		reason = "it is not a text"
	case r.nginx[p], underAny(r.dirs, p) && path.Ext(p) != ".htpasswd" && isParams(p) && !r.fpm[p] && !strings.HasSuffix(p, ".ini"):
		mask.nginx()
		data = mask.result()
	case r.fpm[p] || strings.HasSuffix(p, ".ini"):
		mask.faults = r.faults[p]
		mask.ini()
		data = mask.result()
	default:
		data, reason = reduce(p, content)
		if strings.HasSuffix(p, ".service") || strings.Contains(p, ".service.d/") {
			mask = newMasker(source.NewFile(p, data))
			mask.text(0, len(data))
			data = mask.result()
		}
	}
	if keyBlock().Match(content) && (data == nil || keyBlock().Match(data)) {
		data, reason = nil, "it holds a private key"
	}
	return data, slices.Sorted(maps.Keys(mask.lines)), reason
}

// stackName is in the paths of what a listing may be asked for: its neighbours are left out.
var stackName = lazy.Regexp(`(?i)php|fpm|nginx|openresty`)

func underAny(dirs map[string]bool, p string) bool {
	for p != "/" && p != "." {
		if p = path.Dir(p); dirs[p] && p != "/" {
			return true
		}
	}
	return false
}

// isParams says whether a file holds the standard FastCGI parameters, which rules look for.
func isParams(p string) bool {
	return strings.HasPrefix(path.Base(p), "fastcgi")
}
