package window

import "math"

// fall is how a sample counts less once it has been held: its level falls by num/den a tick.
type fall struct {
	num, den int64
	log      bool  // levels are logarithms, and what falls on a line is a half-life; else they are demand
	most     int64 // linear: demand above it, at the most pods, is held as if it were this
}

func newFall(c *Config) fall {
	s := c.SlowScaleDown
	if s.HalfLife > 0 {
		perTick := math.Round(float64(int64(1)<<levelBits) * float64(c.Step) / float64(s.HalfLife))
		return fall{num: max(1, int64(perTick)), den: 1, log: true}
	}
	return fall{num: int64(s.Pods) * c.Target, den: c.ticks(s.Period), most: int64(s.MaxPods) * c.Target}
}

// ticks is how long a sample falls until it counts for nothing.
func (f fall) ticks(ratio float64) int64 {
	if f.log {
		return scaledUp(log2(ratio), f.den, f.num)
	}
	return scaledUp(f.most, f.den, f.num)
}

func (f fall) level(demand int64) int64 {
	if f.log {
		return log2(float64(demand))
	}
	return min(demand, f.most)
}

// value is what a level has come down to after so many ticks. It is rounded up, and below what it began as from
// the first unit on that it fell.
func (f fall) value(level, ticks int64) int64 {
	level -= scaled(f.num, ticks, f.den)
	if f.log {
		return int64(math.Ceil(exp2(level)))
	}
	return max(0, level)
}

// outlives tells whether v, the younger, will from now on never count less than u.
func (f fall) outlives(v, u *entry) bool {
	return u.level <= v.level || atMost(u.level-v.level, f.den, f.num, v.lived-u.lived)
}

// slow holds samples, then lets them fall. A sample that a younger one equals or exceeds never counts again. The others
// move from held to falling when their time comes; there, which of two counts more never changes, so that one is dropped.
type slow struct {
	held    deque
	falling deque
	fall    fall
	hold    int64 // in samples
	reach   reach
}

func newSlow(c *Config) slow {
	f := newFall(c)
	hold := c.ticks(c.SlowScaleDown.Hold)
	r := c.reach(hold + f.ticks(c.SlowScaleDown.Range) + 1)
	return slow{fall: f, hold: hold, reach: r}
}

func (s *slow) observe(e entry) entry {
	for s.held.size > 0 && e.lived-s.held.front().lived > s.hold {
		s.release(s.held.popFront())
	}
	for s.held.size > 0 && s.reach.over(s.held.front(), &e) {
		s.held.popFront()
	}
	for s.falling.size > 0 && s.reach.over(s.falling.front(), &e) {
		s.falling.popFront()
	}
	s.held.admit(e)
	return s.answer(&e)
}

func (s *slow) release(u entry) {
	if u.value == 0 {
		return // it has no logarithm, and holds nothing up
	}
	u.level = s.fall.level(u.value)
	for s.falling.size > 0 && s.fall.outlives(&u, s.falling.back()) {
		s.falling.size--
	}
	s.falling.push(u)
}

func (s *slow) answer(now *entry) entry {
	best := *s.held.front()
	if s.falling.size == 0 {
		return best
	}
	u := *s.falling.front()
	u.value = s.fall.value(u.level, now.lived-u.lived-s.hold)
	if u.value > best.value {
		return u
	}
	return best
}
