package trial

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/verdict"
)

func TestPoolsInOneLine(t *testing.T) {
	frame := verdict.Frame{Nodes: []float64{0.9, 0.1}}
	p := poolProgress{name: "stock", bound: 7, pending: 1, now: frame, hotNodeMinutes: 4}
	want := "stock                            7 bound    1 pending   CPU  50 %   hottest  90 %   hot now  1   hot-node minutes     4"
	if diff := cmp.Diff(want, p.line()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := strip(frame); got != "\x1b[31m█\x1b[0m▁" {
		t.Errorf("the hot node is not drawn red: %q", got)
	}
}
