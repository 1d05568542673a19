package window

import "math"

// deadBand lets go only of what was not reached for a while, in steps of a geometric grid.
type deadBand struct {
	maximum
	step int64 // of the grid, as a level
}

func newDeadBand(c *Config) deadBand {
	return deadBand{maximum: maximum{reach: c.reach(c.ticks(c.DeadBand.Dwell))}, step: max(1, log2(1+c.DeadBand.Band))}
}

func (d *deadBand) observe(e entry) entry {
	best := *d.maximum.observe(e)
	rounded := d.round(best.value)
	if best.tick != e.tick || best.part == Demand && rounded > best.value {
		best.part = DeadBandGrid
	}
	best.value = rounded
	return best
}

// round goes up to the grid. It never falls as the value rises.
func (d *deadBand) round(value int64) int64 {
	if value == 0 {
		return 0
	}
	i := log2(float64(value)) / d.step
	for {
		if up := math.Ceil(exp2(i * d.step)); up >= float64(value) {
			return int64(min(up, MaxDemand))
		}
		i++
	}
}
