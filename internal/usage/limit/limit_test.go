package limit

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
	for name, tc := range map[string]struct {
		size int
		want string
	}{
		"less":     {9, ""},
		"just":     {10, ""},
		"one more": {11, "larger than 10 bytes: raise usage.x.max"},
		"far more": {5000, "larger than 10 bytes: raise usage.x.max"},
		"nothing":  {0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader, func(r io.Reader) io.Reader { return r }} {
				got, err := io.ReadAll(Reader(wrap(strings.NewReader(strings.Repeat("a", tc.size))), 10, "x.max"))
				if tc.want == "" && (err != nil || len(got) != tc.size) || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
					t.Errorf("%d bytes, %v, want %q", len(got), err, tc.want)
				}
			}
		})
	}
}
