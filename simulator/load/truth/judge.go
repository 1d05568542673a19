// Package truth judges nodes by what their pods really want, now and later, whatever was measured of it.
package truth

import (
	"math"
	"time"
)

const (
	// fineness is how many steps of utilisation are told apart below 1, and most where they end.
	fineness = 10_000
	most     = 20
)

// Judge keeps the books on what nodes had to give. A look at them stands for the time since the one before.
type Judge struct {
	hotAbove float64
	looks    int
	open     bool // the first look is over
	hot      []bool
	// counts is how often a node was seen at a utilisation, by fineness; rounded up.
	counts     []int64
	seen       int64
	highest    float64
	hotMoments int64
	hotNodes   int
	got, had   int64
}

// NewJudge returns a judge of so many nodes, to which one is hot above a share of its CPU.
func NewJudge(hotAbove float64, nodes int) *Judge {
	return &Judge{hotAbove: hotAbove, hot: make([]bool, nodes), counts: make([]int64, most*fineness+1)}
}

// See takes note of a node with that capacity, whose pods want so many millicores.
func (j *Judge) See(on int32, capacity, demand int64) {
	if capacity == 0 {
		return
	}
	u := float64(demand) / float64(capacity)
	j.highest = max(j.highest, u)
	j.counts[min(int(math.Ceil(u*fineness)), len(j.counts)-1)]++
	j.seen++
	if !j.open {
		return
	}
	j.got += min(demand, capacity)
	j.had += capacity
	j.looks++
	if u > j.hotAbove {
		j.hotMoments++
		if !j.hot[on] {
			j.hot[on] = true
			j.hotNodes++
		}
	}
}

// quantile is the smallest utilisation with at least the share q of all at or below it.
func (j *Judge) quantile(q float64) float64 {
	rank := int64(math.Ceil(q * float64(j.seen)))
	var sum int64
	for i, count := range j.counts {
		if sum += count; sum >= rank && sum > 0 {
			return min(float64(i)/fineness, j.highest)
		}
	}
	return 0
}

// Open ends a look at all nodes. The first look stands for no time.
func (j *Judge) Open() { j.open = true }

// Verdict is what came of it. Times are in minutes, over all nodes.
type Verdict struct {
	HotMinutes, NodeMinutes float64
	HotNodes                int
	P99, Highest            float64
	Served                  float64
}

// Verdict tells it, where looks were that far apart.
func (j *Judge) Verdict(step time.Duration) Verdict {
	v := Verdict{
		HotMinutes: float64(j.hotMoments) * step.Minutes(), NodeMinutes: float64(j.looks) * step.Minutes(),
		HotNodes: j.hotNodes, P99: j.quantile(0.99), Highest: j.highest,
	}
	if j.had > 0 {
		v.Served = float64(j.got) / float64(j.had)
	}
	return v
}
