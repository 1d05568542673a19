package trace

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/trace/source"
	"github.com/evenkeel/evenkeel/simulator/trace/spec"
)

// changeDemand changes how many pods there are.
func changeDemand(d spec.Demand, pods []Pod, nodes []*v1.Node, seed int64) ([]Pod, error) {
	switch {
	case d.Tune != nil:
		return Tune(pods, nodes, *d.Tune, seed)
	case d.Scale != nil:
		return Scale(pods, *d.Scale, seed), nil
	}
	return pods, nil
}

// changeArrivals changes when pods arrive, and returns them in that order.
func changeArrivals(a spec.Arrivals, pods []Pod, seed int64) []Pod {
	sortByArrival(pods)
	times := make([]time.Duration, len(pods))
	for i := range pods {
		times[i] = pods[i].Arrival
	}
	random := random(seed, streamArrivals)
	if a.Order == spec.OrderShuffled {
		random.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	}
	var now float64 // in nanoseconds: a sum of durations might overflow
	for i := range pods {
		at := times[i]
		switch {
		case a.Every != nil:
			at = bounded(now)
			now += float64(a.Every.Duration)
		case a.Poisson != nil:
			now += random.ExpFloat64() * float64(a.Poisson.Duration)
			at = bounded(now)
		}
		pods[i].arriveAt(at)
		if a.Stay {
			pods[i].Departure = 0
		}
	}
	return pods
}

func bounded(nanoseconds float64) time.Duration {
	return time.Duration(min(nanoseconds, float64(source.Longest)))
}

// arriveAt moves a pod's life as it is.
func (p *Pod) arriveAt(at time.Duration) {
	if p.Departure > 0 {
		p.Departure = max(p.Departure-p.Arrival+at, 1) // 0 would mean that it stays
	}
	p.Arrival = at
}
