// Package source reads configuration files below a root and gives every byte a position.
//
// A root is a directory, a tar snapshot or an "nginx -T" dump. Paths inside configurations are
// looked up below the root, symbolic links are followed inside it only, and each file is read once.
package source

import (
	"bytes"
	"io/fs"
	"sort"
	"sync"
	"unsafe"
)

// MaxFileSize is the largest file that is read, in bytes.
const MaxFileSize = 64 << 20

// File is one file, read once. Two names that lead to the same file share one File.
type File struct {
	// Path is the file's real path inside the root: absolute, slash-separated, links resolved.
	Path string
	// Display is the path to print: on disk, relative to the working directory when below it.
	// For a dump or a snapshot it is the path inside, after the snapshot's name.
	Display string
	// Disk is where the file lies on disk: its absolute real path; "" for a snapshot, a dump or
	// standard input.
	Disk string
	// Data holds the bytes. Nobody may change them.
	Data []byte
	// Mode is the file's mode; zero where it is unknown (standard input, a dump).
	Mode fs.FileMode

	once  sync.Once
	lines []int // offset of each line's first byte
}

// NewFile makes a File from bytes that are at hand, for tests and standard input.
func NewFile(path string, data []byte) *File {
	return &File{Path: path, Display: path, Data: data}
}

// Text is Data as a string, without a copy.
func (f *File) Text() string { return unsafe.String(unsafe.SliceData(f.Data), len(f.Data)) }

// Position is a place in a file. Lines and columns count from 1, columns in bytes.
type Position struct {
	Line, Column int
}

// Span is a range of bytes in a file: Start is included, End is not.
// The zero Span means "nowhere".
type Span struct {
	File       *File
	Start, End int
}

// IsZero says whether the span points nowhere.
func (s Span) IsZero() bool { return s.File == nil }

// Text is what the span covers.
func (s Span) Text() string {
	if s.File == nil {
		return ""
	}
	return string(s.File.Data[s.Start:s.End])
}

// Position is where the span begins.
func (s Span) Position() Position { return s.File.Position(s.Start) }

// EndPosition is the place after the span's last byte.
func (s Span) EndPosition() Position { return s.File.Position(s.End) }

// Span covers the bytes from start to end, end excluded.
func (f *File) Span(start, end int) Span { return Span{File: f, Start: start, End: end} }

func (f *File) index() {
	f.once.Do(func() {
		f.lines = append(f.lines, 0)
		for i := 0; ; {
			j := bytes.IndexByte(f.Data[i:], '\n')
			if j < 0 {
				return
			}
			i += j + 1
			f.lines = append(f.lines, i)
		}
	})
}

// Position converts a byte offset; an offset past the end is the end.
func (f *File) Position(offset int) Position {
	f.index()
	offset = max(0, min(offset, len(f.Data)))
	i := sort.SearchInts(f.lines, offset+1) - 1
	return Position{Line: i + 1, Column: offset - f.lines[i] + 1}
}

// Line returns the bytes of a line, which counts from 1, without its line ending, and the offset
// of its first byte. It returns nil where there is no such line.
func (f *File) Line(n int) ([]byte, int) {
	f.index()
	if n < 1 || n > len(f.lines) {
		return nil, len(f.Data)
	}
	start, end := f.lines[n-1], len(f.Data)
	if n < len(f.lines) {
		end = f.lines[n] - 1
	}
	return bytes.TrimSuffix(f.Data[start:end], []byte("\r")), start
}
