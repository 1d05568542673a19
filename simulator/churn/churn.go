// Package churn plays pods that come and go, by their requests alone, on one simulated cluster.
package churn

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Player plays pods on a cluster. Those that find no place wait, and are tried again whenever others have gone.
type Player struct {
	Cluster *simulator.Cluster
	// Clock is set to the time of the trace, from the Unix epoch on.
	Clock *clocktesting.FakePassiveClock
	Pods  []trace.Pod
	// Placed, Left and Refused are called with what becomes of a pod, by its position in Pods; nil: nobody is told.
	// A pod that left while it waited was never placed, and is not told to have left.
	Placed, Left func(pod int)
	Refused      func(pod int, reason string)
	// Moment is called after all that happened at a time; nil: nobody is told.
	Moment func(at time.Duration, waiting int)

	waiting []int
}

// event is a pod that comes or goes.
type event struct {
	at   time.Duration
	pod  int
	goes bool
	draw uint64
}

// events are all, by time: who goes makes room for who comes, and those that come at the same time do so in an
// order that the seed draws.
func events(pods []trace.Pod, seed int64) []event {
	rng := rand.New(rand.NewPCG(uint64(seed), 0))
	list := make([]event, 0, len(pods))
	for i := range pods {
		list = append(list, event{at: pods[i].Arrival, pod: i, draw: rng.Uint64()})
		if pods[i].Departure > 0 {
			list = append(list, event{at: pods[i].Departure, pod: i, goes: true})
		}
	}
	slices.SortStableFunc(list, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.draw, b.draw))
	})
	return list
}

func rank(e event) int {
	if e.goes {
		return 0
	}
	return 1
}

// Play plays all of it.
func (p *Player) Play(ctx context.Context, seed int64) error {
	list := events(p.Pods, seed)
	for i, e := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.Clock.SetTime(time.Unix(0, 0).Add(e.at))
		last := i+1 == len(list) || list[i+1].at > e.at
		if err := p.happen(e, last || !list[i+1].goes); err != nil {
			return err
		}
		if last && p.Moment != nil {
			p.Moment(e.at, len(p.waiting))
		}
	}
	return nil
}

func (p *Player) happen(e event, lastToGo bool) error {
	if !e.goes {
		return p.come(e.pod)
	}
	if err := p.leave(e.pod); err != nil {
		return err
	}
	if !lastToGo {
		return nil
	}
	waiting := p.waiting
	p.waiting = nil
	for _, pod := range waiting {
		if err := p.come(pod); err != nil {
			return err
		}
	}
	return nil
}

// come places a pod or has it wait.
func (p *Player) come(pod int) error {
	_, err := p.Cluster.Schedule(p.Pods[pod].Object)
	var refused *simulator.Unschedulable
	switch {
	case errors.As(err, &refused):
		p.waiting = append(p.waiting, pod)
		if p.Refused != nil {
			p.Refused(pod, refused.Reason)
		}
	case err != nil:
		return err
	case p.Placed != nil:
		p.Placed(pod)
	}
	return nil
}

func (p *Player) leave(pod int) error {
	if i := slices.Index(p.waiting, pod); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		return nil
	}
	if p.Left != nil {
		p.Left(pod)
	}
	return p.Cluster.Remove(p.Pods[pod].Object.UID)
}
