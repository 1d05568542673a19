package shaving

import (
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
)

// Bound is a load that no schedule stays under that meets all deadlines, however much it knows, in all steps but so many
// parts of a hundred: a relaxation, in which work may be stopped and resumed at any time and spread over as many steps as
// it likes, never faster than it runs. In the steps that do not count each piece of work may run at full speed.
//
// A schedule that stays under a level is a flow: from each piece of work, which has CPU · Took to do, to each step in which
// it may run, at most CPU for the time that it is there, and from each step at most the level − base. So the bound is the
// lowest level at which the largest flow carries all work, found by bisection. Work without a deadline has until to.
func Bound(base *history.Series, work []Work, from, to time.Time, percent float64) int64 {
	steps := int(to.Sub(from) / base.Step)
	loads := make([]int64, steps)
	for i := range loads {
		loads[i], _ = base.At(from.Add(time.Duration(i) * base.Step))
	}
	over := int(float64(steps) * percent / 100)
	b := bounded{from: from, to: to, step: base.Step, base: loads, free: over, work: work}
	low := Peak(loads, percent) // of all else alone
	high := slices.Max(loads)
	for i := range work {
		high += work[i].CPU
	}
	if b.feasible(low) {
		return low
	}
	for high-low > max(1, high/2000) {
		if middle := low + (high-low)/2; b.feasible(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}

// bounded is a question whether all work can be done under a level.
type bounded struct {
	from, to time.Time
	step     time.Duration
	base     []int64
	free     int // steps that do not count
	work     []Work
}

// feasible tells whether the largest flow carries all work, in core-milliseconds.
func (b *bounded) feasible(level int64) bool {
	room := make([]int64, len(b.base))
	for i, cpu := range b.base {
		room[i] = max(0, level-cpu) * b.step.Milliseconds()
	}
	var demands []demand
	for i := range b.work {
		demands = append(demands, b.demand(&b.work[i]))
	}
	return carried(demands, room)
}

// demand of a piece of work.
type demand struct {
	first int
	most  []int64 // of each step from first on
	rest  int64
}

func (b *bounded) demand(w *Work) demand {
	due := w.Deadline
	if due.IsZero() || due.After(b.to) {
		due = b.to
	}
	d := demand{first: int(w.Created.Sub(b.from) / b.step), rest: w.CPU * max(0, w.Took-time.Duration(b.free)*b.step).Milliseconds()}
	for at := b.from.Add(time.Duration(d.first) * b.step); at.Before(due); at = at.Add(b.step) {
		begin, end := at, at.Add(b.step)
		if begin.Before(w.Created) {
			begin = w.Created
		}
		if end.After(due) {
			end = due
		}
		d.most = append(d.most, w.CPU*end.Sub(begin).Milliseconds())
	}
	return d
}

// carried tells whether all demands find room. Each step is given first to what is due first, which is nearly the largest
// flow; then paths through several steps are looked for.
func carried(demands []demand, room []int64) bool {
	f := flow{demands: demands, room: room}
	for i := range demands {
		f.used = append(f.used, make([]int64, len(demands[i].most)))
	}
	order := make([]int, len(demands))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return demands[a].first + len(demands[a].most) - demands[b].first - len(demands[b].most)
	})
	for step := range room {
		for _, i := range order {
			if k := step - demands[i].first; k >= 0 && k < len(demands[i].most) {
				f.push(i, k, min(demands[i].rest, demands[i].most[k], room[step]))
			}
		}
	}
	for i := range demands {
		for demands[i].rest > 0 {
			if !f.augment(i) {
				return false
			}
		}
	}
	return true
}

// flow of work into steps.
type flow struct {
	demands []demand
	room    []int64
	used    [][]int64
}

func (f *flow) push(i, k int, amount int64) {
	f.used[i][k] += amount
	f.demands[i].rest -= amount
	f.room[f.demands[i].first+k] -= amount
}

// hop is how a step is reached: work that was in a step before, or begins there (−1), goes into it.
type hop struct{ work, from int }

// augment finds the shortest path from a piece of work to a step with room, and moves what it can along it: the work goes
// into a step, from where other work goes into another, and so on.
func (f *flow) augment(work int) bool {
	reached := make([]hop, len(f.room))
	for i := range reached {
		reached[i] = hop{-1, -1}
	}
	seen := make([]bool, len(f.demands))
	seen[work] = true
	for queue := []hop{{work, -1}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		d := &f.demands[at.work]
		for k := range d.most {
			step := d.first + k
			if f.used[at.work][k] == d.most[k] || reached[step].work >= 0 {
				continue
			}
			reached[step] = at
			if f.room[step] > 0 {
				f.move(work, step, reached)
				return true
			}
			queue = append(queue, f.occupants(step, seen)...)
		}
	}
	return false
}

// occupants are pieces of work that are in a step and were not seen before.
func (f *flow) occupants(step int, seen []bool) []hop {
	var all []hop
	for j := range f.demands {
		if !seen[j] && f.in(j, step) > 0 {
			seen[j] = true
			all = append(all, hop{j, step})
		}
	}
	return all
}

// in is how much of a piece of work is in a step.
func (f *flow) in(work, step int) int64 {
	if k := step - f.demands[work].first; k >= 0 && k < len(f.used[work]) {
		return f.used[work][k]
	}
	return 0
}

// move as much as every hop of the path to a step bears.
func (f *flow) move(work, to int, reached []hop) {
	amount := min(f.room[to], f.demands[work].rest)
	for s := to; s >= 0; s = reached[s].from {
		h := reached[s]
		amount = min(amount, f.demands[h.work].most[s-f.demands[h.work].first]-f.in(h.work, s))
		if h.from >= 0 {
			amount = min(amount, f.in(h.work, h.from))
		}
	}
	for s := to; s >= 0; s = reached[s].from {
		h := reached[s]
		f.used[h.work][s-f.demands[h.work].first] += amount
		if h.from >= 0 {
			f.used[h.work][h.from-f.demands[h.work].first] -= amount
		}
	}
	f.room[to] -= amount
	f.demands[work].rest -= amount
}
