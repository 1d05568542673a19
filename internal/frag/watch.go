package frag

// Watch tells when prices no longer fit what is left. Much of what happens to a cluster changes no price to speak
// of; that the last places but one for a rare shape are going does.
type Watch struct {
	prices *Prices
	left   []float64 // by shape, in the order of Prices.hosted
	stale  bool
}

// staleBelow is the part of the room that there was for a shape when it was priced, below which its price is off.
const staleBelow = 0.75

// NewWatch returns a watch of prices that were just made.
func NewWatch(p *Prices) *Watch {
	w := &Watch{prices: p}
	for s := range p.hosted(&Node{}) {
		w.left = append(w.left, s.capacity)
	}
	return w
}

// Change takes note that a node has something else left.
func (w *Watch) Change(before, after *Node) {
	if w.stale {
		return
	}
	i := 0
	for _, copies := range w.prices.hosted(before) {
		w.left[i] -= float64(copies)
		i++
	}
	i = 0
	for s, copies := range w.prices.hosted(after) {
		if w.left[i] += float64(copies); w.left[i] < staleBelow*s.capacity {
			w.stale = true
			return
		}
		i++
	}
}

// Stale tells that prices should be made anew.
func (w *Watch) Stale() bool { return w.stale }
