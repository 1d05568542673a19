package window

import (
	"math"
	"slices"
	"time"
)

const week = 7 * 24 * time.Hour

// season remembers the largest demand of each stretch of the last weeks.
type season struct {
	stretches []stretch // stretch i lies at i modulo their number
	length    int64     // of a stretch, in ticks
	week      int64     // in ticks
	lead      int64     // in ticks
	weeks     int64
	margin    int64 // in thousandths
}

type stretch struct {
	index int64 // its start divided by its length, plus one; 0: nothing is known
	most  int64
	tick  int64 // when that was
}

func newSeason(c *Config) season {
	s := season{
		length: c.ticks(c.Season.Bucket), week: c.ticks(week), lead: c.ticks(c.Season.Lead), weeks: int64(c.Season.Weeks),
		margin: int64(math.Ceil(c.Season.Margin * 1000)),
	}
	s.stretches = make([]stretch, s.weeks*s.week/s.length+1)
	return s
}

func (s *season) at(tick int64) *stretch {
	return &s.stretches[tick/s.length%int64(len(s.stretches))]
}

func (s *season) observe(e entry) {
	at := s.at(e.tick)
	if index := e.tick/s.length + 1; at.index != index {
		*at = stretch{index: index, most: -1}
	}
	if e.value > at.most {
		at.most, at.tick = e.value, e.tick
	}
}

// floor is what demand was at this time of earlier weeks, with the margin; false where nothing is known of it.
func (s *season) floor(now entry) (entry, bool) {
	best := stretch{most: -1}
	for k := int64(1); k <= s.weeks; k++ {
		tick := now.tick + s.lead - k*s.week
		if tick < 0 {
			break
		}
		if at := s.at(tick); at.index == tick/s.length+1 && at.most > best.most {
			best = *at
		}
	}
	now.value = scaledUp(max(0, best.most), s.margin, 1000)
	now.part, now.origin, now.sample = SeasonalFloor, best.tick, best.most
	return now, best.most >= 0
}

func (s *season) clone() season {
	c := *s
	c.stretches = slices.Clone(s.stretches)
	return c
}
