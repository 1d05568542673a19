// Package hold serves what ScalingWindows ask for in place of the demand. It keeps a window for each of them, shows it the
// total demand at each tick, and replays from Prometheus what it has not seen. Until a window has seen all that counts it
// serves an error: an autoscaler then stays as it is.
package hold

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/catalogue"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/demand"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
	register "github.com/evenkeel/evenkeel/internal/metrics"
)

// Windows are those of the cluster. It implements serve.Windows.
type Windows struct {
	grid      wish.Grid
	board     *board.Board
	catalogue *catalogue.Catalogue
	mapper    wish.Mapper
	clock     clock.Clock
	live      demand.Live
	history   demand.History
	slots     chan struct{}
	metrics   *metrics

	// known says that the objects are: before, what has a window is not known either.
	known atomic.Bool
	last  atomic.Int64 // the last tick, in Unix milliseconds

	mu          sync.RWMutex
	byKey       map[serve.Key]*tracker
	byNamespace map[string][]*tracker // in the order of wishes
}

var _ serve.Windows = (*Windows)(nil)

// Config is what Windows are made of.
type Config struct {
	Board     *board.Board
	Catalogue *catalogue.Catalogue
	Mapper    wish.Mapper
	// History is asked for what was not seen, Concurrency windows at once.
	History     demand.Prometheus
	Concurrency int
	Clock       clock.Clock
	Metrics     Registerer
}

// points is how many ticks one query of the history asks for: two hours of 15 s.
const points = 480

// New returns windows of nothing, which come to be with the objects of the cluster.
func New(c Config) (*Windows, error) {
	m, err := newMetrics(c.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of windows: %w", err)
	}
	ticks := c.Board.Config()
	w := &Windows{
		grid:  wish.Grid{Step: ticks.Step, Fresh: ticks.Fresh, Stale: ticks.Stale},
		board: c.Board, catalogue: c.Catalogue, mapper: c.Mapper, clock: c.Clock, metrics: m,
		live: demand.Live{Board: c.Board},
		history: demand.History{
			Source: c.History, Step: ticks.Step, Fresh: ticks.Fresh, Timeout: ticks.Timeout, Points: points,
		},
		slots: make(chan struct{}, c.Concurrency),
		byKey: map[serve.Key]*tracker{}, byNamespace: map[string][]*tracker{},
	}
	w.last.Store(ticks.Tick(c.Clock.Now()).UnixMilli())
	f := newFigures(w)
	if err := register.Register(c.Metrics, &f); err != nil {
		return nil, fmt.Errorf("registering figures of windows: %w", err)
	}
	return w, nil
}

var errStarting = errors.New("the adapter has just started and does not know the ScalingWindows yet")

// Served implements serve.Windows.
func (w *Windows) Served(key serve.Key) (*serve.Served, error) {
	if !w.known.Load() {
		return nil, errStarting
	}
	w.mu.RLock()
	t := w.byKey[key]
	w.mu.RUnlock()
	if t == nil {
		return nil, nil
	}
	return t.served(w.clock.Now())
}

// Run has the windows follow the board until the context ends.
func (w *Windows) Run(ctx context.Context) {
	w.board.Subscribe(func(tick time.Time) { w.tick(ctx, tick) })
	<-ctx.Done()
}

// Ready is an error until the objects are known.
func (w *Windows) Ready() error {
	if !w.known.Load() {
		return errStarting
	}
	return nil
}

// tick shows the windows a tick that Prometheus was asked about.
func (w *Windows) tick(ctx context.Context, tick time.Time) {
	w.last.Store(tick.UnixMilli())
	var following []*tracker
	var wanted []*demand.Wanted
	for _, t := range w.trackers() {
		if !t.claim() {
			continue
		}
		if metric, ok := w.metric(&t.wish.Load().Key); !ok || !t.follows(metric, tick.Add(-w.grid.Step)) {
			go w.replay(ctx, t)
			continue
		}
		following = append(following, t)
		wanted = append(wanted, &demand.Wanted{Target: &t.target, Sum: t.sum})
	}
	w.live.Gather(tick, wanted)
	for i, t := range following {
		if !wanted[i].Answered {
			go w.replay(ctx, t)
			continue
		}
		var samples []sample
		if milli, ok := t.sum.At(tick); ok {
			samples = []sample{{tick, milli}}
		}
		t.see(samples, tick)
		t.release(nil)
	}
}

func (w *Windows) trackers() []*tracker {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Concat(slices.Collect(maps.Values(w.byNamespace))...)
}

// newest is the last tick that may be asked about.
func (w *Windows) newest() time.Time { return time.UnixMilli(w.last.Load()) }

// metric finds the one that a window is over.
func (w *Windows) metric(key *serve.Key) (rules.Metric, bool) {
	if key.Type == v1alpha1.ExternalMetric {
		return w.catalogue.Index().External(key.Metric)
	}
	return w.catalogue.Index().Custom(key.Resource, key.Namespace != "", key.Metric)
}

// take makes the windows of a namespace what is wished for. A window whose wish is the same goes on.
func (w *Windows) take(ctx context.Context, namespace string, wishes []wish.Wish) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := map[types.UID]*tracker{}
	for _, t := range w.byNamespace[namespace] {
		was[t.wish.Load().Object.UID] = t
		delete(w.byKey, t.wish.Load().Key)
	}
	var now []*tracker
	for i := range wishes {
		one := &wishes[i]
		t := was[one.Object.UID]
		if t == nil || !one.Same(t.wish.Load()) {
			t = newTracker(one)
			w.begin(ctx, t)
		}
		t.wish.Store(one)
		now = append(now, t)
		if one.Key != (serve.Key{}) {
			w.byKey[one.Key] = t
		}
	}
	w.byNamespace[namespace] = now
	if len(now) == 0 {
		delete(w.byNamespace, namespace)
	}
}

func (w *Windows) begin(ctx context.Context, t *tracker) {
	if t.claim() {
		go w.replay(ctx, t)
	}
}
