package usage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage/telemetry"
)

const (
	// jitter spreads the readers of one source.
	jitter = 0.1
	// maxBackOff is how many times the refresh interval a failing statistic
	// waits at most, where its own interval is not longer.
	maxBackOff = 8
	// readTimeouts is how many query timeouts a read may take: it makes up to
	// sixteen queries, some at once.
	readTimeouts = 10
)

// Collector keeps a Snapshot current. Reading the Snapshot never blocks.
//
// What a failed read did not bring stays as it was, with its old timestamps: it
// ages, it is neither refreshed nor zeroed.
type Collector struct {
	cfg     Config
	source  Source
	clock   clock.Clock
	metrics *telemetry.Metrics
	current atomic.Pointer[Snapshot]
	// failing is by statistic, each of which has one reader.
	failing [Statistics + 1]bool

	mu    sync.Mutex // guards store
	store store

	publishing  sync.Mutex // orders snapshots and the calls to subscribers
	subscribers []func(*Snapshot)
}

// NewCollector returns a Collector of cfg, defaulted, that reads source once
// Run. The registerer may be shared by Collectors, or nil.
func NewCollector(cfg Config, source Source, clock clock.Clock, registerer prometheus.Registerer) (*Collector, error) {
	cfg.Default()
	metrics, err := telemetry.New(registerer, cfg.Kind(), cfg.ID(), reasons())
	if err != nil {
		return nil, err
	}
	c := &Collector{cfg: cfg, source: source, clock: clock, metrics: metrics}
	c.current.Store(&Snapshot{})
	return c, nil
}

// Snapshot returns the newest snapshot, empty before the first; never nil.
func (c *Collector) Snapshot() *Snapshot { return c.current.Load() }

// Subscribe has f called with each later snapshot, after it became current, one
// at a time and in order. f must be quick: it delays the next refresh. It must
// not call Subscribe.
func (c *Collector) Subscribe(f func(*Snapshot)) {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	c.subscribers = append(c.subscribers, f)
}

// Run refreshes until ctx is done. It is called once.
func (c *Collector) Run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	for _, g := range []group{
		{interval: c.cfg.RefreshInterval.Duration, statistics: []Statistic{Mean, Deviation}},
		{interval: c.cfg.CapacityInterval.Duration, statistics: []Statistic{Capacity}},
		{interval: c.cfg.P95Interval.Duration, statistics: []Statistic{P95}},
		{interval: c.cfg.PeakInterval.Duration, statistics: []Statistic{Peak}},
	} {
		loops.Go(func() { c.loop(ctx, g) })
	}
}

// Refresh reads the statistics, all if none is named, once, and publishes what
// came. It reports whether anything did. It is for those who keep their own time,
// in place of Run, never beside it.
func (c *Collector) Refresh(ctx context.Context, statistics ...Statistic) bool {
	if len(statistics) == 0 {
		statistics = []Statistic{Mean, Deviation, P95, Peak, Capacity}
	}
	return c.refresh(ctx, group{statistics: statistics}) == succeeded
}

// group is what is read together, one after the other.
type group struct {
	interval   time.Duration
	statistics []Statistic
}

func (c *Collector) loop(ctx context.Context, g group) {
	for failures := 0; ; {
		start := c.clock.Now()
		outcome := c.refresh(ctx, g)
		var delay time.Duration
		switch outcome {
		case unsupported:
			return
		case failed:
			failures++
			delay = backOff(failures, c.cfg.RefreshInterval.Duration, g.interval)
		default:
			failures = 0
			delay = pause(g.interval, c.clock.Since(start))
		}
		select {
		case <-ctx.Done():
			return
		case <-c.clock.After(wait.Jitter(delay, jitter)):
		}
	}
}

// backOff is how long to wait after so many failures in a row, before jitter:
// the refresh interval doubled each time, up to the statistic's own interval or
// eight refresh intervals, whichever is longer.
func backOff(failures int, refresh, interval time.Duration) time.Duration {
	limit := max(interval, maxBackOff*refresh)
	delay := refresh
	for range failures - 1 {
		if delay >= limit/2 {
			return limit
		}
		delay *= 2
	}
	return delay
}

// pause is how long to wait after a read that took so long: the rest of the
// interval, and a quarter of it at least, for the source to breathe.
func pause(interval, took time.Duration) time.Duration {
	return max(interval-took, interval/4)
}

type outcome int

const (
	unsupported outcome = iota // the source can never know any of the group
	failed                     // nothing was read
	succeeded                  // something was
)

// refresh reads a group and publishes what came of it.
func (c *Collector) refresh(ctx context.Context, g group) outcome {
	result := unsupported
	for _, statistic := range g.statistics {
		read, err := c.read(ctx, statistic)
		switch {
		case ctx.Err() != nil:
			return failed
		case errors.Is(err, ErrUnsupported):
			continue
		}
		c.log(ctx, statistic, read, err)
		if err == nil || read > 0 {
			result = succeeded
			continue
		}
		result = max(result, failed)
	}
	if result == succeeded {
		c.publish()
	}
	return result
}

// log tells when a statistic begins to fail and when it is read again, not each
// time in between.
func (c *Collector) log(ctx context.Context, statistic Statistic, readings int, err error) {
	logger := klog.FromContext(ctx).WithValues("source", c.cfg.Kind(), "statistic", statistic.String(), "readings", readings)
	was := c.failing[statistic]
	c.failing[statistic] = err != nil
	switch {
	case err != nil && was:
		logger.V(2).Info("Usage is still not being refreshed", "err", err)
	case err != nil:
		logger.Error(err, "Usage is not being refreshed; what is known ages")
	case was:
		logger.Info("Usage is being refreshed again")
	default:
		logger.V(4).Info("Refreshed usage")
	}
}

// read reads one statistic into the store and returns how many readings came.
func (c *Collector) read(ctx context.Context, statistic Statistic) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeouts*c.cfg.Timeout.Duration)
	defer cancel()
	start := c.clock.Now()
	b := boundsOf(&c.cfg, start)

	c.mu.Lock()
	c.store.unmark(statistic)
	c.mu.Unlock()
	read := 0
	err := c.source.Read(ctx, statistic, func(r Reading) {
		c.mu.Lock()
		why := c.store.put(r, statistic, b)
		c.mu.Unlock()
		if why != "" {
			c.metrics.Dropped(string(why))
		}
		read++
	})
	if errors.Is(err, ErrUnsupported) {
		return 0, err
	}
	if statistic == Peak {
		c.mu.Lock()
		c.store.turnGone(err == nil)
		c.mu.Unlock()
	}
	now := c.clock.Now()
	if err != nil {
		c.metrics.Failed(statistic.String(), now.Sub(start), failedDimensions(err)...)
		return read, fmt.Errorf("reading %s from %s: %w", statistic, c.cfg.Kind(), err)
	}
	c.metrics.Read(statistic.String(), now.Sub(start), now)
	return read, nil
}

// publish makes what the store holds the current snapshot.
func (c *Collector) publish() {
	c.publishing.Lock()
	defer c.publishing.Unlock()
	now := c.clock.Now()
	c.mu.Lock()
	c.store.forget(boundsOf(&c.cfg, now).oldest)
	s := c.store.freeze(now)
	c.mu.Unlock()

	c.current.Store(s)
	nodes, pods, workloads := s.Len()
	c.metrics.Published(now, nodes, pods, workloads, s.newestNode())
	for _, f := range c.subscribers {
		f(s)
	}
}
