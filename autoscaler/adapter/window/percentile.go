package window

import (
	"math"
	"slices"
)

// quantile is a percentile of the last samples by nearest rank: the smallest value that at least so many are not above.
type quantile struct {
	samples deque
	sorted  []int64
	reach   reach
	rank    int64 // in ten-thousandths
}

const wholeRank = 10_000

func newQuantile(c *Config) quantile {
	return quantile{
		reach: c.reach(c.ticks(c.Percentile.Window)),
		rank:  int64(math.Round(c.Percentile.Percent * wholeRank / 100)),
	}
}

func (q *quantile) observe(e entry) int64 {
	for q.samples.size > 0 && q.reach.over(q.samples.front(), &e) {
		i, _ := slices.BinarySearch(q.sorted, q.samples.popFront().value)
		q.sorted = slices.Delete(q.sorted, i, i+1)
	}
	q.samples.push(e)
	i, _ := slices.BinarySearch(q.sorted, e.value)
	q.sorted = slices.Insert(q.sorted, i, e.value)
	return q.sorted[nearest(q.rank, int64(len(q.sorted)))]
}

// nearest is the place of a rank among n sorted values.
func nearest(rank, n int64) int64 { return max(1, (rank*n+wholeRank-1)/wholeRank) - 1 }

// youngest is the tick of the last sample that had the value of a percentile; that of the percentile if it is gone.
func (q *quantile) youngest(percentile entry) int64 {
	for i := q.samples.size - 1; i >= 0; i-- {
		if e := q.samples.at(i); e.value == percentile.sample && e.tick <= percentile.tick {
			return e.tick
		}
	}
	return percentile.tick
}

func (q *quantile) clone() quantile {
	c := *q
	c.samples, c.sorted = q.samples.clone(), slices.Clone(q.sorted)
	return c
}
