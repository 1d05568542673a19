package load

import (
	"cmp"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/evenkeel/evenkeel/simulator/load/world"
	"github.com/evenkeel/evenkeel/simulator/policy"
)

// queue has the pods that wait, by kind: where one of a kind finds no place, the next would not either.
type queue struct {
	*world.State
	kinds map[kindKey]*kind
	// of is the kind of each pod that ever waited.
	of map[int32]*kind
	// waiting are the kinds with pods that wait, in the order in which they were seen first.
	waiting []*kind
	// free are the nodes that pods have left since the last try.
	free map[int32]bool
}

// kindKey is what a scheduler tells pods apart by. Pods of one list share what they have in common.
type kindKey struct {
	namespace string
	container *v1.Container
	affinity  *v1.Affinity
	priority  int32
	request   world.Amounts
}

// kind is pods alike.
type kind struct {
	request  world.Amounts
	priority int32
	order    int
	pods     []int32 // in the order in which they came
	// hopeless says that no node could take such a pod if it were empty.
	hopeless bool
	// hot says that the last try failed because of load; due, that another is worth while.
	hot, due bool
}

func newQueue(s *world.State) queue {
	return queue{State: s, kinds: map[kindKey]*kind{}, of: map[int32]*kind{}, free: map[int32]bool{}}
}

// kindOf is the kind of a pod.
func (q *queue) kindOf(i int32) *kind {
	if k := q.of[i]; k != nil {
		return k
	}
	p := &q.Pods[i]
	spec := &p.From.Object.Spec
	key := kindKey{
		namespace: p.From.Object.Namespace, affinity: spec.Affinity,
		priority: corev1helpers.PodPriority(p.From.Object), request: p.Request,
	}
	if len(spec.Containers) > 0 {
		key.container = &spec.Containers[0]
	}
	k, ok := q.kinds[key]
	if !ok {
		k = &kind{request: p.Request, priority: key.priority, order: len(q.kinds), hopeless: q.hopeless(p.From.Object)}
		q.kinds[key] = k
	}
	q.of[i] = k
	return k
}

// hopeless tells that a pod asks for more than any node has, or for what none is.
func (q *queue) hopeless(object *v1.Pod) bool {
	requests := resource.PodRequests(object, resource.PodResourcesOptions{})
	affinity := nodeaffinity.GetRequiredNodeAffinity(object)
	for i := range q.Nodes {
		n := &q.Nodes[i]
		match, err := affinity.Match(n.Object)
		if n.There && err == nil && match && offers(n.Object.Status.Allocatable, requests) {
			return false
		}
	}
	return true
}

func offers(has, asked v1.ResourceList) bool {
	for name, quantity := range asked {
		if quantity.Cmp(has[name]) > 0 {
			return false
		}
	}
	return true
}

// add has a pod wait, that these plugins found no place for.
func (q *queue) add(i int32, refusedBy []string) {
	k := q.kindOf(i)
	if k.hopeless {
		return
	}
	k.hot = slices.ContainsFunc(refusedBy, policy.FiltersByLoad)
	if len(k.pods) == 0 {
		q.waiting = append(q.waiting, k)
		slices.SortFunc(q.waiting, func(a, b *kind) int {
			return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.order, b.order))
		})
	}
	k.pods = append(k.pods, i)
}

// hopelessPod tells that a pod was found to fit nowhere.
func (q *queue) hopelessPod(i int32) bool {
	k := q.of[i]
	return k != nil && k.hopeless
}

// due has pods like this one tried again.
func (q *queue) due(i int32) { q.of[i].due = true }

// remove takes a pod out that waits no longer.
func (q *queue) remove(i int32) {
	k := q.of[i]
	if k == nil || k.hopeless {
		return
	}
	if at := slices.Index(k.pods, i); at >= 0 {
		k.pods = slices.Delete(k.pods, at, at+1)
	}
	if len(k.pods) == 0 {
		q.waiting = slices.DeleteFunc(q.waiting, func(w *kind) bool { return w == k })
	}
}

// freed takes note that a pod left a node.
func (q *queue) freed(on int32) {
	if len(q.waiting) > 0 {
		q.free[on] = true
	}
}

// anyHot tells whether a pod waits for nodes to cool down.
func (q *queue) anyHot() bool {
	return slices.ContainsFunc(q.waiting, func(k *kind) bool { return k.hot })
}

// wake says which kinds are worth a try: those that a node has got room for, and where usage was measured anew,
// those that waited for it.
func (q *queue) wake(measured bool) []*kind {
	var due []*kind
	for _, k := range q.waiting {
		if k.due = k.due || measured && k.hot || q.fits(k); k.due {
			due = append(due, k)
		}
	}
	clear(q.free)
	return due
}

func (q *queue) fits(k *kind) bool {
	for on := range q.free {
		if q.Nodes[on].Room(k.request) {
			return true
		}
	}
	return false
}

// maxFailures bounds the tries at one moment that come to nothing. The kinds not come to stay due.
const maxFailures = 64

// retry tries pods that wait, of each kind until one finds no place.
func (e *engine) retry() error {
	if len(e.queue.waiting) == 0 {
		return nil
	}
	measured := e.driver != nil && e.meter.Visible(e.now, e.options.Delay) > e.seen
	failures := 0
	for _, k := range e.queue.wake(measured) {
		if failures >= maxFailures {
			break
		}
		k.due = false
		for len(k.pods) > 0 {
			i := k.pods[0]
			why, err := e.try(i)
			if err != nil {
				return err
			}
			if why != nil {
				k.hot = slices.ContainsFunc(why.Plugins, policy.FiltersByLoad)
				failures++
				break
			}
			e.queue.remove(i)
		}
	}
	return nil
}
