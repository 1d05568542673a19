// Package limit bounds what is read of an answer.
package limit

import (
	"fmt"
	"io"
)

// Reader returns a Reader of r that fails once r gives more than so many bytes.
// The error names the field of the configuration to raise.
func Reader(r io.Reader, bytes int64, name string) io.Reader {
	return &limited{r: r, left: bytes, limit: bytes, name: name}
}

type limited struct {
	r           io.Reader
	left, limit int64
	name        string
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
		return 0, fmt.Errorf("the answer is larger than %d bytes: raise usage.%s, or ask for less", l.limit, l.name)
	}
	l.left -= int64(n)
	return n, err
}
