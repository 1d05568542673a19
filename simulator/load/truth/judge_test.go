package truth

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// look is how much of its CPU each node's pods want.
type look []float64

const whole = 10_000

func judged(looks ...look) Verdict {
	j := NewJudge(0.8, 10)
	for _, l := range looks {
		for i, u := range l {
			j.See(int32(i), whole, int64(math.Round(u*whole)))
		}
		j.Open()
	}
	return j.Verdict(time.Minute)
}

func TestVerdict(t *testing.T) {
	cases := map[string]struct {
		reason string
		looks  []look
		want   Verdict
	}{
		"Nothing": {reason: "nobody looked"},
		"OneLook": {
			reason: "the first look stands for no time, but counts among the percentiles",
			looks:  []look{{0.9, 0.1}}, want: Verdict{P99: 0.9, Highest: 0.9},
		},
		"Hot": {
			reason: "a node is hot above the limit, not at it",
			looks:  []look{{0, 0}, {0.8, 0.81}, {0.79, 0.95}},
			want:   Verdict{HotMinutes: 2, NodeMinutes: 4, HotNodes: 1, P99: 0.95, Highest: 0.95, Served: (0.8 + 0.81 + 0.79 + 0.95) / 4},
		},
		"HotAtFirst": {
			reason: "a node hot at the first look only was hot for no time",
			looks:  []look{{0.9}, {0.1}}, want: Verdict{NodeMinutes: 1, P99: 0.9, Highest: 0.9, Served: 0.1},
		},
		"Overload": {
			reason: "what is wanted beyond what there is is not served",
			looks:  []look{{0, 0}, {1.5, 0.5}}, want: Verdict{HotMinutes: 1, NodeMinutes: 2, HotNodes: 1, P99: 1.5, Highest: 1.5, Served: 0.75},
		},
		"TwoHotNodes": {
			reason: "each counts once",
			looks:  []look{{0, 0}, {0.9, 0.1}, {0.1, 0.9}, {0.9, 0.9}},
			want:   Verdict{HotMinutes: 4, NodeMinutes: 6, HotNodes: 2, P99: 0.9, Highest: 0.9, Served: 3.8 / 6},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := judged(tc.looks...)
			got.Served = math.Round(1e9*got.Served) / 1e9
			tc.want.Served = math.Round(1e9*tc.want.Served) / 1e9
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestStepsAreTimes(t *testing.T) {
	j := NewJudge(0.5, 1)
	j.See(0, 1000, 600)
	j.Open()
	for range 3 {
		j.See(0, 1000, 600)
	}
	if v := j.Verdict(5 * time.Minute); v.HotMinutes != 15 || v.NodeMinutes != 15 {
		t.Errorf("three looks five minutes apart made %+v", v)
	}
}

// TestQuantile holds the counted quantile to the sorted one, by nearest rank.
func TestQuantile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{1, 2, 50, 99, 100, 101, 5000} {
		j := NewJudge(1, 1)
		var all []float64
		for range count {
			u := random.ExpFloat64() / 2
			demand := int64(u * 1_000_000)
			j.See(0, 1_000_000, demand)
			all = append(all, float64(demand)/1_000_000)
		}
		slices.Sort(all)
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
			want := all[max(0, int(math.Ceil(q*float64(count)))-1)]
			if got := j.quantile(q); got < want-1e-12 || got > want+1.0/fineness {
				t.Errorf("of %d values the %v-quantile is %v, want %v", count, q, got, want)
			}
		}
	}
}

func TestBeyondTheScale(t *testing.T) {
	j := NewJudge(1, 1)
	j.See(0, 1, 1000)
	if v := j.Verdict(time.Minute); v.Highest != 1000 || v.P99 != most {
		t.Errorf("a thousand times too much is %+v", v)
	}
}

func TestNodesWithoutCPU(t *testing.T) {
	j := NewJudge(1, 1)
	j.Open()
	j.See(0, 0, 10)
	if v := j.Verdict(time.Minute); v != (Verdict{}) {
		t.Errorf("a node without CPU was judged: %+v", v)
	}
}

func TestMoreDemandIsNeverBetter(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var base, more []look
		for range 1 + random.IntN(10) {
			a, b := look{}, look{}
			for range 1 + random.IntN(9) {
				u := random.Float64() * 1.5
				a, b = append(a, u), append(b, u+random.Float64()/2)
			}
			base, more = append(base, a), append(more, b)
		}
		a, b := judged(base...), judged(more...)
		if b.HotMinutes < a.HotMinutes || b.HotNodes < a.HotNodes || b.P99 < a.P99 || b.Highest < a.Highest || b.Served < a.Served {
			t.Fatalf("with more demand %+v became %+v", a, b)
		}
	}
}
