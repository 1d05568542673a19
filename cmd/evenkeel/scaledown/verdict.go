package scaledown

import (
	"math"
	"time"

	"github.com/evenkeel/evenkeel/simulator/scaling"
)

// Size is how many pods were asked for, and how many served, from a time of the trace on.
type Size struct {
	At              time.Duration
	Replicas, Ready int32
}

// Verdict is how a contender fared. Work is in pod-hours: a pod can do one in an hour.
type Verdict struct {
	// Settings are how it scales down, in time of the trace.
	Settings string `json:"settings"`
	// ReplicaChanges are those of the size asked for, Reversals those of its direction.
	ReplicaChanges int     `json:"replicaChanges"`
	Reversals      int     `json:"reversals"`
	PodHours       float64 `json:"podHours"`
	MostReplicas   int32   `json:"mostReplicas"`
	Demand         float64 `json:"demandPodHours"`
	Served         float64 `json:"servedPodHours"`
	Unserved       float64 `json:"unservedPodHours"`
	// ShortMinutes is how long there was more demand than the ready pods could serve.
	ShortMinutes float64 `json:"shortMinutes"`
}

// Judge takes the sizes that a contender had, in order of time; the first holds from the beginning of the demand on, and
// each to the next or the end. Demand beyond what the ready pods can do is lost, not made up for. What is not known to be
// asked for (NaN) is not judged.
func Judge(d *scaling.Demand, sizes []Size) Verdict {
	var v Verdict
	var direction int32
	for i, s := range sizes {
		from, until := max(0, s.At), d.Length()
		if i+1 < len(sizes) {
			until = min(until, max(0, sizes[i+1].At))
		}
		v.spend(d, s, from, until)
		if s.At <= 0 || s.At >= d.Length() {
			continue
		}
		if change := s.Replicas - sizes[max(0, i-1)].Replicas; change != 0 {
			v.ReplicaChanges++
			if change*direction < 0 {
				v.Reversals++
			}
			direction = change
		}
	}
	v.Served = v.Demand - v.Unserved
	return v
}

// spend adds a stretch of one size.
func (v *Verdict) spend(d *scaling.Demand, s Size, from, until time.Duration) {
	if from >= until {
		return
	}
	v.PodHours += float64(s.Replicas) * (until - from).Hours()
	v.MostReplicas = max(v.MostReplicas, s.Replicas)
	for from < until {
		end := min(until, from.Truncate(d.Step)+d.Step)
		asked, length := at(d, from), end-from
		from = end
		if math.IsNaN(asked) {
			continue
		}
		v.Demand += asked * length.Hours()
		if short := asked - float64(s.Ready); short > 0 {
			v.Unserved += short * length.Hours()
			v.ShortMinutes += length.Minutes()
		}
	}
}

// at is the demand at a time: before its beginning what it is there, and after its end all over again.
func at(d *scaling.Demand, t time.Duration) float64 {
	return d.Values[int(max(0, t)/d.Step)%len(d.Values)]
}
