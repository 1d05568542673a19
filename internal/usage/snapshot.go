package usage

import (
	"iter"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage/table"
)

// Snapshot is everything known at one moment. It never changes; callers must
// not write through the pointers it hands out.
type Snapshot struct {
	taken     time.Time
	nodes     table.View[string, Node]
	pods      table.View[Object, Usage]
	workloads table.View[Workload, Usage]
	// learned has a bit for each dimension of which any workload knows the mean.
	learned uint8
}

// Taken is when the snapshot was made; zero for the empty snapshot.
func (s *Snapshot) Taken() time.Time { return s.taken }

// Node returns the usage of a node, nil where nothing is known.
func (s *Snapshot) Node(name string) *Node { return s.nodes.Get(name) }

// Pod returns the usage of a pod, nil where nothing is known.
func (s *Snapshot) Pod(namespace, name string) *Usage {
	return s.pods.Get(Object{Namespace: namespace, Name: name})
}

// PodNear is Pod for who asks again and again: it first looks at the row that it
// returned the last time, of whichever snapshot. Any row will do to begin with.
func (s *Snapshot) PodNear(namespace, name string, row int32) (*Usage, int32) {
	return s.pods.Near(Object{Namespace: namespace, Name: name}, row)
}

// Learned tells whether the mean of any workload is known in a dimension.
func (s *Snapshot) Learned(d Dimension) bool { return s.learned&(1<<d) != 0 }

// know takes note of the dimensions in which a workload's mean is known.
func (s *Snapshot) know(u *Usage) {
	for d := range u {
		if u[d][Mean].Known() {
			s.learned |= 1 << d
		}
	}
}

// Workload returns what one replica of a workload uses, learned from all its
// replicas past and present; nil where nothing is known.
func (s *Snapshot) Workload(w Workload) *Usage { return s.workloads.Get(w) }

// Nodes goes through the nodes of which anything is known, in no order.
func (s *Snapshot) Nodes() iter.Seq2[string, *Node] { return s.nodes.All }

// Pods goes through the pods of which anything is known, in no order.
func (s *Snapshot) Pods() iter.Seq2[Object, *Usage] { return s.pods.All }

// Workloads goes through the learned workloads, in no order.
func (s *Snapshot) Workloads() iter.Seq2[Workload, *Usage] { return s.workloads.All }

// Len is how many nodes, pods and workloads the snapshot knows.
func (s *Snapshot) Len() (nodes, pods, workloads int) {
	return s.nodes.Len(), s.pods.Len(), s.workloads.Len()
}

// newestNode is when the youngest sample of any node was true.
func (s *Snapshot) newestNode() int64 {
	var at int64
	for _, node := range s.Nodes() {
		at = max(at, node.Usage.newest())
	}
	return at
}
