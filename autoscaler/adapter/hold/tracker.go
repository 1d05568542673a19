package hold

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/demand"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// tracker keeps one window up to date.
type tracker struct {
	wish atomic.Pointer[wish.Wish] // its key and config do not change

	// Of whoever has claimed it.
	target demand.Target
	expr   string
	sum    *demand.Sum

	mu      sync.Mutex
	claimed bool
	window  *window.Window
	// done is the last tick that the window has seen, or could have; zero: nothing.
	done time.Time
	// ready says that it has seen all that counts. Until then it serves nothing.
	ready bool
	err   error // why it is not up to date, nil where that is not known
}

func newTracker(w *wish.Wish) *tracker {
	t := &tracker{}
	t.wish.Store(w)
	return t
}

// claim makes the caller the one who may bring it up to date; false where somebody is at it.
func (t *tracker) claim() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.claimed || t.wish.Load().Fault != nil {
		return false
	}
	t.claimed = true
	return true
}

// release ends a claim. An error is why it is not up to date.
func (t *tracker) release(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claimed, t.err = false, err
}

// finish ends a claim if the window has seen all until the newest tick.
func (t *tracker) finish(newest func() time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.window == nil || t.done.Before(newest()) {
		return false
	}
	t.claimed, t.ready, t.err = false, true, nil
	return true
}

// served is what to serve at a time.
func (t *tracker) served(now time.Time) (*serve.Served, error) {
	w := t.wish.Load()
	if w.Fault != nil {
		return nil, fmt.Errorf("ScalingWindow %s: %w", w.Name(), w.Fault)
	}
	answer, err := t.answer(now)
	if err != nil {
		return nil, fmt.Errorf("ScalingWindow %s: %w", w.Name(), err)
	}
	return &serve.Served{Milli: answer.Value, At: answer.At}, nil
}

func (t *tracker) answer(now time.Time) (window.Answer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ready:
		return t.window.At(now)
	case t.err != nil:
		return window.Answer{}, wish.Refused(wish.ReplayFailed, "reading the history that it needs: %w", t.err)
	default:
		return window.Answer{}, wish.Refused(wish.Replaying, "the history that it needs is being read; until then nothing is served")
	}
}

// follows tells whether the window is over a metric and has seen all until a tick.
func (t *tracker) follows(m rules.Metric, tick time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ready && t.target.Metric == m && t.done.Equal(tick)
}

// begin prepares a replay. What a metric asks for may have changed, or too much may be missing: then the window begins
// anew.
func (t *tracker) begin(m rules.Metric, until time.Time) error {
	w := t.wish.Load()
	target := w.Target(m)
	expr, err := target.Expr()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.target = target
	if t.window != nil && t.expr == expr && until.Sub(t.done) <= window.Horizon(&w.Config) {
		return nil
	}
	if t.window, err = window.New(w.Config); err != nil {
		return err
	}
	t.ready, t.expr, t.sum = false, expr, demand.NewSum(w.Config.Fresh)
	t.done = floor(until.Add(-window.Horizon(&w.Config)), w.Config.Step)
	return nil
}

// held is how far back ticks count each for itself: all of the horizon but the weeks.
func held(c *window.Config) time.Duration {
	ticks := *c
	ticks.Season = nil
	return window.Horizon(&ticks)
}

// floor goes back to a multiple since 1970.
func floor(t time.Time, d time.Duration) time.Time {
	return time.UnixMilli(t.UnixMilli() - t.UnixMilli()%d.Milliseconds())
}

// sample is a total at a tick.
type sample struct {
	tick  time.Time
	milli int64
}

// see shows samples to the window, all of them until a tick.
func (t *tracker) see(samples []sample, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range samples {
		t.window.Observe(s.tick, float64(s.milli)/1000)
	}
	t.done = until
}
