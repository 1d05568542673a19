package vector

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deeply an answer may nest where it is passed over.
const maxDepth = 64

// maxWord is how long a number may be.
const maxWord = 512

// Scanner reads JSON from a stream, a piece at a time. encoding/json would do,
// at ten times the cost: an answer about 150,000 pods is read sixteen times in
// each refresh.
type Scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	read     int64  // bytes before buf
	long     []byte // a string that did not fit in buf, or had escapes
	key      []byte
}

// New returns a Scanner, which may be used again and again.
func New() *Scanner { return &Scanner{buf: make([]byte, 64<<10)} }

// Reset makes s read from the beginning of r.
func (s *Scanner) Reset(r io.Reader) {
	s.r, s.pos, s.end, s.read = r, 0, 0, 0
}

// fill reads more, once buf is used up.
func (s *Scanner) fill() error {
	s.read += int64(s.end)
	s.pos, s.end = 0, 0
	for range 100 {
		n, err := s.r.Read(s.buf)
		if n > 0 {
			s.end = n
			return nil // an error comes again with the next Read
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

func (s *Scanner) byte() (byte, error) {
	if s.pos == s.end {
		if err := s.fill(); err != nil {
			return 0, s.broken(err)
		}
	}
	c := s.buf[s.pos]
	s.pos++
	return c, nil
}

// broken says that the stream stopped in the middle.
func (s *Scanner) broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading the answer at byte %d: %w", s.read, err)
}

func (s *Scanner) unexpected(c byte, wanted string) error {
	return fmt.Errorf("decoding the answer at byte %d: found %q where %s should be: it is not of Prometheus", s.read+int64(s.pos)-1, c, wanted)
}

// peek returns the next byte that is no white space, without taking it.
func (s *Scanner) peek() (byte, error) {
	for {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			s.pos--
			return c, nil
		}
	}
}

func (s *Scanner) take(want byte) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	s.pos++
	if c != want {
		return s.unexpected(c, strconv.QuoteRune(rune(want)))
	}
	return nil
}

// finish takes white space up to the end of the stream.
func (s *Scanner) finish() error {
	for {
		if s.pos == s.end {
			err := s.fill()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return s.broken(err)
			}
		}
		c := s.buf[s.pos]
		s.pos++
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return s.unexpected(c, "the end")
		}
	}
}

// object calls field for each key, which reads its value. The key is good until
// it does.
func (s *Scanner) object(field func(key []byte) error) error {
	if err := s.take('{'); err != nil {
		return err
	}
	return s.list('}', func() error {
		key, err := s.str()
		if err != nil {
			return err
		}
		// The key may lie in buf, which reading on overwrites.
		s.key = append(s.key[:0], key...)
		if err := s.take(':'); err != nil {
			return err
		}
		return field(s.key)
	})
}

// array calls element for each element, which reads it.
func (s *Scanner) array(element func() error) error {
	if err := s.take('['); err != nil {
		return err
	}
	return s.list(']', element)
}

// list calls element for each of a list's elements, up to last.
func (s *Scanner) list(last byte, element func() error) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == last {
		s.pos++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		c, err := s.peek()
		if err != nil {
			return err
		}
		s.pos++
		switch c {
		case last:
			return nil
		case ',':
		default:
			return s.unexpected(c, "a comma or the end of the list")
		}
	}
}

// str reads a string. It is good until the next call of the scanner.
func (s *Scanner) str() ([]byte, error) {
	if err := s.take('"'); err != nil {
		return nil, err
	}
	s.long = s.long[:0]
	start := s.pos
	for {
		if s.pos == s.end {
			if err := s.refill(start); err != nil {
				return nil, err
			}
			start = 0
		}
		c := s.buf[s.pos]
		s.pos++
		switch {
		case c == '"':
			return s.whole(s.buf[start : s.pos-1]), nil
		case c == '\\':
			s.long = append(s.long, s.buf[start:s.pos-1]...)
			if err := s.escape(); err != nil {
				return nil, err
			}
			start = s.pos
		case c < ' ':
			return nil, s.unexpected(c, "a letter")
		}
	}
}

// whole is a string of which the last part was read; one of one part is not copied.
func (s *Scanner) whole(last []byte) []byte {
	if len(s.long) == 0 {
		return last
	}
	s.long = append(s.long, last...)
	return s.long
}

// refill keeps the part of a string that is read, from start on, and reads on.
func (s *Scanner) refill(start int) error {
	s.long = append(s.long, s.buf[start:s.end]...)
	if err := s.fill(); err != nil {
		return s.broken(err)
	}
	return nil
}

// escape reads what follows a backslash.
func (s *Scanner) escape() error {
	c, err := s.byte()
	if err != nil {
		return err
	}
	switch c {
	case '"', '\\', '/':
		s.long = append(s.long, c)
	case 'b':
		s.long = append(s.long, '\b')
	case 'f':
		s.long = append(s.long, '\f')
	case 'n':
		s.long = append(s.long, '\n')
	case 'r':
		s.long = append(s.long, '\r')
	case 't':
		s.long = append(s.long, '\t')
	case 'u':
		return s.unicode()
	default:
		return s.unexpected(c, "an escape")
	}
	return nil
}

// unicode reads the digits of an escape, and of a second one that makes a pair
// with it. A lone half is the replacement character.
func (s *Scanner) unicode() error {
	r, err := s.hex()
	for err == nil && utf16.IsSurrogate(r) {
		var c byte
		if c, err = s.byte(); err != nil {
			return err
		}
		if c != '\\' {
			s.pos--
			r = utf8.RuneError
			break
		}
		if c, err = s.byte(); err != nil {
			return err
		}
		if c != 'u' {
			s.long = utf8.AppendRune(s.long, utf8.RuneError)
			s.pos--
			return s.escape()
		}
		var second rune
		if second, err = s.hex(); err != nil {
			return err
		}
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			r = pair
			break
		}
		s.long = utf8.AppendRune(s.long, utf8.RuneError)
		r = second
	}
	if err != nil {
		return err
	}
	s.long = utf8.AppendRune(s.long, r)
	return nil
}

func (s *Scanner) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, s.unexpected(c, "a hexadecimal digit")
		}
	}
	return r, nil
}

// skip passes over a value.
func (s *Scanner) skip(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("decoding the answer at byte %d: it nests deeper than %d", s.read+int64(s.pos), maxDepth)
	}
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case '[':
		return s.array(func() error { return s.skip(depth + 1) })
	case '"':
		_, err := s.str()
		return err
	default:
		_, err := s.word()
		return err
	}
}

// word reads a number, true, false or null. What it accepts is a little more
// than JSON has. It is good until the next call of the scanner.
func (s *Scanner) word() ([]byte, error) {
	c, err := s.peek()
	s.long = s.long[:0]
	for ; err == nil; c, err = s.byte() {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c == '.', c == '-', c == '+', c == 'E':
			if len(s.long) == 0 {
				s.pos++ // it was only peeked at
			}
			s.long = append(s.long, c)
		case len(s.long) == 0:
			s.pos++
			return nil, s.unexpected(c, "a value")
		default:
			s.pos--
			return s.long, nil
		}
		if len(s.long) > maxWord {
			return nil, s.unexpected(c, "the end of a number")
		}
	}
	return nil, err
}
