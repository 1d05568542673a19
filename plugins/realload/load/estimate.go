package load

import (
	"math"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
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

// subject is what of a pod an estimate is made of.
type subject struct {
	namespace, name string
	workload        usage.Workload
	request         [2]int64 // CPU and memory, in the units of a vector
	requested       [2]bool
	trimaran        int64 // its CPU as TargetLoadPacking predicts it
}

func (p *Policy) subjectOf(pod *v1.Pod) subject {
	s := subject{namespace: pod.Namespace, name: pod.Name, workload: usage.WorkloadOf(pod)}
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	for d, name := range [...]v1.ResourceName{usage.CPU: v1.ResourceCPU, usage.Memory: v1.ResourceMemory} {
		if q, ok := requests[name]; ok && !q.IsZero() {
			s.request[d], s.requested[d] = formula.Quantity(usage.Dimension(d), &q), true
		}
	}
	if p.mode == config.ModeTargetLoadPacking {
		s.trimaran = p.predict(pod)
	}
	return s
}

// predict is TargetLoadPacking's prediction of a pod's CPU: the limits, else the
// requests times a factor, else a default, of each container.
func (p *Policy) predict(pod *v1.Pod) int64 {
	sum := pod.Spec.Overhead.Cpu().MilliValue()
	for i := range pod.Spec.Containers {
		r := &pod.Spec.Containers[i].Resources
		if limit, ok := r.Limits[v1.ResourceCPU]; ok {
			sum += limit.MilliValue()
		} else if request, ok := r.Requests[v1.ResourceCPU]; ok {
			sum += int64(math.Round(float64(request.MilliValue()) * p.requestsMultiplier))
		} else {
			sum += p.defaultRequests
		}
	}
	return sum
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

// Signature returns a pod's. To Trimaran all workloads are the same.
func (p *Policy) Signature(pod *v1.Pod) Signature {
	s := p.subjectOf(pod)
	return p.sign(&s, p.tierOf(pod))
}

func (p *Policy) sign(s *subject, tier int) Signature {
	out := Signature{Requests: s.request, Requested: s.requested, Predicted: s.trimaran, Tier: tier}
	if !p.Trimaran() {
		out.Namespace, out.Workload = s.workload.Namespace, s.workload.Name
	}
	return out
}

// estimator makes estimates from one usage snapshot, at one moment.
type estimator struct {
	*Policy
	snapshot *usage.Snapshot
	now      int64
	// ratio is what pods use of what they request, per mille: as measured in
	// the cluster, else the policy's factor.
	ratio [2]int64
}

// estimate tells what a pod that has been running since start (0: not yet) is
// believed to use.
func (e *estimator) estimate(s *subject, start int64) estimate {
	if e.Trimaran() {
		return e.trimaran(s)
	}
	var out estimate
	own, learned := e.snapshot.Pod(s.namespace, s.name), e.snapshot.Workload(s.workload)
	for d := range usage.Dimensions {
		mean, spread, from := e.learned(d, s, learned)
		if own != nil {
			if m, dev, ok := formula.Gauge(d, &own[d]); ok {
				trust := e.trust(own[d][usage.Mean].At, start)
				mean, spread = formula.Blend(m, mean, trust), formula.Blend(dev, spread, trust)
				if trust >= formula.Thousand/2 {
					from = originOwn
				}
			}
		}
		out.Mean[d], out.Variance[d], out.origin[d] = mean, spread*spread, from
	}
	return out
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
func (e *estimator) learned(d int, s *subject, workload *usage.Usage) (mean, spread int64, from origin) {
	if workload != nil {
		if mean, spread, ok := formula.Gauge(d, &workload[d]); ok {
			return mean, spread, originWorkload
		}
	}
	if d >= len(s.request) {
		return 0, 0, originNone
	}
	mean, from = e.fallback[d], originDefault
	if s.requested[d] {
		mean, from = max(1, s.request[d]*e.ratio[d]/formula.Thousand), originRequests
	}
	return mean, mean / formula.UnknownSpread, from
}

// trimaran estimates as its plugins do: from the specification alone.
func (e *estimator) trimaran(s *subject) estimate {
	var out estimate
	for d := range s.request {
		out.Mean[d], out.origin[d] = s.request[d], originRequests
	}
	if e.mode == config.ModeTargetLoadPacking {
		out.Mean[usage.CPU] = s.trimaran
	}
	return out
}
