package policy

import (
	"math/bits"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/schedule"
)

// turnOf is when an object's turn comes within a stagger: each group has an equal part of it, and place says where in
// that part.
func turnOf(stagger time.Duration, group, groups int, place uint64) time.Duration {
	part := stagger / time.Duration(groups)
	within, _ := bits.Mul64(place, uint64(part))
	return time.Duration(group)*part + time.Duration(within)
}

// shifted is a window as one object sees it: from its turn after the beginning to its turn after the end. A begin of zero
// is long ago, an end of zero never comes.
type shifted struct {
	begin, end   time.Time
	rise, settle time.Duration // how long its replicas take, after begin and after end
}

// phase is where one object stands in the windows of one policy.
type phase struct {
	policy *Policy
	now    time.Time
	spans  []shifted
}

// phaseOf shifts spans. A window that closes before the object's turn to be changed has come leaves it alone.
func phaseOf(p *Policy, now time.Time, spans []schedule.Span, o *Object) phase {
	late, last := p.delays(o)
	f := phase{policy: p, now: now}
	for _, span := range spans {
		s := shifted{rise: ramp(p.spec.Begin), settle: ramp(p.spec.End)}
		if !span.Begin.IsZero() {
			s.begin = o.turn(span.Begin, late)
		}
		if !span.End.IsZero() {
			s.end = o.turn(span.End, last)
		}
		if span.End.IsZero() || s.begin.Before(span.End) {
			f.spans = append(f.spans, s)
		}
	}
	return f
}

// turn is when an object's turn comes after an edge. A Job that is created while others wait for theirs has none to wait for:
// it starts as it is to be.
func (o *Object) turn(edge time.Time, after time.Duration) time.Time {
	turn := edge.Add(after)
	if o.Job != nil && !o.Job.Created.Before(edge) && o.Job.Created.Before(turn) {
		return edge
	}
	return turn
}

// inside is the window that the object is in: its turn has come and its release has not. Where several are, the one
// that began first.
func (f *phase) inside() (shifted, bool) {
	for _, s := range f.spans {
		if !f.now.Before(s.begin) && (s.end.IsZero() || f.now.Before(s.end)) {
			return s, true
		}
	}
	return shifted{}, false
}

// acts tells that the policy has a say about replicas: the object is inside, or on its way back.
func (f *phase) acts() bool {
	for _, s := range f.spans {
		if !f.now.Before(s.begin) && (s.end.IsZero() || f.now.Before(s.end.Add(s.settle))) {
			return true
		}
	}
	return false
}

// edge is when the object goes into a window or out of one next; zero if never.
func (f *phase) edge() time.Time {
	var next time.Time
	for _, s := range f.spans {
		next = sooner(next, f.now, s.begin)
		next = sooner(next, f.now, s.end)
	}
	return next
}

// sooner is the earlier of two times, of which candidate counts only if it is after now; zero counts as none.
func sooner(next, now, candidate time.Time) time.Time {
	if candidate.After(now) && (next.IsZero() || candidate.Before(next)) {
		return candidate
	}
	return next
}

// between is a number on its way from outside to inside a window and back, in whole steps of 1 that are spread evenly
// over the ramps, and when it changes next.
func (f *phase) between(outside, inside int32) (int32, time.Time) {
	steps := int64(inside) - int64(outside)
	distance := max(steps, -steps)
	var moved int64
	var next time.Time
	for _, s := range f.spans {
		risen := f.since(s.begin, s.rise, distance)
		settled := int64(0)
		if !s.end.IsZero() {
			settled = f.since(s.end, s.settle, distance)
			next = sooner(next, f.now, step(s.end, s.settle, settled, distance))
		}
		next = sooner(next, f.now, step(s.begin, s.rise, risen, distance))
		moved = max(moved, min(risen, distance-settled))
	}
	if steps < 0 {
		moved = -moved
	}
	return outside + int32(moved), next
}

// since is how many of the steps have been made, of a ramp that began at start.
func (f *phase) since(start time.Time, ramp time.Duration, steps int64) int64 {
	elapsed := f.now.Sub(start)
	switch {
	case f.now.Before(start):
		return 0
	case elapsed >= ramp:
		return steps
	}
	high, low := bits.Mul64(uint64(steps), uint64(elapsed))
	done, _ := bits.Div64(high, low, uint64(ramp))
	return int64(done)
}

// step is when the step after those made is made; zero if none is left.
func step(start time.Time, ramp time.Duration, made, steps int64) time.Time {
	if made >= steps {
		return time.Time{}
	}
	high, low := bits.Mul64(uint64(ramp), uint64(made+1))
	after, rest := bits.Div64(high, low, uint64(steps))
	if rest > 0 {
		after++
	}
	return start.Add(time.Duration(after))
}
