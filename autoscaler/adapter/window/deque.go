package window

// entry is a sample, or something made of one, on the grid.
type entry struct {
	tick  int64 // of the grid, since 1970
	lived int64 // how many samples there were by then: a window's time stands still without samples
	value int64
	level int64 // of a falling sample: where it began to fall

	part   Part
	origin int64 // the tick of the sample behind it
	sample int64 // and its demand
}

// deque is a ring of entries that grows to what is needed and then allocates no more.
type deque struct {
	ring []entry // its length is a power of two
	head int
	size int
}

func (d *deque) at(i int) *entry { return &d.ring[(d.head+i)&(len(d.ring)-1)] }

func (d *deque) front() *entry { return d.at(0) }

func (d *deque) back() *entry { return d.at(d.size - 1) }

func (d *deque) popFront() entry {
	e := *d.front()
	d.head = (d.head + 1) & (len(d.ring) - 1)
	d.size--
	return e
}

func (d *deque) push(e entry) {
	if d.size == len(d.ring) {
		d.grow(max(8, 2*len(d.ring)))
	}
	d.size++
	*d.back() = e
}

// admit pushes an entry in place of those that it equals or exceeds, so that values fall from front to back.
func (d *deque) admit(e entry) {
	for d.size > 0 && d.back().value <= e.value {
		d.size--
	}
	d.push(e)
}

func (d *deque) grow(length int) {
	ring := make([]entry, length)
	for i := range d.size {
		ring[i] = *d.at(i)
	}
	d.ring, d.head = ring, 0
}

func (d *deque) clone() deque {
	c := *d
	c.ring = append([]entry(nil), d.ring...)
	return c
}
