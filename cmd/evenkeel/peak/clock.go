package peak

import (
	"time"

	"k8s.io/utils/clock"
)

// fastClock shows the time of the day that is played: at zero it shows epoch, and then runs speed times as fast as the wall's.
type fastClock struct {
	wall        clock.WithTicker
	zero, epoch time.Time
	speed       float64
}

// shortest is a wall time that no timer goes below.
const shortest = time.Millisecond

// Now is what it shows.
func (c *fastClock) Now() time.Time { return c.at(c.wall.Now()) }

// at is what it shows at a time of the wall's.
func (c *fastClock) at(wall time.Time) time.Time {
	return c.epoch.Add(time.Duration(float64(wall.Sub(c.zero)) * c.speed))
}

// Since is in the time of the day.
func (c *fastClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

func (c *fastClock) real(d time.Duration) time.Duration {
	return max(shortest, time.Duration(float64(d)/c.speed))
}

// After that much of the day.
func (c *fastClock) After(d time.Duration) <-chan time.Time { return c.wall.After(c.real(d)) }

// Sleep for that much of the day.
func (c *fastClock) Sleep(d time.Duration) { c.wall.Sleep(c.real(d)) }

// Tick each time that that much of the day has passed.
func (c *fastClock) Tick(d time.Duration) <-chan time.Time { return c.wall.Tick(c.real(d)) }

// NewTicker ticks each time that that much of the day has passed.
func (c *fastClock) NewTicker(d time.Duration) clock.Ticker { return c.wall.NewTicker(c.real(d)) }

// NewTimer fires when that much of the day has passed.
func (c *fastClock) NewTimer(d time.Duration) clock.Timer {
	return &fastTimer{Timer: c.wall.NewTimer(c.real(d)), clock: c}
}

type fastTimer struct {
	clock.Timer
	clock *fastClock
}

// Reset is in the time of the day.
func (t *fastTimer) Reset(d time.Duration) bool { return t.Timer.Reset(t.clock.real(d)) }
