package board

import (
	"cmp"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Config says when to ask, and how long an answer is good for. What is zero is filled in by Default.
type Config struct {
	// Step is the distance of ticks. Default: 15s, as often as an HPA reads.
	Step time.Duration
	// Delay is how long after a tick Prometheus is asked about it: scrapes under way then are to be in the answer.
	Delay time.Duration
	// Fresh is how long a row that others outlive is held (default: 1m); Stale is how old a sample may be at all (10m).
	Fresh, Stale time.Duration
	// Idle is how long a query that nobody reads is still asked. Default: 10m.
	Idle time.Duration
	// Timeout is that of one query (default: 10s, or Step where that is shorter), and Concurrency how many are asked at
	// once (4).
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
	c.Stale = cmp.Or(c.Stale, 10*time.Minute)
	c.Idle = cmp.Or(c.Idle, 10*time.Minute)
	c.Timeout = cmp.Or(c.Timeout, min(10*time.Second, c.Step))
	c.Concurrency = cmp.Or(c.Concurrency, 4)
	c.MaxRows = cmp.Or(c.MaxRows, 100_000)
}

// mostAtOnce bounds Concurrency: Prometheus has other users.
const mostAtOnce = 64

// Validate says what is wrong with a configuration that has its defaults. Fields are below path, in the words of the
// adapter's configuration file.
func (c *Config) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	bad := func(wrong bool, at *field.Path, value any, cure string) {
		if wrong {
			errs = append(errs, field.Invalid(at, value, cure))
		}
	}
	prometheus := child(path, "prometheus")
	bad(c.Step < time.Second, child(path, "step"), c.Step.String(), "must be at least 1s: Prometheus is asked every query that often")
	bad(c.Delay < 0 || c.Delay >= c.Step, child(path, "delay"), c.Delay.String(), "must be at least 0 and less than step")
	bad(c.Fresh < c.Step, child(path, "freshFor"), c.Fresh.String(), "must be at least step, or a row that is missing once is gone")
	bad(c.Stale < c.Fresh, child(path, "staleAfter"), c.Stale.String(), "must be at least freshFor")
	bad(c.Idle < c.Step, child(path, "idleAfter"), c.Idle.String(), "must be at least step, or every read waits for Prometheus")
	bad(c.Timeout <= 0 || c.Timeout > c.Step, prometheus.Child("timeout"), c.Timeout.String(), "must be more than 0 and at most step")
	bad(c.Concurrency < 1 || c.Concurrency > mostAtOnce, prometheus.Child("concurrency"), c.Concurrency, fmt.Sprintf("must be from 1 to %d", mostAtOnce))
	bad(c.MaxRows < 1, child(path, "maxRows"), c.MaxRows, "must be at least 1")
	return errs
}

// child is a field below a path, which is nil at the top of a file.
func child(path *field.Path, name string) *field.Path {
	if path == nil {
		return field.NewPath(name)
	}
	return path.Child(name)
}

// Tick is the newest one that may be asked about at a time.
func (c *Config) Tick(now time.Time) time.Time {
	step := c.Step.Milliseconds()
	ms := now.Add(-c.Delay).UnixMilli()
	return time.UnixMilli(ms - ms%step)
}
