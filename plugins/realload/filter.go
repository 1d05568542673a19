package realload

import (
	"context"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/plugins/realload/subject"
)

// patienceIsOver tells whether the pod has waited long enough to take a hot node.
func (p *Plugin) patienceIsOver(c *cycle) bool {
	return p.clock.Since(waitingSince(c.pod)) >= c.Patience()
}

// hasCoolNode looks for a node that Filter lets the pod on and that the pod
// could use: it is what keeps a cluster in which all is hot from standing still.
// The cheap question comes first, and the first such node ends the search. The
// next search for a pod of the kind begins there: most often it ends there too.
func (p *Plugin) hasCoolNode(ctx context.Context, c *cycle, nodes []fwk.NodeInfo) bool {
	var fits *fitting
	kind := c.Signature()
	first := p.lastCool.of(kind)
	for i := range nodes {
		at := (first + i) % len(nodes)
		info := nodes[at]
		if !c.Judge(info.Node().Name).OK() {
			continue
		}
		if fits == nil {
			fits = newFitting(ctx, c.pod)
		}
		if fits.place(info.Node()) && fits.room(info) {
			p.lastCool.set(kind, at)
			return true
		}
	}
	return false
}

// lastCool remembers where the search for a cool node ended, by kind of pod. It
// only ever says where to begin: a wrong place costs time, nothing else.
type lastCool struct {
	mu     sync.Mutex
	places map[subject.Signature]int
}

// maxKinds bounds the kinds of pod that are remembered.
const maxKinds = 1000

func (l *lastCool) of(kind subject.Signature) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.places[kind]
}

func (l *lastCool) set(kind subject.Signature, place int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places == nil || len(l.places) >= maxKinds {
		l.places = map[subject.Signature]int{}
	}
	l.places[kind] = place
}

// fitting asks of nodes what the scheduler's own plugins ask, roughly.
type fitting struct {
	logger   klog.Logger
	pod      *v1.Pod
	affinity nodeaffinity.RequiredNodeAffinity
	requests v1.ResourceList
}

func newFitting(ctx context.Context, pod *v1.Pod) *fitting {
	return &fitting{
		logger: klog.FromContext(ctx), pod: pod, affinity: nodeaffinity.GetRequiredNodeAffinity(pod),
		requests: resource.PodRequests(pod, resource.PodResourcesOptions{}),
	}
}

// place tells whether the pod may be on the node: selector, affinity, taints.
func (f *fitting) place(node *v1.Node) bool {
	if node.Spec.Unschedulable && !f.tolerates(&v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}) {
		return false
	}
	for i := range node.Spec.Taints {
		if t := &node.Spec.Taints[i]; t.Effect != v1.TaintEffectPreferNoSchedule && !f.tolerates(t) {
			return false
		}
	}
	match, err := f.affinity.Match(node)
	return match && err == nil
}

func (f *fitting) tolerates(taint *v1.Taint) bool {
	return corev1helpers.TolerationsTolerateTaint(f.logger, f.pod.Spec.Tolerations, taint, true)
}

// room tells whether what the pod requests is free on the node.
func (f *fitting) room(info fwk.NodeInfo) bool {
	has, used := info.GetAllocatable(), info.GetRequested()
	if has.GetAllowedPodNumber() > 0 && len(info.GetPods()) >= has.GetAllowedPodNumber() {
		return false
	}
	for name, q := range f.requests {
		var free int64
		want := q.Value()
		switch name {
		case v1.ResourceCPU:
			want, free = q.MilliValue(), has.GetMilliCPU()-used.GetMilliCPU()
		case v1.ResourceMemory:
			free = has.GetMemory() - used.GetMemory()
		case v1.ResourceEphemeralStorage:
			free = has.GetEphemeralStorage() - used.GetEphemeralStorage()
		default:
			free = has.GetScalarResources()[name] - used.GetScalarResources()[name]
		}
		if want > free {
			return false
		}
	}
	return true
}
