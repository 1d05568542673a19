package load

import (
	"slices"

	"github.com/evenkeel/evenkeel/simulator/load/world"
	"github.com/evenkeel/evenkeel/simulator/trace"
)

// events does what befalls the cluster, and tells whether pods of a burst are about to come.
func (e *engine) events() (burst bool, err error) {
	t := &e.timeline
	for ; len(t.events) > 0 && t.events[0].At <= e.now; t.events = t.events[1:] {
		event := &t.events[0]
		if event.Kind == trace.Burst {
			burst = true
			continue
		}
		for _, name := range event.Nodes {
			if err := e.strike(name, event.Kind == trace.NodeLoss); err != nil {
				return false, err
			}
		}
	}
	return burst, nil
}

// strike empties a node: it is lost, or else takes no more pods. Its pods come back as new ones, and wait.
func (e *engine) strike(name string, lost bool) error {
	on, ok := e.ByName[name]
	if !ok || !e.Nodes[on].There {
		return nil
	}
	n := &e.Nodes[on]
	evicted := slices.Sorted(slices.Values(n.Pods))
	for _, i := range evicted {
		if err := e.leave(i, true); err != nil {
			return err
		}
	}
	if err := e.shut(n, lost); err != nil {
		return err
	}
	e.changed = true
	for _, i := range evicted {
		p := &e.Pods[i]
		p.Begin(epoch, e.now)
		e.ByUID[p.Object.UID] = i
		e.queue.add(i, nil)
		e.queue.due(i)
		e.result.PodsEvicted++
	}
	return nil
}

func (e *engine) shut(n *world.Node, lost bool) error {
	if lost {
		n.There = false
		return e.cluster.RemoveNode(n.Object)
	}
	cordoned := *n.Object // the rest is shared, and nobody writes it
	cordoned.Spec.Unschedulable = true
	e.cluster.UpdateNode(n.Object, &cordoned)
	n.Object, n.Cordoned = &cordoned, true
	return nil
}

// tellBurst compares how many pods of a burst the nodes got.
func (e *engine) tellBurst(counts map[int32]int) {
	if len(counts) == 0 {
		return
	}
	total, most, open := 0, 0, 0
	for _, count := range counts {
		total, most = total+count, max(most, count)
	}
	for i := range e.Nodes {
		if e.Nodes[i].There && !e.Nodes[i].Cordoned {
			open++
		}
	}
	even := max(1, float64(total)/float64(max(open, 1)))
	e.result.BurstMaxShare = max(e.result.BurstMaxShare, float64(most)/even)
}
