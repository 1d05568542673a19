package scaledown

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/evenkeel/evenkeel/simulator/scaling"
)

func TestJudge(t *testing.T) {
	size := func(minute float64, replicas, ready int32) Size {
		return Size{At: time.Duration(minute * float64(time.Minute)), Replicas: replicas, Ready: ready}
	}
	steps := func(values ...float64) *scaling.Demand {
		return &scaling.Demand{Step: 30 * time.Minute, Values: values}
	}
	tests := map[string]struct {
		reason string
		demand *scaling.Demand
		sizes  []Size
		want   Verdict
	}{
		"enough all the time": {
			reason: "nothing changes, nothing is lost",
			demand: steps(2, 2), sizes: []Size{size(0, 3, 3)},
			want: Verdict{PodHours: 3, MostReplicas: 3, Demand: 2, Served: 2},
		},
		"too few for half of the time": {
			reason: "what is beyond the ready pods is lost, pods or no pods",
			demand: steps(2, 5), sizes: []Size{size(0, 9, 3)},
			want: Verdict{PodHours: 9, MostReplicas: 9, Demand: 3.5, Served: 2.5, Unserved: 1, ShortMinutes: 30},
		},
		"up and down": {
			reason: "two changes, of which one turns around; each size counts for as long as it holds",
			demand: steps(1, 1), sizes: []Size{size(0, 1, 1), size(15, 4, 1), size(15.5, 4, 4), size(30, 2, 2)},
			want: Verdict{ReplicaChanges: 2, Reversals: 1, PodHours: 0.25 + 1 + 1, MostReplicas: 4, Demand: 1, Served: 1},
		},
		"down by steps": {
			reason: "changes in one direction do not turn around",
			demand: steps(0, 0), sizes: []Size{size(0, 6, 6), size(20, 4, 4), size(40, 3, 3)},
			want: Verdict{ReplicaChanges: 2, PodHours: 2 + 4.0/3 + 1, MostReplicas: 6},
		},
		"before and after": {
			reason: "what was before the beginning is no change, and what comes after the end does not count",
			demand: steps(1, 1), sizes: []Size{size(-10, 9, 9), size(-5, 1, 1), size(0, 2, 2), size(60, 7, 7), size(70, 1, 1)},
			want: Verdict{PodHours: 2, MostReplicas: 2, Demand: 1, Served: 1},
		},
		"an unknown stretch": {
			reason: "costs pods, and is not judged",
			demand: steps(4, math.NaN()), sizes: []Size{size(0, 2, 2)},
			want: Verdict{PodHours: 2, MostReplicas: 2, Demand: 2, Served: 1, Unserved: 1, ShortMinutes: 30},
		},
		"nothing seen": {reason: "no size is no finding", demand: steps(1)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Judge(tc.demand, tc.sizes), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// dumb looks at each second of the trace.
func dumb(d *scaling.Demand, sizes []Size) Verdict {
	var v Verdict
	var path []int32
	for second := time.Duration(0); second < d.Length(); second += time.Second {
		now := sizes[0]
		for _, s := range sizes {
			if s.At <= second {
				now = s
			}
		}
		path = append(path, now.Replicas)
		v.PodHours += float64(now.Replicas) / 3600
		v.MostReplicas = max(v.MostReplicas, now.Replicas)
		asked := d.Values[second/d.Step]
		if math.IsNaN(asked) {
			continue
		}
		v.Demand += asked / 3600
		v.Served += min(asked, float64(now.Ready)) / 3600
		if asked > float64(now.Ready) {
			v.Unserved += (asked - float64(now.Ready)) / 3600
			v.ShortMinutes += 1.0 / 60
		}
	}
	var turns []bool // up or not
	for i := range path[1:] {
		if path[i+1] != path[i] {
			turns = append(turns, path[i+1] > path[i])
		}
	}
	v.ReplicaChanges = len(turns)
	for i := range max(1, len(turns)) - 1 {
		if turns[i] != turns[i+1] {
			v.Reversals++
		}
	}
	return v
}

// TestJudgeAgainstSeconds has sizes that last a second at least, so that looking at each second sees all.
func TestJudgeAgainstSeconds(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		d := &scaling.Demand{Step: time.Duration(20+rnd.IntN(200)) * time.Second}
		for range 1 + rnd.IntN(12) {
			asked := 10 * rnd.Float64()
			if rnd.IntN(8) == 0 {
				asked = math.NaN()
			}
			d.Values = append(d.Values, asked)
		}
		at := -time.Duration(rnd.IntN(100)) * time.Second
		var sizes []Size
		for range 1 + rnd.IntN(25) {
			replicas := 1 + rnd.Int32N(10)
			sizes = append(sizes, Size{At: at, Replicas: replicas, Ready: rnd.Int32N(replicas + 1)})
			at += time.Duration(1+rnd.IntN(120)) * time.Second
		}
		got := Judge(d, sizes)
		if diff := cmp.Diff(dumb(d, sizes), got, cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, diff)
		}
		if got.Reversals > max(0, got.ReplicaChanges-1) || got.Unserved > got.Demand {
			t.Fatalf("seed %d: %+v", seed, got)
		}
	}
}

// TestMoreReadyServesMore: pods that serve never lose demand.
func TestMoreReadyServesMore(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	d := &scaling.Demand{Step: time.Minute, Values: []float64{3, 9, 1, 7, 7, 2}}
	for range 200 {
		size := Size{Replicas: 12, Ready: rnd.Int32N(11)}
		fewer := Judge(d, []Size{size})
		size.Ready++
		if more := Judge(d, []Size{size}); more.Served < fewer.Served || more.ShortMinutes > fewer.ShortMinutes {
			t.Fatalf("%d ready pods serve %+v, one fewer %+v", size.Ready, more, fewer)
		}
	}
}

func TestDemandAt(t *testing.T) {
	d := &scaling.Demand{Step: time.Minute, Values: []float64{1, 2, 3}}
	for at0, want := range map[time.Duration]float64{
		-time.Hour: 1, 0: 1, 59 * time.Second: 1, time.Minute: 2, 3*time.Minute - 1: 3, 3 * time.Minute: 1, 7 * time.Minute: 2,
	} {
		if got := at(d, at0); got != want {
			t.Errorf("at %v it is %v, want %v", at0, got, want)
		}
	}
}
