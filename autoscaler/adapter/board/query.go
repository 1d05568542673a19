package board

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Query is what is asked at each tick.
type Query struct {
	Expr string
	// Else, whose answer has no labels, answers for any row that Expr's answer lacks; "" where nothing does.
	Else string
	// Times asks, in the rows of Expr, for the Unix time of the newest sample behind a row; "" where that cannot be told.
	Times string
	// Row says which row a sample belongs to, by the values of its labels.
	Row func(value func(label string) string) string
	// Hidden are labels of samples that are not shown.
	Hidden []string
	// Kin is what queries have in common that ask for the same rows by other names: a new one begins with what the last of
	// them knew. "" for none.
	Kin string
}

// identity is what queries must have in common to share their answers.
type identity struct {
	expr, other, times, row, hidden string
}

// identity has Row name its labels, in its order, by giving each its own name for a value.
func (q *Query) identity() identity {
	row := q.Row(func(label string) string { return label })
	return identity{expr: q.Expr, other: q.Else, times: q.Times, row: row, hidden: strings.Join(q.Hidden, ",")}
}

// Sample is one of a row.
type Sample struct {
	Value float64
	// Labels are all that the sample has but its name.
	Labels model.Metric
}

// evaluate asks one query about a tick, when it is its turn.
func (b *Board) evaluate(ctx context.Context, query string, at time.Time) (model.Value, error) {
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, b.config.Timeout)
	defer cancel()
	value, _, err := b.source.Query(ctx, query, at, promv1.WithLimit(uint64(b.config.MaxRows)+1))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", query, err)
	}
	return value, nil
}

// ask returns the samples of one query at a tick.
func (b *Board) ask(ctx context.Context, query string, at time.Time) (model.Vector, error) {
	most := b.config.MaxRows
	value, err := b.evaluate(ctx, query, at)
	if err != nil {
		return nil, err
	}
	switch value := value.(type) {
	case model.Vector:
		if len(value) > most {
			return nil, fmt.Errorf("asking %s: the answer has more than %d rows: match fewer series in the rule's metricsQuery, "+
				"select by a label with fewer values, or raise maxRows", query, most)
		}
		return value, nil
	case *model.Scalar:
		return model.Vector{{Value: value.Value}}, nil
	default:
		return nil, fmt.Errorf("asking %s: the answer is a %T, want a vector", query, value)
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
	// newest is when the newest sample behind a row was; nil where that is not asked.
	newest map[string]time.Time
	// other are the samples of Else.
	other []Sample
}

func (s *Sheet) answer(ctx context.Context, at time.Time) (answer, error) {
	a := answer{tick: at}
	vector, err := s.board.ask(ctx, s.query.Expr, at)
	if err != nil {
		return a, err
	}
	a.rows = s.rows(vector)
	if s.query.Else != "" {
		if vector, err = s.board.ask(ctx, s.query.Else, at); err != nil {
			return a, err
		}
		for _, one := range vector {
			a.other = append(a.other, Sample{Value: float64(one.Value)})
		}
	}
	if s.query.Times != "" {
		if vector, err = s.board.ask(ctx, s.query.Times, at); err != nil {
			return a, err
		}
		a.newest = newest(s.rows(vector), at)
	}
	return a, nil
}

// newest reads samples that are Unix times. None is after the tick: Prometheus looks back only.
func newest(rows map[string][]Sample, tick time.Time) map[string]time.Time {
	times := make(map[string]time.Time, len(rows))
	for key, samples := range rows {
		seconds := slices.MaxFunc(samples, func(a, b Sample) int { return cmp.Compare(a.Value, b.Value) }).Value
		at := tick
		if seconds < float64(tick.UnixMilli())/1000 {
			at = unix(seconds)
		}
		times[key] = at
	}
	return times
}

// unix reads a sample that is a Unix time.
func unix(seconds float64) time.Time { return time.UnixMilli(int64(math.Round(seconds * 1000))) }

// lookback is how old a sample may be for Prometheus to find it, unless it was told otherwise.
const lookback = 5 * time.Minute

// at is when a row was true: the tick, where that is not asked. A row whose samples Prometheus no longer finds comes
// of a range that still reaches back to them, and is as old as when they were last found.
func (a *answer) at(key string, was time.Time) time.Time {
	if a.newest == nil {
		return a.tick
	}
	if at, ok := a.newest[key]; ok {
		return at
	}
	if oldest := a.tick.Add(-lookback); was.Before(oldest) {
		return oldest
	}
	return was
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
