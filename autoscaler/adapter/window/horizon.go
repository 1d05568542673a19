package window

import "time"

// Horizon is how far back a sample has any influence on an answer: a window that has seen nothing but what is younger
// gives the same answers, to the bit, now and ever after. The configuration must be valid; what is left out is filled in.
func Horizon(c *Config) time.Duration {
	filled := c.clone()
	filled.Default()
	return filled.horizon()
}

func (c *Config) horizon() time.Duration {
	horizon := time.Duration(c.held()) * c.Step
	if c.Season != nil {
		horizon += time.Duration(c.Season.Weeks)*week + c.Season.Bucket
	}
	return horizon
}

// held is how many ticks a sample can hold an answer up, the season's apart.
func (c *Config) held() int64 {
	longest := int64(1)
	if c.Max != nil {
		longest = max(longest, c.reach(c.ticks(c.Max.Window)).clock)
	}
	if c.Percentile != nil {
		longest = max(longest, newQuantile(c).reach.clock)
	}
	if c.SlowScaleDown != nil {
		longest = max(longest, newSlow(c).reach.clock)
	}
	if c.DeadBand != nil {
		longest += newDeadBand(c).reach.clock
	}
	return longest
}
