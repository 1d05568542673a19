// Package limit bounds what is read of an answer.
package limit

import (
	"fmt"
	"io"
)

// Reader returns a Reader of r that fails once r gives more than so many bytes.
// The error names the field of the configuration to raise.
func Reader(r io.Reader, bytes int64, name string) io.Reader {
	return Until(r, bytes, fmt.Errorf("the answer is larger than %d bytes: raise usage.%s, or ask for less", bytes, name))
}

// Until returns a Reader of r that fails with an error once r gives more than so
// many bytes.
func Until(r io.Reader, bytes int64, tooLarge error) io.Reader {
	return &limited{r: r, left: bytes, tooLarge: tooLarge}
}

type limited struct {
	r        io.Reader
	left     int64
	tooLarge error
}

func (l *limited) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	// One byte more than is left tells an answer that is too large from one that
	// just fits.
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		l.left = 0
		return 0, l.tooLarge
	}
	l.left -= int64(n)
	return n, err
}
