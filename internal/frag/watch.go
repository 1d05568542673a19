package frag

// Watch tells when prices no longer fit what is left. Much of what happens to a cluster changes no price to speak
// of; that the last places but one for a rare shape are going does.
type Watch struct {
	prices *Prices
	left   []float64 // by shape, in the order of shapes
	stale  bool
}

// staleBelow is the part of the room that there was for a shape when it was priced, below which its price is off.
const staleBelow = 0.75

// NewWatch returns a watch of prices that were just made.
func NewWatch(p *Prices) *Watch {
	w := &Watch{prices: p}
	for s := range p.shapes {
		w.left = append(w.left, s.capacity)
	}
	return w
}

// shapes goes through all that have a price.
func (p *Prices) shapes(yield func(*priced) bool) {
	for i := range p.needs {
		for j := range p.needs[i].shapes {
			if !yield(&p.needs[i].shapes[j]) {
				return
			}
		}
	}
	for i := range p.plain {
		if !yield(&p.plain[i]) {
			return
		}
	}
}

// Change takes note that a node has something else left.
func (w *Watch) Change(before, after *Node) {
	if w.stale {
		return
	}
	w.count(before, -1)
	w.count(after, 1)
	i := 0
	for s := range w.prices.shapes {
		if w.left[i] < staleBelow*s.capacity {
			w.stale = true
			return
		}
		i++
	}
}

func (w *Watch) count(n *Node, sign float64) {
	k := 0
	for i := range w.prices.needs {
		need := &w.prices.needs[i]
		copies, _ := need.on(n)
		for j := range need.shapes {
			if n.Count > 0 && copies > 0 {
				w.left[k] += sign * float64(need.shapes[j].copies(n, copies))
			}
			k++
		}
	}
	for i := range w.prices.plain {
		if n.Count == 0 {
			w.left[k] += sign * float64(w.prices.plain[i].copies(n, maxCopies))
		}
		k++
	}
}

// Stale tells that prices should be made anew.
func (w *Watch) Stale() bool { return w.stale }
