package ledger

import (
	"fmt"
	"iter"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/evenkeel/evenkeel/internal/frag"
)

// Node is one node of the cluster.
type Node struct {
	frag.Node
	Name string
	// Lowest is the lowest priority of the pods on it; the highest number there is where it has none.
	Lowest int32
	// Version changes with the node, and is of this state alone.
	Version uint64

	generation int64
	pods       []types.UID
}

// record is a pod on a node, or one that waits for a place.
type record struct {
	shape   frag.Shape
	devices frag.Mask
	said    string // the annotation that was read last
	node    int32  // or waiting, or leaving
	seen    uint64
	tried   int64 // when a waiting pod was tried last, in Unix milliseconds
	failed  bool  // its place came to nothing: it waits again once it has left its node
}

// Where a pod is that is on no node.
const (
	waiting = -1
	leaving = -2 // it was on a node before the snapshot that is being read
)

// Ledger is not safe for concurrent use.
type Ledger struct {
	// Changed is called when a node was read anew; nil: nobody is.
	Changed func(before, after *frag.Node)

	format   Format
	halfLife time.Duration
	models   models
	nodes    []Node
	index    map[string]int32
	pods     map[types.UID]*record
	demand   frag.Demand
	told     []frag.Weighted // what is to be asked for, where that is known
	stamp    uint64
	left     []types.UID // pods that left their nodes; kept for its memory
	changes  int         // pods that came and went
}

// New returns a ledger of nothing. Pods that are gone count half after each half-life.
func New(format Format, halfLife time.Duration) *Ledger {
	return &Ledger{
		format: format, halfLife: halfLife,
		models: models{}, index: map[string]int32{}, pods: map[types.UID]*record{},
	}
}

// Nodes are the nodes, in the order of the last snapshot.
func (l *Ledger) Nodes() []Node { return l.nodes }

// Index is where a node is among Nodes; -1 where it is not.
func (l *Ledger) Index(name string) int {
	if i, ok := l.index[name]; ok {
		return int(i)
	}
	return -1
}

// Each goes through what the nodes have left.
func (l *Ledger) Each() iter.Seq[*frag.Node] {
	return func(yield func(*frag.Node) bool) {
		for i := range l.nodes {
			if !yield(&l.nodes[i].Node) {
				return
			}
		}
	}
}

// Demand is what the cluster is asked for.
func (l *Ledger) Demand(now time.Time) []frag.Weighted {
	if l.told != nil {
		return l.told
	}
	return l.demand.Shapes(l.age(now))
}

// Tell says what the cluster is going to be asked for, in place of what would be learned. No pods say nothing.
func (l *Ledger) Tell(pods []*v1.Pod) {
	var demand frag.Demand
	for _, pod := range pods {
		if s, err := l.shape(pod); err == nil {
			demand.Come(&s)
		}
	}
	l.told = nil
	if len(pods) > 0 {
		l.told = demand.Shapes(0)
	}
}

// Changes is how many pods came and went so far; Pods is how many there are.
func (l *Ledger) Changes() int { return l.changes }

// Pods is how many pods are on nodes or wait.
func (l *Ledger) Pods() int { return len(l.pods) }

// age is the time in half-lives.
func (l *Ledger) age(now time.Time) float64 {
	return float64(now.UnixMilli()) / float64(l.halfLife.Milliseconds())
}

// Sync takes over a snapshot. It looks at nothing that did not change.
func (l *Ledger) Sync(infos []fwk.NodeInfo, now time.Time) {
	l.left = l.left[:0]
	if !l.arranged(infos) {
		l.arrange(infos)
	}
	for i, info := range infos {
		if info.GetGeneration() != l.nodes[i].generation {
			l.update(i, info)
		}
	}
	for _, uid := range l.left {
		l.leave(uid, now)
	}
}

// arranged tells that the nodes are those that there were, in the same order. A generation is of one node
// alone.
func (l *Ledger) arranged(infos []fwk.NodeInfo) bool {
	if len(infos) != len(l.nodes) {
		return false
	}
	for i, info := range infos {
		if info.GetGeneration() != l.nodes[i].generation && info.Node().Name != l.nodes[i].Name {
			return false
		}
	}
	return true
}

// arrange follows a change of the nodes that there are, and of their order.
func (l *Ledger) arrange(infos []fwk.NodeInfo) {
	nodes := make([]Node, len(infos))
	index := make(map[string]int32, len(infos))
	for i, info := range infos {
		name := info.Node().Name
		if old := l.Index(name); old >= 0 {
			nodes[i] = l.nodes[old]
		}
		nodes[i].Name = name
		index[name] = int32(i)
		for _, uid := range nodes[i].pods {
			if r, ok := l.pods[uid]; ok {
				r.node = int32(i)
			}
		}
	}
	for i := range l.nodes {
		if _, ok := index[l.nodes[i].Name]; !ok {
			l.takeOff(l.nodes[i].pods)
		}
	}
	l.nodes, l.index = nodes, index
}

// update reads one node anew.
func (l *Ledger) update(i int, info fwk.NodeInfo) {
	n := &l.nodes[i]
	before := n.pods
	l.stamp++
	n.pods = make([]types.UID, 0, len(info.GetPods())+1)
	for _, p := range info.GetPods() {
		pod := p.GetPod()
		r := l.record(pod)
		r.node, r.seen = int32(i), l.stamp
		n.pods = append(n.pods, pod.UID)
	}
	old := n.Node
	n.Node, n.Lowest = l.read(info)
	if l.Changed != nil {
		l.Changed(&old, &n.Node)
	}
	n.generation, n.Version = info.GetGeneration(), l.stamp
	before = slices.DeleteFunc(before, func(uid types.UID) bool {
		r, ok := l.pods[uid]
		return !ok || r.node != int32(i) || r.seen == l.stamp
	})
	l.takeOff(before)
}

// takeOff has pods leave unless they turn up on another node of the snapshot.
func (l *Ledger) takeOff(pods []types.UID) {
	for _, uid := range pods {
		if r, ok := l.pods[uid]; ok {
			r.node = leaving
			l.left = append(l.left, uid)
		}
	}
}

// leave forgets a pod that is on no node any more, unless it waits for another.
func (l *Ledger) leave(uid types.UID, now time.Time) {
	switch r, ok := l.pods[uid]; {
	case !ok || r.node != leaving:
	case r.failed:
		r.node = waiting
	default:
		l.drop(uid, now)
	}
}

// record returns what is known of a pod, learning what there is to know of a new one.
func (l *Ledger) record(pod *v1.Pod) *record {
	r, ok := l.pods[pod.UID]
	if !ok {
		r = l.fresh(pod)
		l.pods[pod.UID] = r
		l.demand.Come(&r.shape)
		l.changes++
	}
	l.hear(r, pod)
	return r
}

// fresh reads a pod that nothing is known of. One that another scheduler placed may ask for what we cannot
// read: it then has no devices that we know.
func (l *Ledger) fresh(pod *v1.Pod) *record {
	r := &record{node: waiting}
	r.shape, _ = l.shape(pod)
	l.hear(r, pod)
	return r
}

// hear takes over devices that a pod says it has, once: what is reserved for it later is newer than that.
func (l *Ledger) hear(r *record, pod *v1.Pod) {
	if r.shape.Devices == 0 {
		return
	}
	said := pod.Annotations[l.format.Annotation]
	if said == r.said {
		return
	}
	r.said = said
	if devices, err := ParseDevices(said); err == nil {
		r.devices = devices
	}
}

func (l *Ledger) drop(uid types.UID, now time.Time) {
	if r, ok := l.pods[uid]; ok {
		delete(l.pods, uid)
		l.demand.Go(&r.shape, l.age(now))
		l.changes++
	}
}

// look returns what is known of a pod, and keeps nothing of one that nothing is known of.
func (l *Ledger) look(pod *v1.Pod) *record {
	if r, ok := l.pods[pod.UID]; ok {
		return r
	}
	return l.fresh(pod)
}

// Try takes note that a pod wants a place, and returns what it asks for.
func (l *Ledger) Try(pod *v1.Pod, now time.Time) (*frag.Shape, error) {
	shape, err := l.shape(pod)
	if err != nil {
		return nil, err
	}
	if r, ok := l.pods[pod.UID]; ok && r.node == waiting && r.shape != shape {
		l.drop(pod.UID, now) // it asks for less than before, or for something else
	}
	r := l.record(pod)
	r.tried, r.failed = now.UnixMilli(), false
	return &r.shape, nil
}

// patience is how long a pod counts as waiting after it was last tried. The scheduler tries again within five
// minutes.
const patience = 10 * time.Minute

// Sweep forgets the pods that stopped waiting without getting a place.
func (l *Ledger) Sweep(now time.Time) {
	for uid, r := range l.pods {
		if r.node == waiting && now.UnixMilli()-r.tried > patience.Milliseconds() {
			l.drop(uid, now)
		}
	}
}

// Reserve gives devices to a pod.
func (l *Ledger) Reserve(uid types.UID, devices frag.Mask) error {
	r, ok := l.pods[uid]
	if !ok {
		return fmt.Errorf("reserving devices: pod %s was never tried", uid)
	}
	r.devices, r.failed = devices, false
	return nil
}

// Unreserve takes them back.
func (l *Ledger) Unreserve(uid types.UID) {
	if r, ok := l.pods[uid]; ok {
		r.devices, r.failed = 0, true
	}
}

// Devices are those of a pod; none where it has none, or they are not known.
func (l *Ledger) Devices(uid types.UID) frag.Mask {
	if r, ok := l.pods[uid]; ok {
		return r.devices
	}
	return 0
}

// Shape is what a pod asks for.
func (l *Ledger) Shape(pod *v1.Pod) (frag.Shape, error) { return l.shape(pod) }
