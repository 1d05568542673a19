package load

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

// counted counts how often a curve is looked at: all that a simulation does for a pod at each measurement.
type counted struct {
	trace.Curve
	looks *atomic.Int64
}

func (c counted) At(at time.Duration) int64 {
	c.looks.Add(1)
	return c.Curve.At(at)
}

// TestWorkGrowsWithPodsAndTime doubles the cluster, and then the time, and counts looks at curves.
func TestWorkGrowsWithPodsAndTime(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while")
	}
	work := func(name string, size int, length time.Duration) (looks, placements int64) {
		w := &trace.Workload{Nodes: machines(5*size, "16"), Duration: length}
		var count atomic.Int64
		for i := range 50 * size {
			w.Pods = append(w.Pods, trace.Pod{
				Object: task(fmt.Sprintf("p-%d", i), "500m"), Arrival: time.Duration(i/size) * time.Minute,
				Curve: counted{Curve: steady(300), looks: &count},
			})
		}
		r := run(t, name, w, Options{})
		return count.Load(), int64(r.Placements)
	}
	for _, name := range []string{"stock", "realload", "koordinator", "oracle"} {
		base, placed := work(name, 2, 12*time.Hour)
		larger, placedMore := work(name, 4, 12*time.Hour)
		longer, _ := work(name, 2, 24*time.Hour)
		t.Logf("%s: %d looks for %d pods, %d for %d, %d for twice the time", name, base, placed, larger, placedMore, longer)
		if placed != 100 || placedMore != 200 {
			t.Errorf("%s placed %d and %d pods, want all", name, placed, placedMore)
		}
		if ratio := float64(larger) / float64(base); ratio > 2.2 {
			t.Errorf("%s: twice the pods on twice the nodes take %.2f times the looks", name, ratio)
		}
		if ratio := float64(longer) / float64(base); ratio > 2.3 {
			t.Errorf("%s: twice the time takes %.2f times the looks", name, ratio)
		}
	}
}
