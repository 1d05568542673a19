package load

import (
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
)

// census is the pods that a view is built of, by their slots in the ledger, and
// what comes of each. One serves all rebuilds, so that they make no garbage.
type census struct {
	pods []*entry
	// rows and places are where the pod was found last: its row in the snapshot, and
	// its node among the nodes. Another may have taken its place since.
	rows, places  []int32
	contributions []contribution // what the pod adds to the view
}

// reset begins another census.
func (c *census) reset(pods []*entry) {
	more := make([]int32, max(0, len(pods)-len(c.rows)))
	c.pods = append(c.pods[:0], pods...)
	c.rows, c.places = append(c.rows, more...), append(c.places, more...)
	c.contributions = slices.Grow(c.contributions[:0], len(pods))[:len(pods)]
	clear(c.contributions)
}

// own is what a pod was measured to use; nil: nothing is known.
func (c *census) own(i int, snapshot *usage.Snapshot) (own *usage.Usage) {
	own, c.rows[i] = snapshot.PodNear(c.pods[i].Namespace, c.pods[i].Name, c.rows[i])
	return own
}

// build makes a view of the nodes and the pods on them, and puts in the census
// what each pod contributes to it. What was hot in prev takes more to be cool.
func build(p *Policy, snapshot *usage.Snapshot, nodes []*v1.Node, c *census, prev *View, now int64) *View {
	v := emptyView(p, snapshot, now)
	v.learn(c)
	v.index = make(map[string]int32, len(nodes))
	states := make([]node, len(nodes))
	for i, from := range nodes {
		states[i] = v.measure(from)
		v.index[from.Name] = int32(i)
	}
	for i, e := range c.pods {
		if e == nil {
			continue
		}
		if n := v.find(states, e.node, &c.places[i]); n != nil {
			c.contributions[i] = v.contribution(e, c.own(i, snapshot), &n.measured)
			n.add(&c.contributions[i], 1)
			v.young += youngOf(&c.contributions[i])
		}
	}
	v.publish(states, prev)
	return v
}

// find returns the node of a name, nil where there is none, and first looks at the
// place where it was last.
func (v *View) find(states []node, name string, place *int32) *node {
	if i := int(*place); i < len(states) && states[i].name == name {
		return &states[i]
	}
	i, ok := v.index[name]
	if !ok {
		return nil
	}
	*place = i
	return &states[i]
}

// publish settles the nodes and makes them the view's.
func (v *View) publish(states []node, prev *View) {
	v.chunks = make([]*chunk, (len(states)+chunkSize-1)/chunkSize)
	for i := range states {
		n := &states[i]
		if old := prev.node(n.name); old != nil {
			n.hot, n.cooled = old.hot, old.cooled
		}
		if n.settle(v) {
			n.cooled = unnumbered
		}
		if v.chunks[i/chunkSize] == nil {
			v.chunks[i/chunkSize] = &chunk{}
		}
		v.chunks[i/chunkSize][i%chunkSize] = n
		v.count(n, 1)
	}
}

func youngOf(c *contribution) int {
	if !c.gone && c.seen[usage.CPU] < formula.Thousand {
		return 1
	}
	return 0
}

// measure reads what is known of a node without its pods.
func (v *View) measure(from *v1.Node) node {
	n := node{name: from.Name, machine: from.Status.Capacity.Cpu().MilliValue()}
	n.Capacity = v.capacity
	n.Capacity[usage.CPU] = formula.Quantity(usage.CPU, from.Status.Allocatable.Cpu())
	n.Capacity[usage.Memory] = formula.Quantity(usage.Memory, from.Status.Allocatable.Memory())
	n.Churn = formula.Churn(&v.habits, &n.Capacity)
	fresh := false
	if known := v.snapshot.Node(from.Name); known != nil {
		for d := range n.measured {
			n.measured[d] = v.Measure(d, &known.Usage[d], v.now)
			fresh = fresh || n.measured[d].Confidence == formula.Thousand
		}
		n.learnCapacity(known)
	}
	if !fresh {
		v.unfresh++
	}
	if cpu, memory := n.measured[usage.CPU].At, n.measured[usage.Memory].At; v.Trimaran() && (cpu == 0) != (memory == 0) {
		// Trimaran leaves out of CPU and memory the one that is not measured.
		n.Capacity[usage.CPU] *= min(1, cpu)
		n.Capacity[usage.Memory] *= min(1, memory)
	}
	return n
}

// learnCapacity takes what the source knows: not of CPU and memory, of which the
// node itself says what may be allocated.
func (n *node) learnCapacity(known *usage.Node) {
	for _, d := range []usage.Dimension{usage.Network, usage.Disk} {
		if c := known.Capacity[d]; c.Known() {
			if value, ok := formula.Units(int(d), c.Value); ok && value > 0 {
				n.Capacity[d] = value
			}
		}
	}
}

// learn learns the habits of pods from those that were measured, else, as from a
// source that knows nodes only, the ratio from the nodes.
func (v *View) learn(c *census) {
	for d, w := range podsTestify(v, c) {
		unknown := v.habits[d]
		learned := w.Learn(unknown)
		if !w.Enough() {
			nodes := nodesTestify(v, c.pods, d)
			learned.Ratio = nodes.Learn(unknown).Ratio
		}
		if v.Trimaran() {
			learned.Spread = unknown.Spread
		}
		v.habits[d] = learned
	}
}

// podsTestify has the pods that were measured for witnesses.
func podsTestify(v *View, c *census) (all [2]formula.Witness) {
	for i, e := range c.pods {
		if e == nil || e.end != 0 {
			continue
		}
		own := c.own(i, v.snapshot)
		for d := range all {
			all[d].Ask(e.Request[d])
			if used, spread, trust := v.gauge(d, own, e.start); e.Request[d] > 0 && trust == formula.Thousand {
				all[d].Add(used, spread, e.Request[d])
			}
		}
	}
	return all
}

// nodesTestify has the nodes for witnesses, each once, of all their pods.
func nodesTestify(v *View, pods []*entry, d int) (w formula.Witness) {
	counted := map[string]bool{}
	for _, e := range pods {
		if e == nil || e.end != 0 || !e.Requested[d] {
			continue
		}
		known := v.snapshot.Node(e.node)
		if known == nil {
			continue
		}
		if used, ok := v.trusted(d, &known.Usage, e.start); ok {
			if !counted[e.node] {
				counted[e.node] = true
				w.Used += used
			}
			w.Requested, w.Count = w.Requested+e.Request[d], w.Count+1
		}
	}
	return w
}

// trusted is a mean that is to be believed wholly of a pod that started then.
func (v *View) trusted(d int, u *usage.Usage, start int64) (int64, bool) {
	mean := &u[d][usage.Mean]
	if v.trust(mean.At, start) < formula.Thousand {
		return 0, false
	}
	return formula.Units(d, mean.Value)
}
