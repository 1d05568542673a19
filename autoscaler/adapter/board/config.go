package board

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Config says when to ask, and how long an answer is good for. What is zero is filled in by Default.
type Config struct {
	// Step is the distance of ticks. Default: 15s, as often as an HPA reads.
	Step time.Duration
	// Delay is how long after a tick Prometheus is asked about it: scrapes under way then are to be in the answer.
	Delay time.Duration
	// Fresh is how long a row that others outlive is held (default: 1m); Stale is how old a sample may be at all (5m).
	Fresh, Stale time.Duration
	// Idle is how long a query that nobody reads is still asked. Default: 10m.
	Idle time.Duration
	// Timeout is that of one query (default: 5s), and Concurrency how many are asked at once (8).
	Timeout     time.Duration
	Concurrency int
	// MaxRows is the most samples that the answer to one query may have; a query with more is an error. Default: 100,000,
	// which take some 50 MB.
	MaxRows int
}

// Default fills in what is zero. Delay may be zero.
func (c *Config) Default() {
	c.Step = cmp.Or(c.Step, 15*time.Second)
	c.Fresh = cmp.Or(c.Fresh, time.Minute)
	c.Stale = cmp.Or(c.Stale, 5*time.Minute)
	c.Idle = cmp.Or(c.Idle, 10*time.Minute)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.Concurrency = cmp.Or(c.Concurrency, 8)
	c.MaxRows = cmp.Or(c.MaxRows, 100_000)
}

// Validate says what is wrong with a configuration that has its defaults.
func (c *Config) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	bad := func(wrong bool, name string, value any, cure string) {
		if wrong {
			errs = append(errs, field.Invalid(path.Child(name), value, cure))
		}
	}
	bad(c.Step < time.Second, "step", c.Step.String(), "must be at least 1s: Prometheus is asked every query that often")
	bad(c.Delay < 0 || c.Delay >= c.Step, "delay", c.Delay.String(), "must be at least 0 and less than step")
	bad(c.Fresh < c.Step, "fresh", c.Fresh.String(), "must be at least step, or a row that is missing once is gone")
	bad(c.Stale < c.Fresh, "stale", c.Stale.String(), "must be at least fresh")
	bad(c.Idle < c.Step, "idle", c.Idle.String(), "must be at least step, or every read waits for Prometheus")
	bad(c.Timeout <= 0 || c.Timeout > c.Step, "timeout", c.Timeout.String(), "must be more than 0 and at most step")
	bad(c.Concurrency < 1, "concurrency", c.Concurrency, "must be at least 1")
	bad(c.MaxRows < 1, "maxRows", c.MaxRows, "must be at least 1")
	return errs
}

// Tick is the newest one that may be asked about at a time.
func (c *Config) Tick(now time.Time) time.Time {
	step := c.Step.Milliseconds()
	ms := now.Add(-c.Delay).UnixMilli()
	return time.UnixMilli(ms - ms%step)
}
