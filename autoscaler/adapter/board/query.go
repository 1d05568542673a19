package board

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Query is what is asked at each tick.
type Query struct {
	Expr string
	// Else answers for rows that Expr's answer lacks; "" where nothing does.
	Else string
	// Times asks, in the rows of Expr, for the Unix time of the newest sample behind a row; "" where that cannot be told.
	Times string
	// Row says which row a sample belongs to, by the values of its labels.
	Row func(value func(label string) string) string
	// Hidden are labels of samples that are not shown.
	Hidden []string
}

// Sample is one of a row.
type Sample struct {
	Value float64
	// Labels are all that the sample has but its name.
	Labels model.Metric
}

// ask returns the rows of one query at a tick.
func (s *Sheet) ask(ctx context.Context, query string, at time.Time) (map[string][]Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, s.board.config.Timeout)
	defer cancel()
	select {
	case s.board.slots <- struct{}{}:
		defer func() { <-s.board.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	value, _, err := s.board.source.Query(ctx, query, at)
	if err != nil {
		return nil, err
	}
	switch value := value.(type) {
	case model.Vector:
		return s.rows(value), nil
	case *model.Scalar:
		return s.rows(model.Vector{{Value: value.Value}}), nil
	default:
		return nil, fmt.Errorf("reading the answer: got a %s, want a vector", value.Type())
	}
}

func (s *Sheet) rows(vector model.Vector) map[string][]Sample {
	rows := make(map[string][]Sample, len(vector))
	for _, one := range vector {
		delete(one.Metric, model.MetricNameLabel)
		key := s.query.Row(func(label string) string { return string(one.Metric[model.LabelName(label)]) })
		rows[key] = append(rows[key], Sample{Value: float64(one.Value), Labels: one.Metric})
	}
	return rows
}

// answer is what Prometheus says of a tick.
type answer struct {
	tick time.Time
	rows map[string][]Sample
	// newest is when the newest sample behind a row was, as far as known.
	newest map[string]time.Time
	other  map[string][]Sample
}

func (s *Sheet) answer(ctx context.Context, at time.Time) (a answer, err error) {
	a.tick = at
	if a.rows, err = s.ask(ctx, s.query.Expr, at); err != nil {
		return a, fmt.Errorf("asking %s: %w", s.query.Expr, err)
	}
	if s.query.Else != "" {
		if a.other, err = s.ask(ctx, s.query.Else, at); err != nil {
			return a, fmt.Errorf("asking %s: %w", s.query.Else, err)
		}
	}
	if s.query.Times == "" {
		return a, nil
	}
	times, err := s.ask(ctx, s.query.Times, at)
	if err != nil {
		return a, fmt.Errorf("asking %s: %w", s.query.Times, err)
	}
	a.newest = make(map[string]time.Time, len(times))
	for key, samples := range times {
		newest := slices.MaxFunc(samples, func(a, b Sample) int { return cmp.Compare(a.Value, b.Value) }).Value
		a.newest[key] = time.UnixMilli(int64(math.Round(newest * 1000)))
	}
	return a, nil
}

// lookback is how old a sample may be for Prometheus to find it, unless it was told otherwise.
const lookback = 5 * time.Minute

// at is when a row was true: the tick, where that is not asked. A row whose samples Prometheus no longer finds comes
// of a range that still reaches back to them.
func (a *answer) at(key string) time.Time {
	if a.newest == nil {
		return a.tick
	}
	if at, ok := a.newest[key]; ok {
		return at
	}
	return a.tick.Add(-lookback)
}

// fault is why samples are no measurement, "" where they are.
func fault(samples []Sample) window.Verdict {
	for i := range samples {
		if _, verdict := window.Milli(samples[i].Value); verdict != window.Taken {
			return verdict
		}
	}
	return ""
}
