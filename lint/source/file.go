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

	once   sync.Once
	blocks []block
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

// blockSize is how far apart the places are whose lines are known at once: a file may consist of line
// ends, or be one line.
const blockSize = 1024

// block is the line in which a block of the file begins: how many stand before it, and where it
// begins.
type block struct{ lines, start int32 }

func (f *File) index() {
	f.once.Do(func() {
		f.blocks = make([]block, 0, len(f.Data)/blockSize+1)
		var at block
		for begin := 0; begin <= len(f.Data); begin += blockSize {
			f.blocks = append(f.blocks, at)
			data := f.Data[begin:min(begin+blockSize, len(f.Data))]
			if n := bytes.Count(data, newline); n > 0 {
				at = block{at.lines + int32(n), int32(begin + bytes.LastIndexByte(data, '\n') + 1)}
			}
		}
	})
}

var newline = []byte{'\n'}

// Position converts a byte offset; an offset past the end is the end.
func (f *File) Position(offset int) Position {
	f.index()
	offset = max(0, min(offset, len(f.Data)))
	at := f.blocks[offset/blockSize]
	begin := offset / blockSize * blockSize
	data := f.Data[begin:offset]
	if n := bytes.Count(data, newline); n > 0 {
		at = block{at.lines + int32(n), int32(begin + bytes.LastIndexByte(data, '\n') + 1)}
	}
	return Position{Line: int(at.lines) + 1, Column: offset - int(at.start) + 1}
}

// Line returns the bytes of a line, which counts from 1, without its line ending, and the offset
// of its first byte. It returns nil where there is no such line.
func (f *File) Line(n int) ([]byte, int) {
	f.index()
	start, ok := f.begin(n)
	if !ok {
		return nil, len(f.Data)
	}
	end, ok := f.begin(n + 1)
	if ok {
		end--
	}
	return bytes.TrimSuffix(f.Data[start:end], []byte("\r")), start
}

// begin is where a line begins; the file's end, where there is no such line.
func (f *File) begin(line int) (offset int, ok bool) {
	if line <= 1 {
		return 0, line == 1
	}
	// The last block with too few lines before it holds the line feed.
	i := sort.Search(len(f.blocks), func(i int) bool { return int(f.blocks[i].lines) >= line-1 }) - 1
	offset = i * blockSize
	for range line - 1 - int(f.blocks[i].lines) {
		n := bytes.IndexByte(f.Data[offset:], '\n')
		if n < 0 {
			return len(f.Data), false
		}
		offset += n + 1
	}
	return offset, true
}
