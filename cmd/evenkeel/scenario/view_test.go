package scenario

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestViews(t *testing.T) {
	p := Progress{At: 10 * time.Minute, Length: time.Hour, Rows: []Row{{Text: "stock    7 bound", Strip: "█▁"}, {Text: "evenkeel 8 bound"}}}
	t.Run("lines", func(t *testing.T) {
		var b bytes.Buffer
		v := NewView(&b, false)
		v.Phase("starting")
		v.Progress(p)
		v.Progress(p) // the same ten minutes: no second line
		v.Close()
		want := "starting\n0:10 of 1:00  stock    7 bound\n0:10 of 1:00  evenkeel 8 bound\n"
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("table", func(t *testing.T) {
		var b bytes.Buffer
		v := NewView(&b, true)
		v.Progress(p)
		first := b.Len()
		v.Progress(p)
		if !strings.HasPrefix(b.String()[first:], "\x1b[4A\x1b[J") {
			t.Errorf("the second drawing does not go back over the first: %q", b.String()[first:])
		}
		if !strings.Contains(b.String(), "stock    7 bound\n  █▁\nevenkeel 8 bound\n") {
			t.Errorf("rows and strips are %q", b.String())
		}
	})
}

func TestBar(t *testing.T) {
	for at, done := range map[time.Duration]int{-time.Minute: 0, 0: 0, 30 * time.Minute: 25, time.Hour: 50, 2 * time.Hour: 50} {
		if got := strings.Count(bar(at, time.Hour), "█"); got != done {
			t.Errorf("at %v the bar has %d of 50, want %d", at, got, done)
		}
	}
}
