package capacity

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/policy"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// ByRequests is a trial by requests alone: pods come and go as their trace says, those that come at the same time
// in an order that the seed draws, and those that find no place are tried again whenever others have gone.
func ByRequests(policyName string, pods []trace.Pod) Trial {
	return func(ctx context.Context, nodes []*v1.Node, seed int64) (*Outcome, error) {
		clock := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
		p, err := policy.New(policyName, &policy.Setting{Seed: seed, Clock: clock})
		if err != nil {
			return nil, err
		}
		cluster, err := simulator.NewCluster(ctx, p, nodes, runtime.GOMAXPROCS(0))
		if err != nil {
			return nil, err
		}
		defer cluster.Close()
		r := &byRequests{cluster: cluster, clock: clock, pods: pods, books: newBooks(nodes)}
		if err := r.play(ctx, events(pods, seed)); err != nil {
			return nil, err
		}
		return &Outcome{Pending: r.mostPending, Reasons: r.reasons, Requested: r.books.most, P99CPU: math.NaN()}, nil
	}
}

// event is a pod that comes or goes.
type event struct {
	at   time.Duration
	pod  int
	goes bool
	draw uint64
}

// events are all, by time; who goes makes room for who comes.
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
		return cmp.Or(cmp.Compare(a.at, b.at), -compareBools(a.goes, b.goes), cmp.Compare(a.draw, b.draw))
	})
	return list
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// byRequests is one run.
type byRequests struct {
	cluster     *simulator.Cluster
	clock       *clocktesting.FakePassiveClock
	pods        []trace.Pod
	books       *books
	waiting     []int
	mostPending int
	reasons     map[string]int
}

func (r *byRequests) play(ctx context.Context, list []event) error {
	r.reasons = map[string]int{}
	for i, e := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.clock.SetTime(time.Unix(0, 0).Add(e.at))
		if !e.goes {
			if err := r.come(e.pod); err != nil {
				return err
			}
			r.mostPending = max(r.mostPending, len(r.waiting))
			continue
		}
		if err := r.leave(e.pod); err != nil {
			return err
		}
		if last := i+1 == len(list) || list[i+1].at > e.at || !list[i+1].goes; last {
			if err := r.retry(); err != nil {
				return err
			}
		}
	}
	return nil
}

// come places a pod or has it wait.
func (r *byRequests) come(pod int) error {
	_, err := r.cluster.Schedule(r.pods[pod].Object)
	var refused *simulator.Unschedulable
	switch {
	case errors.As(err, &refused):
		r.reasons[refused.Reason]++
		r.waiting = append(r.waiting, pod)
		return nil
	case err != nil:
		return err
	}
	r.books.add(r.pods[pod].Object, 1)
	return nil
}

func (r *byRequests) leave(pod int) error {
	if i := slices.Index(r.waiting, pod); i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
		return nil
	}
	r.books.add(r.pods[pod].Object, -1)
	return r.cluster.Remove(types.UID(r.pods[pod].Object.UID))
}

// retry tries those who wait, in the order in which they came.
func (r *byRequests) retry() error {
	waiting := r.waiting
	r.waiting = nil
	for _, pod := range waiting {
		if err := r.come(pod); err != nil {
			return err
		}
	}
	return nil
}

// books keep what is requested.
type books struct {
	has, now, most map[v1.ResourceName]float64
}

func newBooks(nodes []*v1.Node) *books {
	b := &books{has: map[v1.ResourceName]float64{}, now: map[v1.ResourceName]float64{}, most: map[v1.ResourceName]float64{}}
	for _, n := range nodes {
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			q := n.Status.Allocatable[name]
			b.has[name] += q.AsApproximateFloat64()
		}
		b.has[trace.GPU] += float64(trace.NodeGPUMilli(n)) / 1000
	}
	return b
}

// add counts a pod (sign 1), or no longer (-1).
func (b *books) add(pod *v1.Pod, sign float64) {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	b.count(v1.ResourceCPU, sign*requests.Cpu().AsApproximateFloat64())
	b.count(v1.ResourceMemory, sign*requests.Memory().AsApproximateFloat64())
	b.count(trace.GPU, sign*float64(trace.PodGPUMilli(pod))/1000)
}

func (b *books) count(name v1.ResourceName, amount float64) {
	b.now[name] += amount
	if b.has[name] > 0 {
		b.most[name] = max(b.most[name], b.now[name]/b.has[name])
	}
}

// Demand is what pods ask for in all. Parts of GPUs count as parts.
func Demand(pods []trace.Pod) v1.ResourceList {
	all := v1.ResourceList{}
	for i := range pods {
		requests := resourcehelper.PodRequests(pods[i].Object, resourcehelper.PodResourcesOptions{})
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			sum := all[name]
			sum.Add(requests[name])
			all[name] = sum
		}
	}
	var milli int64
	for i := range pods {
		milli += trace.PodGPUMilli(pods[i].Object)
	}
	sum := all[trace.GPUMilli]
	sum.Set(milli)
	all[trace.GPUMilli] = sum
	return all
}
