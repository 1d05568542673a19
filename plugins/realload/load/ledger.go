package load

import (
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/plugins/realload/formula"
	"github.com/evenkeel/evenkeel/plugins/realload/subject"
)

// entry is a pod on a node. It does not change: another takes its place.
type entry struct {
	subject.Subject
	uid   types.UID
	node  string
	start int64 // when it started, or was placed, in Unix milliseconds
	end   int64 // when it was gone; 0: it is there
	bound bool  // the API server says that it is on the node
}

// Ledger knows every pod on a node from Reserve on, each once, by its UID, and
// keeps the view true to it.
//
// A rebuild works on a copy without holding the lock; what changed meanwhile is
// made good before the new view is published.
type Ledger struct {
	policy *Policy
	// cooled is called when a node became cool, with the lock held.
	cooled func()
	view   atomic.Pointer[View]

	mu            sync.Mutex
	index         map[types.UID]int32
	slots         []*entry
	contributions []contribution // what slots[i] adds to the present view
	free          []int32
	rebuilding    bool
	touched       map[int32]struct{} // slots changed during a rebuild

	census census // of the rebuild under way, which alone uses it
}

// NewLedger returns a ledger of no pods. It calls cooled when a node became cool
// because of a pod; cooled must not call the ledger.
func NewLedger(p *Policy, snapshot *usage.Snapshot, now int64, cooled func()) *Ledger {
	l := &Ledger{policy: p, cooled: cooled, index: map[types.UID]int32{}, touched: map[int32]struct{}{}}
	l.view.Store(emptyView(p, snapshot, now))
	return l
}

// View returns the present view. It is never nil.
func (l *Ledger) View() *View { return l.view.Load() }

// Reserve counts a pod on a node before it is bound.
func (l *Ledger) Reserve(pod *v1.Pod, node string, now int64) {
	l.put(&entry{Subject: l.policy.subjectOf(pod), uid: pod.UID, node: node, start: now}, now)
}

// Unreserve takes a pod off again, unless it was bound all the same.
func (l *Ledger) Unreserve(uid types.UID, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot, ok := l.index[uid]
	if !ok || l.slots[slot].bound || l.slots[slot].end != 0 {
		return
	}
	l.set(slot, nil, now)
	l.release(slot, uid)
}

// Observe takes note of a pod that the API server says is on a node.
func (l *Ledger) Observe(pod *v1.Pod, now int64) {
	l.put(&entry{Subject: l.policy.subjectOf(pod), uid: pod.UID, node: pod.Spec.NodeName, bound: true, start: subject.Start(pod)}, now)
}

// put places an entry. One that only says more about a pod already counted on
// that node waits for the next rebuild, so that status updates cost nothing.
func (l *Ledger) put(e *entry, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot, known := l.index[e.uid]
	if !known {
		if e.start == 0 {
			e.start = now
		}
		slot = l.take()
		l.index[e.uid] = slot
		l.set(slot, e, now)
		return
	}
	old := l.slots[slot]
	if old.end != 0 {
		return // a pod that is gone does not come back
	}
	if e.start == 0 {
		e.start = old.start
	}
	if old.node == e.node {
		l.slots[slot] = e
		l.touch(slot)
		return
	}
	l.set(slot, e, now)
}

// Remove takes note that a pod is gone. It is remembered as long as
// measurements have some of it.
func (l *Ledger) Remove(uid types.UID, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot, ok := l.index[uid]
	if !ok || l.slots[slot].end != 0 {
		return
	}
	gone := *l.slots[slot]
	gone.end = max(now, 1)
	l.set(slot, &gone, now)
}

func (l *Ledger) take() int32 {
	if last := len(l.free) - 1; last >= 0 {
		slot := l.free[last]
		l.free = l.free[:last]
		return slot
	}
	l.slots = append(l.slots, nil)
	l.contributions = append(l.contributions, contribution{})
	return int32(len(l.slots) - 1)
}

func (l *Ledger) release(slot int32, uid types.UID) {
	delete(l.index, uid)
	l.free = append(l.free, slot)
}

func (l *Ledger) touch(slot int32) {
	if l.rebuilding {
		l.touched[slot] = struct{}{}
	}
}

// set puts an entry (or nil) in a slot and brings the view in line.
func (l *Ledger) set(slot int32, e *entry, now int64) {
	old := l.view.Load()
	next, c := replace(old.at(now), l.slots[slot], l.contributions[slot], e)
	l.slots[slot], l.contributions[slot] = e, c
	l.touch(slot)
	l.view.Store(next)
	if next.cooled != old.cooled {
		l.cooled()
	}
}

// replace takes one entry with its contribution out of a view and puts another
// in; both may be nil.
func replace(v *View, old *entry, c contribution, e *entry) (*View, contribution) {
	if old != nil {
		v = v.with(old.node, func(n *node) { n.add(&c, -1) })
	}
	c = contribution{}
	if e != nil {
		v = v.with(e.node, func(n *node) {
			c = v.contribution(e, v.snapshot.Pod(e.Namespace, e.Name), &n.measured)
			n.add(&c, 1)
		})
	}
	return v, c
}

// forget is how long a pod that is gone is remembered at most.
const forget = 20 * time.Minute

// Rebuild makes a new view from all that is known now and publishes it. One
// Rebuild runs at a time.
func (l *Ledger) Rebuild(nodes []*v1.Node, snapshot *usage.Snapshot, now int64) *View {
	l.begin()
	return l.commit(build(l.policy, snapshot, nodes, &l.census, l.view.Load(), now), now)
}

// begin copies the pods that a rebuild is to go by.
func (l *Ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.census.reset(l.slots)
	l.rebuilding = true
}

// commit publishes a view that was built of the census, once it has made good
// what changed since that was taken.
func (l *Ledger) commit(next *View, now int64) *View {
	l.mu.Lock()
	defer l.mu.Unlock()
	pods, contributions := l.census.pods, l.census.contributions
	contributions = append(contributions, make([]contribution, len(l.slots)-len(pods))...)
	for slot := range l.touched {
		var old *entry
		if int(slot) < len(pods) {
			old = pods[slot]
		}
		next, contributions[slot] = replace(next, old, contributions[slot], l.slots[slot])
	}
	next.number(l.view.Load())
	l.expire(pods, contributions, now)
	l.contributions, l.census.contributions = contributions, l.contributions
	l.rebuilding = false
	clear(l.touched)
	l.view.Store(next)
	return next
}

// expire forgets the pods that are gone from the measurements too.
func (l *Ledger) expire(pods []*entry, contributions []contribution, now int64) {
	for i, e := range pods {
		if e == nil || e.end == 0 || l.slots[i] != e {
			continue
		}
		c := &contributions[i]
		nothing := c.seen == [usage.Dimensions]int16{} || c.Mean == formula.Vector{}
		if nothing && now-e.end > l.policy.window {
			l.slots[i], *c = nil, contribution{}
			l.release(int32(i), e.uid)
		}
	}
}
