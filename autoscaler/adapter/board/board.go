package board

import (
	"context"
	"fmt"
	"sync"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// Prometheus is what is asked.
type Prometheus interface {
	Query(ctx context.Context, query string, at time.Time, options ...promv1.Option) (model.Value, promv1.Warnings, error)
}

// Board is the queries that somebody reads.
type Board struct {
	config  Config
	source  Prometheus
	clock   clock.Clock
	metrics *metrics
	slots   chan struct{}

	mu     sync.Mutex
	sheets map[identity]*Sheet
	kin    map[string]*Sheet // the newest of each
	told   []func(tick time.Time)
}

// New returns a board without queries. It fills in what the configuration leaves out.
func New(c Config, source Prometheus, clk clock.Clock, r Registerer) (*Board, error) {
	c.Default()
	if errs := c.Validate(field.NewPath("board")); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	m, err := newMetrics(r)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of queries: %w", err)
	}
	return &Board{
		config: c, source: source, clock: clk, metrics: m, slots: make(chan struct{}, c.Concurrency), sheets: map[identity]*Sheet{},
		kin: map[string]*Sheet{},
	}, nil
}

// Config is what the board goes by, with its defaults.
func (b *Board) Config() Config { return b.config }

// Subscribe has f called after each tick, when all queries were asked.
func (b *Board) Subscribe(f func(tick time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, f)
}

// Sheet is the place of a query's answers. Queries that ask for the same rows share one.
func (b *Board) Sheet(q Query) *Sheet {
	id := q.identity()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sheets[id]
	if s == nil {
		s = &Sheet{board: b, query: q, fills: fillingOf(q.Expr)}
		b.sheets[id] = s
		if q.Kin != "" {
			s.inherit(b.kin[q.Kin])
			b.kin[q.Kin] = s
		}
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
		b.Ask(ctx)
	}
}

// Ask asks about the newest tick, as Run does at each.
func (b *Board) Ask(ctx context.Context) { b.tick(ctx, b.config.Tick(b.clock.Now())) }

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
	for id, s := range b.sheets {
		if now.UnixMilli()-s.used.Load() > b.config.Idle.Milliseconds() {
			delete(b.sheets, id)
			if b.kin[s.query.Kin] == s {
				delete(b.kin, s.query.Kin)
			}
			continue
		}
		list = append(list, s)
	}
	b.metrics.queries(len(b.sheets))
	return list
}
