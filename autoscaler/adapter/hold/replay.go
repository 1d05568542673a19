package hold

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/demand"
)

var errNoMetric = errors.New("no rule makes this metric of any series that Prometheus has")

// replay brings a claimed window up to date, and ends the claim. What fails is tried again at the next tick, from where
// it got to.
func (w *Windows) replay(ctx context.Context, t *tracker) {
	begun := w.clock.Now()
	for !t.finish(w.newest) {
		if err := w.advance(ctx, t); err != nil {
			if ctx.Err() == nil {
				klog.FromContext(ctx).V(2).Info("A replay failed; it goes on at the next tick", "scalingWindow", t.wish.Load().Name(), "err", err)
				w.metrics.replayFailed()
			}
			t.release(err)
			return
		}
	}
	w.metrics.replayed(w.clock.Since(begun))
}

// advance asks one query, and shows the window what it answers.
func (w *Windows) advance(ctx context.Context, t *tracker) error {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	metric, ok := w.metric(&t.wish.Load().Key)
	if !ok {
		return errNoMetric
	}
	until := w.newest()
	if err := t.begin(metric, until); err != nil {
		return err
	}
	var samples []sample
	tell := func(tick time.Time, milli int64) { samples = append(samples, sample{tick, milli}) }
	done, err := w.ask(ctx, t, until, tell)
	if err != nil {
		return err
	}
	t.see(samples, done)
	return nil
}

// ask asks for ticks one by one, and for the largest of each stretch where only a season looks back that far.
func (w *Windows) ask(ctx context.Context, t *tracker, until time.Time, tell func(time.Time, int64)) (time.Time, error) {
	c := &t.wish.Load().Config
	if c.Season == nil {
		return w.history.Next(ctx, &t.target, t.sum, t.done, until, tell)
	}
	stretch := c.Season.Bucket
	// A stretch ends one step before the next begins.
	coarse := floor(until.Add(-held(c)), stretch).Add(-c.Step)
	if !t.done.Before(coarse) {
		return w.history.Next(ctx, &t.target, t.sum, t.done, until, tell)
	}
	t.sum = demand.NewSum(c.Fresh)
	return w.history.Most(ctx, &t.target, stretch, floor(t.done.Add(c.Step), stretch).Add(-c.Step), coarse, tell)
}
