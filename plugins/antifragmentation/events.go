package antifragmentation

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// EventsToRegister implements fwk.EnqueueExtensions: what may make room for a pod.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	nodeChanges := fwk.Add | fwk.UpdateNodeAllocatable | fwk.UpdateNodeLabel
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: nodeChanges}},
		{Event: fwk.ClusterEvent{Resource: fwk.AssignedPod, ActionType: fwk.Delete}, QueueingHintFn: p.afterPodDelete},
		{Event: fwk.ClusterEvent{Resource: fwk.AssignedPod, ActionType: fwk.UpdatePodScaleDown}},
		{Event: fwk.ClusterEvent{Resource: fwk.TargetPod, ActionType: fwk.UpdatePodScaleDown}},
	}, nil
}

// afterPodDelete wakes a pod when one is gone that had some of what it wants.
func (p *Plugin) afterPodDelete(_ klog.Logger, pod *v1.Pod, before, _ any) (fwk.QueueingHint, error) {
	gone, ok := before.(*v1.Pod)
	if !ok {
		return fwk.Queue, fmt.Errorf("reading a pod event: got a %T", before)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	wants, err := p.ledger.Shape(pod)
	if err != nil {
		return fwk.QueueSkip, nil // what it asks for makes no sense, whatever goes
	}
	had, err := p.ledger.Shape(gone)
	if err != nil {
		return fwk.Queue, nil // nobody knows what it had
	}
	for d, request := range wants.Request {
		if request > 0 && had.Request[d] > 0 {
			return fwk.Queue, nil
		}
	}
	if wants.Devices > 0 && had.Devices > 0 {
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}
