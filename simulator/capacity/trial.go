package capacity

import (
	"context"
	"math"
	"runtime"
	"time"

	v1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/simulator"
	"github.com/evenkeel/evenkeel/simulator/churn"
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
		o := &Outcome{Reasons: map[string]int{}, P99CPU: math.NaN()}
		books := newBooks(nodes)
		player := churn.Player{
			Cluster: cluster, Clock: clock, Pods: pods,
			Placed:  func(pod int) { books.add(pods[pod].Object, 1) },
			Left:    func(pod int) { books.add(pods[pod].Object, -1) },
			Refused: func(_ int, reason string) { o.Reasons[reason]++ },
			Moment:  func(_ time.Duration, waiting int) { o.Pending = max(o.Pending, waiting) },
		}
		if err := player.Play(ctx, seed); err != nil {
			return nil, err
		}
		o.Requested = books.most
		return o, nil
	}
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
