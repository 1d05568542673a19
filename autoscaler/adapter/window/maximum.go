package window

// reach is how far back a part looks.
type reach struct {
	span  int64 // in samples
	clock int64 // in ticks: the span, and what may be missing within it
}

func (r reach) over(u, now *entry) bool {
	return now.lived-u.lived >= r.span || now.tick-u.tick >= r.clock
}

// maximum is the largest of the last samples.
type maximum struct {
	deque
	reach reach
}

func (m *maximum) observe(e entry) *entry {
	for m.size > 0 && m.reach.over(m.front(), &e) {
		m.popFront()
	}
	m.admit(e)
	return m.front()
}
