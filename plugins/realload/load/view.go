package load

import (
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/config"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
)

// node is what is believed of one node. It does not change once published.
type node struct {
	name string
	formula.Belief
	measured  [usage.Dimensions]formula.Measurement
	pods      [usage.Dimensions]formula.Tally
	requested [2]int64
	machine   int64 // CPU of the whole node, in thousandths of a core
	// hot has a bit for each dimension in which the node is hot for a tier.
	hot [config.MaxTiers]uint8
	// cooled is the number of the event by which the node last became cool for a
	// tier: the view's cooled at that time.
	cooled int64
}

const chunkSize = 64

type chunk [chunkSize]*node

// View is all nodes at one moment. It does not change once published: a cycle
// that loaded it sees the same load from its first Filter to its last Score.
// A change copies one node, the chunk that holds it and the list of chunks.
type View struct {
	estimator
	index  map[string]int32
	chunks []*chunk
	// hotNodes counts the nodes hot for a tier; headroom is the least room, on
	// any node, up to the threshold of a tier. Headroom may be too small, never
	// too large.
	hotNodes [config.MaxTiers]int
	headroom [config.MaxTiers]formula.Vector
	// cooled numbers the events of nodes becoming cool. A pod rejected on a view
	// has not seen those with a higher number: no clock could tell as surely.
	cooled int64
	// unfresh and young count nodes without fresh usage, and pods that the
	// measurements have not seen wholly, when the view was built.
	unfresh, young int
}

// node returns a node, nil where the view has none of this name.
func (v *View) node(name string) *node {
	i, ok := v.index[name]
	if !ok {
		return nil
	}
	return v.chunks[i/chunkSize][i%chunkSize]
}

// Made is when the view was made.
func (v *View) Made() time.Time { return time.UnixMilli(v.now) }

// Cooled numbers the last event of a node becoming cool.
func (v *View) Cooled() int64 { return v.cooled }

// CooledSince returns the nodes that became cool by a later event.
func (v *View) CooledSince(event int64) []string {
	var names []string
	for n := range v.all {
		if n.cooled > event {
			names = append(names, n.name)
		}
	}
	return names
}

// CooledAfter tells whether the node became cool by a later event.
func (v *View) CooledAfter(name string, event int64) bool {
	n := v.node(name)
	return n != nil && n.cooled > event
}

// Summary is the view in numbers.
type Summary struct {
	Nodes     int
	Unfresh   int   // nodes without a fully trusted sample
	YoungPods int   // pods not wholly in the measurements
	HotNodes  []int // by tier, as Policy.Tiers has them
}

// Summary returns the view in numbers.
func (v *View) Summary() Summary {
	return Summary{Nodes: len(v.index), Unfresh: v.unfresh, YoungPods: v.young, HotNodes: v.hotNodes[:len(v.tiers)]}
}

// all goes through the nodes.
func (v *View) all(yield func(*node) bool) {
	for i := range len(v.index) {
		if !yield(v.chunks[i/chunkSize][i%chunkSize]) {
			return
		}
	}
}

// share is what a pod adds to the pods of a node.
type contribution struct {
	formula.Demand
	request [2]int64
	seen    [usage.Dimensions]int16
	shown   uint8 // has a bit for each dimension in which the variance is no guess
	gone    bool
}

// contribution returns what a pod, measured to use own, adds to its node. One that
// is gone takes away what the measurement still has of it, if it was measured itself.
func (v *View) contribution(e *entry, own *usage.Usage, measured *[usage.Dimensions]formula.Measurement) contribution {
	if e.end != 0 && v.now-e.end > forget.Milliseconds() {
		return contribution{gone: true}
	}
	est := v.estimate(&e.Subject, own, e.start)
	c := contribution{Demand: est.Demand, request: e.Request, gone: e.end != 0}
	for d := range c.seen {
		if est.origin[d] >= originWorkload {
			c.shown |= 1 << d
		}
		if at := measured[d].At; at != 0 {
			c.seen[d] = int16(v.seen(e.start, e.end, at))
		}
		if c.gone {
			c.request, c.Variance[d] = [2]int64{}, 0
			if est.origin[d] != originOwn {
				c.Mean[d] = 0
			}
		}
	}
	return c
}

// add puts a contribution on a node (sign 1) or takes it off again (sign -1).
func (n *node) add(c *contribution, sign int64) {
	for d := range n.pods {
		t, seen := &n.pods[d], int64(c.seen[d])
		if c.gone {
			t.Leave(sign*c.Mean[d], seen)
		} else {
			t.Stay(sign*c.Mean[d], sign*c.Variance[d], seen, c.shown>>d&1 == 1)
		}
	}
	for d := range c.request {
		n.requested[d] += sign * c.request[d]
	}
}

// settle works out what is believed of the node, and where that makes it hot. It
// reports whether the node became cool for a tier.
func (n *node) settle(v *View) bool {
	cooled := false
	n.Doubted = 0
	for d := range n.pods {
		n.Mean[d], n.Variance[d], n.Floor[d] = formula.Believe(n.measured[d], n.pods[d])
		if n.measured[d].Confidence == 0 {
			n.Doubted |= 1 << d
		}
	}
	for i := range v.tiers {
		was := n.hot[i]
		n.hot[i] = formula.Heat(&n.Belief, &v.tiers[i].Thresholds, was)
		cooled = cooled || was != 0 && n.hot[i] == 0
	}
	return cooled
}

// count takes a node into the view's sums (sign 1) or out of them (-1).
func (v *View) count(n *node, sign int) {
	for i := range v.tiers {
		t := &v.tiers[i]
		if n.hot[i] != 0 {
			v.hotNodes[i] += sign
		}
		for d, capacity := range n.Capacity {
			if sign > 0 && capacity > 0 && t.Hot[d] > 0 {
				v.headroom[i][d] = min(v.headroom[i][d], t.Hot[d]*capacity/formula.Whole-n.Mean[d])
			}
		}
	}
}

// roomy tells that no node is hot for the tier, nor would be with the pod on it.
func (v *View) roomy(tier int, d *formula.Demand) bool {
	if v.hotNodes[tier] > 0 {
		return false
	}
	if v.countIncoming {
		for dim, room := range v.headroom[tier] {
			if d.Mean[dim] > room {
				return false
			}
		}
	}
	return true
}

// with returns a view in which change was made to one node.
func (v *View) with(name string, change func(*node)) *View {
	i, ok := v.index[name]
	if !ok {
		return v
	}
	old := v.chunks[i/chunkSize][i%chunkSize]
	changed := *old
	change(&changed)
	next := *v
	if changed.settle(v) {
		next.cooled++
		changed.cooled = next.cooled
	}
	next.chunks = slices.Clone(v.chunks)
	part := *v.chunks[i/chunkSize]
	part[i%chunkSize] = &changed
	next.chunks[i/chunkSize] = &part
	next.count(old, -1)
	next.count(&changed, 1)
	return &next
}

// at returns the view with a later clock.
func (v *View) at(now int64) *View {
	next := *v
	next.now = now
	return &next
}

// emptyView knows no node.
func emptyView(p *Policy, snapshot *usage.Snapshot, now int64) *View {
	v := &View{
		estimator: estimator{Policy: p, snapshot: snapshot, now: now, habits: p.habits},
		index:     map[string]int32{},
	}
	for i := range v.headroom {
		v.headroom[i] = formula.Vector{formula.MaxUnits, formula.MaxUnits, formula.MaxUnits, formula.MaxUnits}
	}
	return v
}

// unnumbered marks a node that became cool in a view not published yet.
const unnumbered = -1

// number numbers the nodes that became cool in a view that is to follow last.
func (v *View) number(last *View) {
	v.cooled = last.cooled + 1
	for n := range v.all {
		if n.cooled == unnumbered {
			n.cooled = v.cooled
		}
	}
}
