package board

import (
	"context"
	"fmt"
	"sync"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Prometheus is what is asked.
type Prometheus interface {
	Query(ctx context.Context, query string, at time.Time, options ...promv1.Option) (model.Value, promv1.Warnings, error)
}

// Config says when to ask, and how long an answer is good for.
type Config struct {
	// Step is the distance of ticks.
	Step time.Duration
	// Delay is how long after a tick Prometheus is asked about it: scrapes under way then are to be in the answer.
	Delay time.Duration
	// Fresh is how long a row that others outlive is held; Stale is how old a sample may be at all.
	Fresh, Stale time.Duration
	// Idle is how long a query that nobody reads is still asked.
	Idle time.Duration
	// Timeout is that of one query, and Concurrency how many are asked at once.
	Timeout     time.Duration
	Concurrency int
}

// Board is the queries that somebody reads.
type Board struct {
	config  Config
	source  Prometheus
	clock   clock.Clock
	metrics *metrics
	slots   chan struct{}

	mu     sync.Mutex
	sheets map[string]*Sheet
	told   []func(tick time.Time)
}

// New returns a board without queries.
func New(c Config, source Prometheus, clk clock.Clock, r Registerer) (*Board, error) {
	m, err := newMetrics(r)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of queries: %w", err)
	}
	return &Board{
		config: c, source: source, clock: clk, metrics: m, slots: make(chan struct{}, c.Concurrency), sheets: map[string]*Sheet{},
	}, nil
}

// Tick is the newest one that may be asked about at a time.
func (c *Config) Tick(now time.Time) time.Time {
	step := c.Step.Milliseconds()
	ms := now.Add(-c.Delay).UnixMilli()
	return time.UnixMilli(ms - ms%step)
}

// Subscribe has f called after each tick, when all queries were asked.
func (b *Board) Subscribe(f func(tick time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, f)
}

// Sheet is the place of a query's answers. Queries of the same Expr share one.
func (b *Board) Sheet(q Query) *Sheet {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sheets[q.Expr]
	if s == nil {
		s = &Sheet{board: b, query: q}
		b.sheets[q.Expr] = s
		b.metrics.queries(len(b.sheets))
	}
	s.used.Store(b.clock.Now().UnixMilli())
	return s
}

// Run asks at each tick until the context ends.
func (b *Board) Run(ctx context.Context) {
	for {
		now := b.clock.Now()
		next := b.config.Tick(now).Add(b.config.Step)
		select {
		case <-ctx.Done():
			return
		case <-b.clock.After(next.Add(b.config.Delay).Sub(now)):
		}
		b.tick(ctx, next)
	}
}

// tick asks about one tick, and tells who wants to know.
func (b *Board) tick(ctx context.Context, at time.Time) {
	begun := b.clock.Now()
	group := errgroup.Group{}
	group.SetLimit(b.config.Concurrency)
	for _, s := range b.wanted(begun) {
		group.Go(func() error {
			if err := s.fill(ctx, at); err != nil {
				klog.FromContext(ctx).V(2).Info("A query failed; what is known is held", "query", s.query.Expr, "err", err)
			}
			return nil // each query stands for itself
		})
	}
	_ = group.Wait() // it has no error
	b.metrics.asked(at, b.clock.Since(begun))
	b.mu.Lock()
	told := b.told
	b.mu.Unlock()
	for _, f := range told {
		f(at)
	}
}

// wanted are the queries that somebody read of late. The others are forgotten.
func (b *Board) wanted(now time.Time) []*Sheet {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]*Sheet, 0, len(b.sheets))
	for key, s := range b.sheets {
		if now.UnixMilli()-s.used.Load() > b.config.Idle.Milliseconds() {
			delete(b.sheets, key)
			continue
		}
		list = append(list, s)
	}
	b.metrics.queries(len(b.sheets))
	return list
}
