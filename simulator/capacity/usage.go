package capacity

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/simulator/load"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// watched is how long a cluster is watched once all pods have come.
const watched = 24 * time.Hour

// ByUsage is a trial by what pods use: the policy is one of policy.Load, and the pods have curves.
func ByUsage(policyName string, pods []trace.Pod) Trial {
	return func(ctx context.Context, nodes []*v1.Node, seed int64) (*Outcome, error) {
		workload := func(int64) (*trace.Workload, error) {
			return &trace.Workload{Nodes: nodes, Pods: pods, Duration: trace.LastArrival(pods) + watched}, nil
		}
		results, err := load.Run(ctx, workload, load.Options{Policies: []string{policyName}, Seeds: []int64{seed}})
		if err != nil {
			return nil, err
		}
		b := newBooks(nodes)
		for i := range pods {
			b.add(pods[i].Object, 1)
		}
		return &Outcome{
			Pending: results[0].PodsPending, Reasons: map[string]int{}, Requested: b.most, P99CPU: results[0].P99NodeUtilisation,
		}, nil
	}
}
