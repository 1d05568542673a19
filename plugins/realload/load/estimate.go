package load

import (
	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
	"github.com/evenkeel/evenkeel/plugins/realload/subject"
)

// origin says where the estimate of a pod came from.
type origin uint8

const (
	originNone     origin = iota // nothing is known; taken for nothing
	originDefault                // a pod without request
	originRequests               // its request
	originWorkload               // what its workload was seen to use
	originOwn                    // what it was seen to use itself
)

func (o origin) String() string {
	return [...]string{"none", "default", "requests", "workload", "own"}[o]
}

// estimate is what a pod is believed to use, and why.
type estimate struct {
	formula.Demand
	origin [usage.Dimensions]origin
}

// estimator makes estimates from one usage snapshot, at one moment.
type estimator struct {
	*Policy
	snapshot *usage.Snapshot
	now      int64
	// habits are what pods make of their requests: as measured in the cluster, else
	// the policy's factor, give or take UnknownSpread.
	habits [2]formula.Habit
}

// estimate tells what a pod that has been running since start (0: not yet), and
// was itself measured to use own (nil: nothing), is believed to use.
func (e *estimator) estimate(s *subject.Subject, own *usage.Usage, start int64) estimate {
	if e.Trimaran() {
		return e.trimaran(s)
	}
	var (
		out     estimate
		learned *usage.Usage
	)
	for d := range usage.Dimensions {
		mean, spread, trust := e.gauge(d, own, start)
		from := originOwn
		if trust < formula.Thousand { // most pods were measured well, and need no workload
			if learned == nil && e.snapshot.Learned(usage.Dimension(d)) {
				learned = e.snapshot.Workload(s.Workload)
			}
			m, dev, origin := e.learned(d, s, learned)
			mean, spread = formula.Blend(mean, m, trust), formula.Blend(spread, dev, trust)
			if trust < formula.Thousand/2 {
				from = origin
			}
		}
		out.Mean[d], out.Variance[d], out.origin[d] = mean, spread*spread, from
	}
	return out
}

// gauge reads one dimension of what was measured of a pod, and how far that is to
// be believed: not at all where it is unknown.
func (e *estimator) gauge(d int, own *usage.Usage, start int64) (mean, spread, trust int64) {
	if own == nil {
		return 0, 0, 0
	}
	mean, spread, ok := formula.Gauge(d, &own[d])
	if !ok {
		return 0, 0, 0
	}
	return mean, spread, e.trust(own[d][usage.Mean].At, start)
}

// trust tells how far a pod's own sample is to be believed, per mille: it must be
// fresh, and taken when the pod had warmed up.
func (e *estimator) trust(at, start int64) int64 {
	if start == 0 {
		return 0
	}
	warm := min(max(0, at-start), e.warmup) * formula.Thousand / e.warmup
	return e.Confidence(e.now-at) * warm / formula.Thousand
}

// learned is the estimate without the pod's own usage.
func (e *estimator) learned(d int, s *subject.Subject, workload *usage.Usage) (mean, spread int64, from origin) {
	if workload != nil {
		if mean, spread, ok := formula.Gauge(d, &workload[d]); ok {
			return mean, spread, originWorkload
		}
	}
	if d >= len(s.Request) {
		return 0, 0, originNone
	}
	if !s.Requested[d] {
		return e.fallback[d], e.fallback[d] / formula.UnknownSpread, originDefault
	}
	mean, spread = e.habits[d].Use(s.Request[d])
	return max(1, mean), spread, originRequests
}

// trimaran estimates as its plugins do: from the specification alone.
func (e *estimator) trimaran(s *subject.Subject) estimate {
	var out estimate
	for d := range s.Request {
		out.Mean[d], out.origin[d] = s.Request[d], originRequests
	}
	if e.mode == config.ModeTargetLoadPacking {
		out.Mean[usage.CPU] = s.Predicted
	}
	return out
}
