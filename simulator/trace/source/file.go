// Package source reads files so that an error names the file, the line and the field, and so that no file takes
// unbounded memory: CSV rows by the names in their header, and YAML with the lines of its fields.
package source

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	// MaxUnpacked is how many bytes a file may have unpacked: a small gzip file may unpack to any size.
	MaxUnpacked = 4 << 30
	// MaxRow is how many bytes a row may have.
	MaxRow = 1 << 20

	sniffed = 512 // bytes
)

// File is an open file, unpacked if it was gzipped.
type File struct {
	*bufio.Reader
	path string
	file *os.File
}

// Open opens a file that is not empty. Reading more than limit bytes from it is an error.
func Open(path string, limit int64) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, errors.Unwrap(err)) // which names the path again
	}
	reader, err := unpack(file, limit)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", path, err), file.Close())
	}
	return &File{Reader: reader, path: path, file: file}, nil
}

// Close closes the file.
func (f *File) Close() {
	f.file.Close() // nothing was written
}

func unpack(from io.Reader, limit int64) (*bufio.Reader, error) {
	raw := bufio.NewReader(from)
	var bounded io.Reader = raw
	if magic, _ := raw.Peek(2); string(magic) == "\x1f\x8b" {
		unpacked, err := gzip.NewReader(raw)
		if err != nil {
			return nil, cutOff(err)
		}
		bounded = unpacked
	}
	reader := bufio.NewReader(&bound{from: bounded, left: limit})
	if _, err := reader.Peek(1); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	return reader, nil
}

// IsCSV decides by the name's ending, else by the first line: a header has commas and neither colon nor brace.
func (f *File) IsCSV() bool {
	switch filepath.Ext(strings.TrimSuffix(f.path, ".gz")) {
	case ".csv":
		return true
	case ".yaml", ".yml", ".json":
		return false
	}
	start, _ := f.Peek(sniffed) // an error shows again when read
	line, _, _ := strings.Cut(string(start), "\n")
	return strings.Contains(line, ",") && !strings.ContainsAny(line, ":{")
}

// bound fails once too much was read.
type bound struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bound) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errors.New("the file is too large when unpacked: split it")
	}
	return n, cutOff(err)
}

func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the gzip file is cut off, copy it again: %w", err)
	}
	return err
}

// Rows passes CSV on, but fails at a row that is too long: a missing quote must not take all of a file into memory.
func Rows(from io.Reader) io.Reader { return &rows{from: from} }

type rows struct {
	from   io.Reader
	length int
	quoted bool
}

// Read implements io.Reader.
func (r *rows) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	for _, c := range p[:n] {
		r.length++
		switch {
		case c == '"':
			r.quoted = !r.quoted
		case c == '\n' && !r.quoted:
			r.length = 0
		}
		if r.length > MaxRow {
			return 0, fmt.Errorf("a row is longer than %d bytes: look for a missing quote or end of line", MaxRow)
		}
	}
	return n, err
}
