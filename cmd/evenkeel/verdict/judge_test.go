package verdict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJudge(t *testing.T) {
	minute := func(m int, nodes ...float64) Frame {
		return Frame{At: time.Duration(m) * time.Minute, Nodes: nodes}
	}
	tests := map[string]struct {
		reason string
		frames []Frame
		want   Verdict
	}{
		"nothing seen": {
			reason: "no frame is no finding",
			want:   Verdict{},
		},
		"one frame": {
			reason: "a single moment has no length",
			frames: []Frame{minute(0, 0.9, 0.1)},
			want:   Verdict{MaxNodeUtilisation: 0.9, P99NodeUtilisation: 0.9},
		},
		"at the limit": {
			reason: "hot is above the limit, not at it",
			frames: []Frame{minute(0, 0.8), minute(5, 0.8)},
			want:   Verdict{MaxNodeUtilisation: 0.8, P99NodeUtilisation: 0.8},
		},
		"two hot nodes": {
			reason: "each hot node counts for the whole stretch that the frame ends",
			frames: []Frame{minute(0, 0, 0), minute(3, 0.9, 1.2), minute(5, 0.9, 0.2)},
			want:   Verdict{HotNodeMinutes: 2*3 + 1*2, MaxNodeUtilisation: 1.2, P99NodeUtilisation: 1.2},
		},
		"a gap": {
			reason: "a late frame stands for all the time since the last",
			frames: []Frame{minute(0, 0.1), minute(60, 0.81)},
			want:   Verdict{HotNodeMinutes: 60, MaxNodeUtilisation: 0.81, P99NodeUtilisation: 0.81},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Judge(tc.frames)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPercentile holds the rank formula against counting.
func TestPercentile(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		values := make([]float64, 1+rnd.IntN(300))
		for i := range values {
			values[i] = float64(rnd.IntN(50))
		}
		p := rnd.Float64()
		got := percentile(values, p)
		atOrBelow, below := 0, 0
		for _, v := range values {
			if v <= got {
				atOrBelow++
			}
			if v < got {
				below++
			}
		}
		need := p * float64(len(values))
		if float64(atOrBelow) < need || (float64(below) >= need && below > 0) {
			t.Fatalf("percentile(%v) of %v = %v: %d at or below, %d below", p, values, got, atOrBelow, below)
		}
	}
	if got := percentile(nil, 0.99); got != 0 {
		t.Errorf("percentile of nothing = %v, want 0", got)
	}
}

func TestFrame(t *testing.T) {
	f := Frame{Nodes: []float64{0.2, 0.81, 0.79, 1.0}}
	if f.Hot() != 2 || f.Max() != 1.0 || math.Abs(f.Mean()-0.7) > 1e-9 {
		t.Errorf("hot %d, max %v, mean %v; want 2, 1, 0.7", f.Hot(), f.Max(), f.Mean())
	}
}
