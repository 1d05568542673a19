package usage

import "time"

// Builder builds a Snapshot by hand, for tests and for the simulator. It does
// not judge what it is given. The zero Builder is not usable: see NewBuilder.
type Builder struct {
	taken time.Time
	store store
	fixed map[Workload]*Usage
}

// NewBuilder returns a Builder of a snapshot made at that time.
func NewBuilder(taken time.Time) *Builder {
	return &Builder{taken: taken, fixed: map[Workload]*Usage{}}
}

// Node says what a node used.
func (b *Builder) Node(name string, d Dimension, s Statistic, value float64, at time.Time) *Builder {
	return b.set(Object{Name: name}, d, s, value, at)
}

// Capacity says what a node can carry.
func (b *Builder) Capacity(node string, d Dimension, value float64, at time.Time) *Builder {
	return b.Node(node, d, Capacity, value, at)
}

// Pod says what a pod used.
func (b *Builder) Pod(namespace, name string, d Dimension, s Statistic, value float64, at time.Time) *Builder {
	return b.set(Object{Namespace: namespace, Name: name}, d, s, value, at)
}

// Clear forgets all that was said, and keeps the room that it took.
func (b *Builder) Clear() {
	b.store.nodes.Clear()
	b.store.pods.Clear()
	b.store.workloads.Clear()
	b.store.nodeMarks, b.store.podMarks, b.store.workloadOf = nil, nil, nil
	clear(b.fixed)
}

// PodRow returns the row of a pod, for PodAt. Saying nothing of it makes it known all the same.
func (b *Builder) PodRow(namespace, name string) int32 {
	return b.store.pod(Object{Namespace: namespace, Name: name})
}

// PodAt returns what is said of the pod in a row, to be written: a way to say much
// of many pods that need not find them by name each time. It is good until another
// pod is named; the row, as long as the Builder.
func (b *Builder) PodAt(row int32) *Usage { return &b.store.pods.Rows[row] }

func (b *Builder) set(o Object, d Dimension, s Statistic, value float64, at time.Time) *Builder {
	held, _ := b.store.sample(o, d, s)
	*held = Sample{Value: value, At: at.UnixMilli()}
	return b
}

// Workload says what one replica of a workload uses, in place of what its pods
// would teach about that statistic.
func (b *Builder) Workload(w Workload, d Dimension, s Statistic, value float64, at time.Time) *Builder {
	if b.fixed[w] == nil {
		b.fixed[w] = &Usage{}
	}
	b.fixed[w][d][s] = Sample{Value: value, At: at.UnixMilli()}
	return b
}

// Build learns the workloads and returns the snapshot. The Builder stays good:
// what is added later is in the next snapshot, not in this one.
func (b *Builder) Build() *Snapshot {
	for w := range b.fixed {
		b.store.workloads.Add(w)
	}
	snapshot := b.store.freeze(b.taken)
	for w, fixed := range b.fixed {
		learned := snapshot.workloads.Get(w)
		for d := range fixed {
			for s := range fixed[d] {
				if fixed[d][s].Known() {
					learned[d][s] = fixed[d][s]
				}
			}
		}
		snapshot.know(learned)
	}
	return snapshot
}
