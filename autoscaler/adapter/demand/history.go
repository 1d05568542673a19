package demand

import (
	"context"
	"fmt"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
)

// Prometheus is asked about stretches of time.
type Prometheus interface {
	QueryRange(ctx context.Context, query string, r promv1.Range, options ...promv1.Option) (model.Value, promv1.Warnings, error)
}

// History is what Prometheus remembers.
type History struct {
	Source Prometheus
	// Step is the distance of ticks, and Fresh how long a part counts that answers lack.
	Step, Fresh time.Duration
	// Timeout is that of one query.
	Timeout time.Duration
	// Points bounds how many of a series one query asks for. Prometheus refuses more than 11,000; fewer keep answers small.
	Points int
}

// Next asks about the ticks after one, as many as one query may and none after until. It adds them up, tells each tick
// that has a total, in order, and returns the last tick that it asked about. A sum of nothing is first told of the parts
// that still count.
func (h *History) Next(ctx context.Context, t *Target, sum *Sum, after, until time.Time, tell func(tick time.Time, milli int64)) (time.Time, error) {
	from := after.Add(h.Step)
	if len(sum.parts) == 0 {
		from = from.Add(-h.Fresh.Truncate(h.Step))
	}
	until = earlier(until, from.Add(time.Duration(h.Points-1)*h.Step))
	query, err := t.query()
	if err != nil {
		return after, err
	}
	matrix, err := h.ask(ctx, query.Expr, from, until, h.Step)
	if err != nil {
		return after, err
	}
	rows := t.rows(matrix, query)
	for tick := from; !tick.After(until); tick = tick.Add(h.Step) {
		for _, row := range rows {
			t.Take(sum, tick, row.at(tick), nil)
		}
		if milli, ok := sum.At(tick); ok && tick.After(after) {
			tell(tick, milli)
		}
	}
	return until, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (h *History) ask(ctx context.Context, expr string, from, until time.Time, step time.Duration) (model.Matrix, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	value, _, err := h.Source.QueryRange(ctx, expr, promv1.Range{Start: from, End: until, Step: step})
	if err != nil {
		return nil, fmt.Errorf("asking for %s from %s to %s: %w", expr, from.Format(time.RFC3339), until.Format(time.RFC3339), err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("asking for %s: got a %s, want a matrix", expr, value.Type())
	}
	return matrix, nil
}

// row is the series that make one row, and how far each has been read.
type row struct {
	series []*model.SampleStream
	read   []int
}

// rows puts series together as an answer at one tick would.
func (t *Target) rows(matrix model.Matrix, query board.Query) []*row {
	var rows []*row
	at := map[string]*row{}
	for _, series := range matrix {
		delete(series.Metric, model.MetricNameLabel)
		key := query.Row(func(label string) string { return string(series.Metric[model.LabelName(label)]) })
		if t.Type == v1alpha1.ObjectMetric && key != t.Name {
			continue
		}
		if at[key] == nil {
			at[key] = &row{}
			rows = append(rows, at[key])
		}
		at[key].series = append(at[key].series, series)
		at[key].read = append(at[key].read, 0)
	}
	return rows
}

// at returns the samples of a tick. Ticks must come in order.
func (r *row) at(tick time.Time) []board.Sample {
	var samples []board.Sample
	ms := model.TimeFromUnixNano(tick.UnixNano())
	for i, series := range r.series {
		for r.read[i] < len(series.Values) && series.Values[r.read[i]].Timestamp < ms {
			r.read[i]++
		}
		if r.read[i] < len(series.Values) && series.Values[r.read[i]].Timestamp == ms {
			samples = append(samples, board.Sample{Value: float64(series.Values[r.read[i]].Value), Labels: series.Metric})
		}
	}
	return samples
}

// most is, as PromQL, the expression whose value at the last tick of a stretch is the largest total of the stretch in
// thousandths. Parts count for as long as those of a Sum, and are rounded up as window.Milli does: what is within
// 2^-50 above a whole number is that number.
func (t *Target) most(expr string, step, fresh, stretch time.Duration) string {
	part := "max by (" + t.label() + ") "
	if t.Type == v1alpha1.ExternalMetric {
		part = ""
	}
	return fmt.Sprintf("max_over_time(sum(%[1]s(ceil(last_over_time((((%[2]s) >= 0) <= %[3]d)[%[4]dms:%[5]dms]) * 1000 * (1 - 2^-50))))[%[6]dms:%[5]dms])",
		part, expr, int64(largest), (fresh + step/2).Milliseconds(), step.Milliseconds(), (stretch - step/2).Milliseconds())
}

// largest is window.MaxDemand in whole units.
const largest = 1 << 53 / 1000

// Most tells, of each stretch of time after a tick, the largest total at the stretch's last tick. Prometheus adds up, so
// that weeks are affordable. It asks about whole stretches, as many as one query may, and returns the last tick of the
// last; after and until are last ticks of stretches.
func (h *History) Most(
	ctx context.Context, t *Target, stretch time.Duration, after, until time.Time, tell func(tick time.Time, milli int64),
) (time.Time, error) {
	query, err := t.query()
	if err != nil {
		return after, err
	}
	from := after.Add(stretch)
	until = earlier(until, from.Add(time.Duration(h.Points-1)*stretch))
	matrix, err := h.ask(ctx, t.most(query.Expr, h.Step, h.Fresh, stretch), from, until, stretch)
	if err != nil {
		return after, err
	}
	for _, series := range matrix {
		for _, sample := range series.Values {
			tell(sample.Timestamp.Time(), int64(sample.Value))
		}
	}
	return until, nil
}
