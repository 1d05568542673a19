package valley

import (
	"cmp"
	"slices"
	"time"
)

// leastCPU is what a Job counts as of which nothing is known, in millicores.
const leastCPU = 1000

// plan is a forecast of the load to which Jobs are added. Step 0 begins now.
type plan struct {
	now  time.Time
	step time.Duration
	load []int64

	all             []*placed // in order
	hurried, others []*placed // of them, by whether they cannot wait for their earliest start
}

// placed is a Job on the grid of a plan. It may start at the steps from first to last where there is room, and must by due.
type placed struct {
	*Job
	cpu              int64
	first, last, due int
	steps            int  // that its run takes
	hurries          bool // it cannot wait for its earliest start
	at               int
	reason           Reason // empty: it has no place
}

func newPlan(q *Question) *plan {
	p := &plan{now: q.Now, step: q.Load.Step, load: slices.Clone(q.Load.CPU)}
	most := int64(leastCPU)
	for i := range q.Jobs {
		most = max(most, q.Jobs[i].CPU)
	}
	for _, j := range inOrder(q.Jobs) {
		on := &placed{Job: j, cpu: j.CPU}
		if on.cpu <= 0 {
			on.cpu = most
		}
		p.bound(on)
		p.all = append(p.all, on)
		if on.hurries {
			p.hurried = append(p.hurried, on)
		} else {
			p.others = append(p.others, on)
		}
	}
	return p
}

// inOrder is the order in which Jobs are placed: the earliest latest start first, those without one last.
func inOrder(jobs []Job) []*Job {
	ordered := make([]*Job, len(jobs))
	for i := range jobs {
		ordered[i] = &jobs[i]
	}
	slices.SortFunc(ordered, func(a, b *Job) int {
		if a.Latest.IsZero() != b.Latest.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.Latest.IsZero()]
		}
		return cmp.Or(a.Latest.Compare(b.Latest), cmp.Compare(a.Order, b.Order), a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return ordered
}

// bound says at which steps a Job may start.
func (p *plan) bound(j *placed) {
	horizon := len(p.load)
	j.steps = horizon
	if j.RunTime > 0 {
		j.steps = int(min((j.RunTime+p.step-1)/p.step, time.Duration(horizon)))
	}
	created := min(p.ceil(j.Created), horizon-1)
	j.first, j.due = max(created, p.ceil(j.Earliest)), horizon-1
	if !j.Latest.IsZero() {
		j.due = max(created, p.floor(j.Latest.Add(-p.step))) // with a step to spare: the next question may come late
	}
	if j.first > j.due && j.due < horizon-1 {
		j.first, j.hurries = min(created, j.due), true
	}
	j.last = j.due
	if over := j.Until.Add(-j.RunTime); !j.Until.IsZero() && !over.Before(p.now.Add(time.Duration(j.first)*p.step)) {
		j.last = min(j.last, p.floor(over))
	}
}

// ceil is the first step that begins at a time or later.
func (p *plan) ceil(t time.Time) int {
	if !t.After(p.now) {
		return 0
	}
	return int(min((t.Sub(p.now)+p.step-1)/p.step, time.Duration(len(p.load))))
}

// floor is the last step that begins at a time or before; the first one, where that is past.
func (p *plan) floor(t time.Time) int {
	if !t.After(p.now) {
		return 0
	}
	return int(min(t.Sub(p.now)/p.step, time.Duration(len(p.load)-1)))
}

func (p *plan) place(j *placed, at int, reason Reason) {
	j.at, j.reason = at, reason
	p.add(j, j.cpu)
}

func (p *plan) add(j *placed, cpu int64) {
	for i := j.at; i < min(j.at+j.steps, len(p.load)); i++ {
		p.load[i] += cpu
	}
}

// fill places Jobs under the lowest level at which as many find room as at any, to about half a per cent, and returns it.
func (p *plan) fill(jobs []*placed) int64 {
	low, high := int64(0), slices.Max(p.load)
	for _, j := range jobs {
		high += j.cpu
	}
	all := p.under(high, jobs)
	if all == 0 {
		return 0
	}
	for high-low > max(1, high/256) {
		p.clear(jobs)
		if middle := low + (high-low)/2; p.under(middle, jobs) < all {
			low = middle
		} else {
			high = middle
		}
	}
	p.clear(jobs)
	p.under(high, jobs)
	return high
}

func (p *plan) clear(jobs []*placed) {
	for _, j := range jobs {
		if j.reason != "" {
			p.add(j, -j.cpu)
			j.reason = ""
		}
	}
}

// under places Jobs where there is room under a level, and counts them.
func (p *plan) under(level int64, jobs []*placed) int {
	n := 0
	for _, j := range jobs {
		most := level
		if j.Ceiling > 0 {
			most = min(most, j.Ceiling)
		}
		if at, ok := p.soonest(j, most-j.cpu); ok {
			p.place(j, at, j.why())
			n++
		}
	}
	return n
}

// why a Job is released where there is room.
func (j *placed) why() Reason {
	if j.hurries {
		return Deadline
	}
	return Room
}

// soonest is the first step from which on the load is not above most for the whole of a run.
func (p *plan) soonest(j *placed, most int64) (at int, ok bool) {
	free := 0 // steps in a row
	for i := j.first; i < len(p.load) && i-free <= j.last; i++ {
		if p.load[i] > most {
			free = 0
			continue
		}
		if free++; free == j.steps || i == len(p.load)-1 {
			return i - free + 1, true
		}
	}
	return 0, false
}

// calmest is the step from which on the highest load of a run is lowest; the last of several, since the load may fall.
func (p *plan) calmest(j *placed) int {
	best, lowest := j.first, int64(-1)
	var highest []int // steps of which each is above all after it, of the run at hand
	for end := j.first; end < len(p.load)+j.steps; end++ {
		if end < len(p.load) {
			for len(highest) > 0 && p.load[highest[len(highest)-1]] <= p.load[end] {
				highest = highest[:len(highest)-1]
			}
			highest = append(highest, end)
		}
		start := end - j.steps + 1
		if start < j.first {
			continue
		}
		if start > j.due {
			break
		}
		for highest[0] < start {
			highest = highest[1:]
		}
		if peak := p.load[highest[0]]; lowest < 0 || peak <= lowest {
			best, lowest = start, peak
		}
	}
	return best
}
