// Package world is a simulated cluster as it truly is: which pods are on which nodes, and what each of them wants.
package world

import (
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/resource"

	"github.com/evenkeel/evenkeel/simulator/trace"
)

// Nowhere is the node of a pod that has none.
const Nowhere = -1

// Amounts are of CPU in millicores and of memory in bytes.
type Amounts [2]int64

// AmountsOf takes them out of a list.
func AmountsOf(list v1.ResourceList) Amounts {
	return Amounts{list.Cpu().MilliValue(), list.Memory().Value()}
}

// Node is a node and what is on it.
type Node struct {
	Object              *v1.Node
	Capacity, Requested Amounts // the one is what is allocatable
	There, Cordoned     bool
	// Pods are the numbers of those that are on it.
	Pods []int32
}

// Pod is a pod and where it is.
type Pod struct {
	From    *trace.Pod
	Object  *v1.Pod // of its present life
	Request Amounts
	Node    int32 // Nowhere where it has none
	at      int32 // in the pods of its node
	lives   int
	// Arrived and Placed are when its present life, and its time on its node, began.
	Arrived, Placed time.Duration
	// Present says that it came and did not go.
	Present bool
}

// Use is what the pod wants, in millicores. One whose use is unknown wants what it requests.
func (p *Pod) Use(at time.Duration) int64 {
	if p.From.Curve == nil {
		return p.Request[0]
	}
	return max(0, p.From.Curve.At(at))
}

// Begin makes the object of a pod's next life. Those who come back are other objects, of the same name.
func (p *Pod) Begin(epoch time.Time, now time.Duration) {
	own := *p.From.Object // the rest is shared, and nobody writes it
	own.Spec.NodeName = ""
	own.CreationTimestamp = metav1.NewTime(epoch.Add(now))
	if p.lives > 0 {
		own.UID += types.UID("/" + strconv.Itoa(p.lives))
	}
	p.lives++
	p.Object, p.Arrived, p.Node, p.Present = &own, now, Nowhere, true
}

// Name names it to users.
func (p *Pod) Name() string { return p.From.Object.Namespace + "/" + p.From.Object.Name }

// State is the cluster as the simulation knows it.
type State struct {
	Nodes  []Node
	ByName map[string]int32
	Pods   []Pod
	ByUID  map[types.UID]int32
}

// New is a cluster of a workload's nodes, to which no pod has come yet.
func New(w *trace.Workload) *State {
	s := &State{
		Nodes: make([]Node, len(w.Nodes)), ByName: make(map[string]int32, len(w.Nodes)),
		Pods: make([]Pod, len(w.Pods)), ByUID: make(map[types.UID]int32, len(w.Pods)),
	}
	for i, object := range w.Nodes {
		s.Nodes[i] = Node{
			Object: object, Capacity: AmountsOf(object.Status.Allocatable), There: true, Cordoned: object.Spec.Unschedulable,
		}
		s.ByName[object.Name] = int32(i)
	}
	for i := range w.Pods {
		from := &w.Pods[i]
		s.Pods[i] = Pod{
			From: from, Node: Nowhere,
			Request: AmountsOf(resource.PodRequests(from.Object, resource.PodResourcesOptions{})),
		}
	}
	return s
}

// Put counts a pod on a node.
func (s *State) Put(i, on int32, now time.Duration) {
	p, n := &s.Pods[i], &s.Nodes[on]
	p.Node, p.at, p.Placed = on, int32(len(n.Pods)), now
	n.Pods = append(n.Pods, i)
	for d := range p.Request {
		n.Requested[d] += p.Request[d]
	}
}

// Take takes a pod off its node.
func (s *State) Take(i int32) {
	p := &s.Pods[i]
	n := &s.Nodes[p.Node]
	last := n.Pods[len(n.Pods)-1]
	n.Pods[p.at], s.Pods[last].at = last, p.at
	n.Pods = n.Pods[:len(n.Pods)-1]
	for d := range p.Request {
		n.Requested[d] -= p.Request[d]
	}
	p.Node = Nowhere
}

// Standing are the nodes that there are.
func (s *State) Standing() []*v1.Node {
	list := make([]*v1.Node, 0, len(s.Nodes))
	for i := range s.Nodes {
		if s.Nodes[i].There {
			list = append(list, s.Nodes[i].Object)
		}
	}
	return list
}

// Room tells whether a node has free what is asked for of CPU and memory.
func (n *Node) Room(asked Amounts) bool {
	for d := range asked {
		if asked[d] > n.Capacity[d]-n.Requested[d] {
			return false
		}
	}
	return n.There && !n.Cordoned
}
