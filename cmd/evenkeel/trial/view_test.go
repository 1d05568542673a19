package trial

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
)

func TestViews(t *testing.T) {
	p := Progress{At: 10 * time.Minute, Length: time.Hour, Pools: []PoolProgress{
		{Name: "stock", Bound: 7, Pending: 1, Now: verdict.Frame{Nodes: []float64{0.9, 0.1}}, HotNodeMinutes: 4},
	}}
	t.Run("lines", func(t *testing.T) {
		var b bytes.Buffer
		v := NewView(&b, false)
		v.Phase("starting")
		v.Progress(p)
		v.Progress(p) // the same ten minutes: no second line
		v.Close()
		want := "starting\n0:10 of 1:00  stock                            7 bound    1 pending" +
			"   CPU  50 %   hottest  90 %   hot now  1   hot-node minutes     4\n"
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
		if !strings.HasPrefix(b.String()[first:], "\x1b[3A\x1b[J") {
			t.Errorf("the second drawing does not go back over the first: %q", b.String()[first:])
		}
		if !strings.Contains(b.String(), "\x1b[31m█\x1b[0m▁") {
			t.Errorf("the hot node is not drawn red: %q", b.String())
		}
	})
}
