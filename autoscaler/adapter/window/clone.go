package window

func (c Config) clone() Config {
	c.Max, c.SlowScaleDown, c.Percentile, c.DeadBand, c.Season =
		copied(c.Max), copied(c.SlowScaleDown), copied(c.Percentile), copied(c.DeadBand), copied(c.Season)
	return c
}

func copied[T any](of *T) *T {
	if of == nil {
		return nil
	}
	c := *of
	return &c
}

// clone is a window that goes its own way from here on.
func (w *Window) clone() *Window {
	c := *w
	if w.max != nil {
		c.max = &maximum{deque: w.max.clone(), reach: w.max.reach}
	}
	if w.slow != nil {
		s := *w.slow
		s.held, s.falling = s.held.clone(), s.falling.clone()
		c.slow = &s
	}
	if w.quantile != nil {
		c.quantile = new(w.quantile.clone())
	}
	if w.deadBand != nil {
		d := *w.deadBand
		d.deque = d.clone()
		c.deadBand = &d
	}
	if w.season != nil {
		c.season = new(w.season.clone())
	}
	return &c
}
