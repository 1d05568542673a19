package board

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/klog/v2"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Filling is the fault of a row whose samples began anew: until its range has filled up, a rate says less than there is.
const Filling window.Verdict = "Filling"

// remembered is how long it is known of a row that it was there. One whose samples begin after longer is new.
const remembered = time.Hour

// trail is what the times of the samples behind a row say, whatever became of their values.
type trail struct {
	// seen is the time of the newest sample, zero: there was none.
	seen time.Time
	// since is when samples began anew after a gap, zero: no gap is known.
	since time.Time
	// every is the least distance of two samples, 0: not known.
	every time.Duration
}

// next is the trail after a look at the newest sample. A gap is longer than a row is fresh: that is more than one scrape.
func (t trail) next(at time.Time, fresh time.Duration) trail {
	if t.seen.IsZero() {
		return trail{seen: at}
	}
	distance := at.Sub(t.seen)
	if distance > fresh {
		t.since = at
	}
	if distance > 0 && (t.every == 0 || distance < t.every) {
		t.every = distance
	}
	t.seen = at
	return t
}

// filling tells whether a rate over a range says less than there is: the range reaches beyond the gap.
func (t trail) filling(tick time.Time, over time.Duration) bool {
	return over > 0 && !t.since.IsZero() && tick.Before(t.since.Add(over))
}

// ebbing tells whether the newest sample is older than rate makes up for, a scrape and a bit: what a rate says sinks from then
// on.
func (t trail) ebbing(tick time.Time, over time.Duration) bool {
	return over > 0 && t.every > 0 && tick.Sub(t.seen) > t.every+t.every/10
}

// trails are those of rows before a tick, as Prometheus remembers them, for whoever has just started: roughly for as long as
// gone rows are remembered, and step by step as far as a range and a gap reach. Where Prometheus does not answer they are not
// known, which is no reason to serve nothing.
func (s *Sheet) trails(ctx context.Context, tick time.Time) map[string]trail {
	if s.fills == 0 || s.query.Times == "" {
		return nil
	}
	trails, c := map[string]trail{}, &s.board.config
	near := s.fills + c.Fresh
	for _, look := range []struct{ back, step, gap, but time.Duration }{
		{back: remembered, step: c.Fresh, gap: 2 * c.Fresh, but: near},
		{back: near, step: c.Step, gap: c.Fresh, but: c.Step},
	} {
		query := fmt.Sprintf("(%s)[%dms:%dms]", s.query.Times, (look.back - look.but).Milliseconds(), look.step.Milliseconds())
		value, err := s.board.evaluate(ctx, query, tick.Add(-look.but))
		matrix, ok := value.(model.Matrix)
		if !ok {
			klog.FromContext(ctx).V(2).Info("Whether samples were missing before the start is not known", "query", query, "err", err)
			continue
		}
		for _, series := range matrix {
			key := s.query.Row(func(label string) string { return string(series.Metric[model.LabelName(label)]) })
			for _, sample := range series.Values {
				if at := unix(float64(sample.Value)); at.After(trails[key].seen) {
					trails[key] = trails[key].next(at, look.gap)
				}
			}
		}
	}
	return trails
}

// bury keeps the trails of rows that are given up, for as long as they may come back.
func (s *state) bury(next *state) {
	next.gone = map[string]trail{}
	for key, row := range s.rows {
		if _, ok := next.rows[key]; !ok {
			next.gone[key] = row.trail
		}
	}
	for key, one := range s.gone {
		if _, ok := next.rows[key]; !ok && apart(next.tick, one.seen) <= remembered {
			next.gone[key] = one
		}
	}
}

// sum is the total of samples.
func sum(samples []Sample) (total float64) {
	for i := range samples {
		total += samples[i].Value
	}
	return total
}

// fillingOf is how long the answer to a query says less than there is once samples begin anew: the longest range of a rate,
// an increase or a delta. 0: it says what there is at once.
func fillingOf(query string) (longest time.Duration) {
	expression, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return 0 // Prometheus will say so
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		call, ok := node.(*parser.Call)
		if !ok || !slices.Contains([]string{"rate", "increase", "delta"}, call.Func.Name) {
			return nil
		}
		switch over := call.Args[0].(type) {
		case *parser.MatrixSelector:
			longest = max(longest, over.Range)
		case *parser.SubqueryExpr:
			longest = max(longest, over.Range)
		}
		return nil
	})
	return longest
}
