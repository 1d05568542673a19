package usage

import (
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage/table"
)

// store is the Collector's working set: what Snapshots are copies of. It is not
// safe for concurrent use.
type store struct {
	nodes table.Table[string, Node]
	pods  table.Table[Object, Usage]
	// workloadOf is, by row of pods, the row of the pod's workload.
	workloadOf []int32
	workloads  table.Table[Workload, replicas]

	// nodeMarks and podMarks have, by row and statistic, the dimensions that the
	// read under way has emitted.
	nodeMarks, podMarks []marks

	// Scratch of learnAll.
	ends    []int32
	members []*Usage
	values  []float64
}

// marks has a bit for each dimension, by statistic.
type marks [Statistics + 1]uint8

// replicas is what the store keeps of a workload beside its pods.
type replicas struct {
	pods int32
	// gone has the peaks of pods too long gone to be in the store; next is
	// where a read of the peaks gathers the ones that replace them.
	gone, next [Dimensions]Sample
}

func (r *replicas) empty() bool {
	return r.pods == 0 && r.gone == [Dimensions]Sample{} && r.next == [Dimensions]Sample{}
}

// sample returns where a statistic of an object is kept, making room for it,
// and the object's marks. The pointers are good until the next call.
func (s *store) sample(o Object, d Dimension, statistic Statistic) (*Sample, *marks) {
	if o.Namespace == "" {
		i := s.nodes.Add(o.Name)
		s.nodeMarks = fit(s.nodeMarks, len(s.nodes.Rows))
		node := &s.nodes.Rows[i]
		if statistic == Capacity {
			return &node.Capacity[d], &s.nodeMarks[i]
		}
		return &node.Usage[d][statistic], &s.nodeMarks[i]
	}
	i := s.pod(o)
	return &s.pods.Rows[i][d][statistic], &s.podMarks[i]
}

// knows reports whether anything is held of an object.
func (s *store) knows(o Object) bool {
	if o.Namespace == "" {
		return s.nodes.Find(o.Name) >= 0
	}
	return s.pods.Find(o) >= 0
}

func (s *store) pod(o Object) int32 {
	if i := s.pods.Find(o); i >= 0 {
		return i
	}
	i := s.pods.Add(o)
	s.podMarks = fit(s.podMarks, len(s.pods.Rows))
	s.workloadOf = fit(s.workloadOf, len(s.pods.Rows))
	w := s.workloads.Add(WorkloadOfName(o.Namespace, o.Name))
	s.workloads.Rows[w].pods++
	s.workloadOf[i] = w
	return i
}

// fit makes s as long as n, with zeroes.
func fit[E any](s []E, n int) []E {
	return append(s, make([]E, n-len(s))...)
}

// unmark begins a read of a statistic.
func (s *store) unmark(statistic Statistic) {
	for i := range s.nodeMarks {
		s.nodeMarks[i][statistic] = 0
	}
	for i := range s.podMarks {
		s.podMarks[i][statistic] = 0
	}
}

// put takes a reading in, or says why it does not. A bad reading leaves no trace.
// One that is no younger than what is held brings nothing new and is passed over:
// a rate over a window whose samples have stopped coming only falls.
func (s *store) put(r Reading, statistic Statistic, b bounds) reason {
	if !placed(r, statistic) {
		return misplaced
	}
	if !s.knows(r.Object) {
		switch why := judge(r.Sample, Sample{}, b); {
		case why == expired && statistic == Peak && r.Object.Namespace != "":
			s.addGone(r.Object, r.Dimension, r.Sample)
			return ""
		case why != "":
			return why
		}
	}
	held, marks := s.sample(r.Object, r.Dimension, statistic)
	if marks[statistic]&(1<<r.Dimension) != 0 {
		return duplicate
	}
	if why := judge(r.Sample, *held, b); why != "" {
		return why
	}
	marks[statistic] |= 1 << r.Dimension
	if r.Sample.At > held.At {
		*held = r.Sample
	}
	return ""
}

// addGone folds the peak of a pod too long gone to be kept into its workload.
func (s *store) addGone(o Object, d Dimension, peak Sample) {
	w := s.workloads.Add(WorkloadOfName(o.Namespace, o.Name))
	next := &s.workloads.Rows[w].next[d]
	*next = Sample{Value: max(next.Value, peak.Value), At: max(next.At, peak.At)}
}

// turnGone ends a read of the peaks: those gathered replace those held if the
// read was complete, else they are dropped.
func (s *store) turnGone(complete bool) {
	for w, i := range s.workloads.Index {
		row := &s.workloads.Rows[i]
		if complete {
			row.gone = row.next
		}
		row.next = [Dimensions]Sample{}
		if row.empty() {
			s.workloads.Remove(w)
		}
	}
}

// forget drops the objects of which nothing was true at or after then, Unix
// milliseconds; a workload goes with the last that is known of it.
func (s *store) forget(then int64) {
	for name, i := range s.nodes.Index {
		if s.nodes.Rows[i].newest() < then {
			s.nodeMarks[i] = marks{}
			s.nodes.Remove(name)
		}
	}
	for o, i := range s.pods.Index {
		if s.pods.Rows[i].newest() >= then {
			continue
		}
		s.podMarks[i] = marks{}
		s.pods.Remove(o)
		w := s.workloadOf[i]
		row := &s.workloads.Rows[w]
		if row.pods--; row.empty() {
			s.workloads.Remove(s.workloads.Keys[w])
		}
	}
}

// freeze copies the store into a Snapshot and learns its workloads.
func (s *store) freeze(taken time.Time) *Snapshot {
	learned := s.learnAll()
	out := &Snapshot{
		taken:     taken,
		nodes:     s.nodes.Freeze(),
		pods:      s.pods.Freeze(),
		workloads: table.Share(&s.workloads, learned),
	}
	for w := range learned {
		out.know(&learned[w])
	}
	return out
}

// learnAll learns every workload, by its row. The pods are dealt out to their
// workloads by counting: one pass to see how many each has, one to place them.
// They are in the order of their rows, so that the same readings teach the same
// to the last bit.
func (s *store) learnAll() []Usage {
	s.ends = slices.Grow(s.ends[:0], len(s.workloads.Rows))[:len(s.workloads.Rows)]
	end := int32(0)
	for w := range s.workloads.Rows {
		s.ends[w] = end // where the workload's pods start, until they are placed
		end += s.workloads.Rows[w].pods
	}
	s.members = slices.Grow(s.members[:0], int(end))[:end]
	for i := range s.pods.Rows {
		if s.pods.Keys[i] == (Object{}) {
			continue // a free row
		}
		w := s.workloadOf[i]
		s.members[s.ends[w]] = &s.pods.Rows[i]
		s.ends[w]++
	}
	learned := make([]Usage, len(s.workloads.Rows))
	start := int32(0)
	for w := range learned {
		learned[w] = s.learn(w, s.members[start:s.ends[w]])
		start = s.ends[w]
	}
	clear(s.members) // or they keep an outgrown slab alive
	return learned
}

func (s *store) learn(w int, pods []*Usage) Usage {
	gone := &s.workloads.Rows[w].gone
	if *gone == ([Dimensions]Sample{}) {
		return learn(pods, &s.values)
	}
	var past Usage
	for d := range past {
		past[d][Peak] = gone[d]
	}
	return learn(append(slices.Clone(pods), &past), &s.values)
}
