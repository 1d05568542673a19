// Package subject is what of a pod an estimate of its load is made of: whose
// replica it is, and what it requests.
package subject

import (
	"math"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
)

// Subject is what of a pod an estimate is made of.
type Subject struct {
	Namespace, Name string
	Workload        usage.Workload
	Request         [2]int64 // CPU and memory, in the units of a vector
	Requested       [2]bool
	Predicted       int64 // its CPU as TargetLoadPacking predicts it
}

// Prediction is how TargetLoadPacking predicts.
type Prediction struct {
	DefaultRequests    int64 // thousandths of a core
	RequestsMultiplier float64
}

// Of reads a pod. Without a prediction nothing is predicted.
func Of(pod *v1.Pod, p *Prediction) Subject {
	s := Subject{Namespace: pod.Namespace, Name: pod.Name, Workload: usage.WorkloadOf(pod)}
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	for d, name := range [...]v1.ResourceName{usage.CPU: v1.ResourceCPU, usage.Memory: v1.ResourceMemory} {
		if q, ok := requests[name]; ok && !q.IsZero() {
			s.Request[d], s.Requested[d] = formula.Quantity(usage.Dimension(d), &q), true
		}
	}
	if p != nil {
		s.Predicted = p.of(pod)
	}
	return s
}

// of is TargetLoadPacking's prediction of a pod's CPU: the limits, else the
// requests times a factor, else a default, of each container.
func (p *Prediction) of(pod *v1.Pod) int64 {
	sum := pod.Spec.Overhead.Cpu().MilliValue()
	for i := range pod.Spec.Containers {
		r := &pod.Spec.Containers[i].Resources
		if limit, ok := r.Limits[v1.ResourceCPU]; ok {
			sum += limit.MilliValue()
		} else if request, ok := r.Requests[v1.ResourceCPU]; ok {
			sum += int64(math.Round(float64(request.MilliValue()) * p.RequestsMultiplier))
		} else {
			sum += p.DefaultRequests
		}
	}
	return sum
}

// Start is when a pod started, or was placed, in Unix milliseconds; 0 where it does
// not say.
func Start(pod *v1.Pod) int64 {
	if t := pod.Status.StartTime; t != nil {
		return t.UnixMilli()
	}
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == v1.PodScheduled && c.Status == v1.ConditionTrue {
			return c.LastTransitionTime.UnixMilli()
		}
	}
	return 0
}

// Signature is all of a pod not yet placed that its estimate, and with that scores
// and verdicts, come from, besides what is known of usage.
type Signature struct {
	Namespace, Workload string
	Requests            [2]int64
	Requested           [2]bool
	Predicted           int64
	Tier                int
}

// Sign returns the signature of a pod of that tier. To Trimaran all workloads are
// the same.
func (s *Subject) Sign(tier int, trimaran bool) Signature {
	out := Signature{Requests: s.Request, Requested: s.Requested, Predicted: s.Predicted, Tier: tier}
	if !trimaran {
		out.Namespace, out.Workload = s.Workload.Namespace, s.Workload.Name
	}
	return out
}
