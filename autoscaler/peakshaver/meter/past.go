package meter

import (
	"context"
	"fmt"
	"math"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/autoscaler/peakshaver/history"
)

const (
	// Step of what is read of earlier days.
	Step = 5 * time.Minute
	// patience is how long an answer may take.
	patience = 30 * time.Second
	// ReadAgain is how long what was read of earlier days serves, and how long Prometheus is let be that did not answer.
	ReadAgain = 10 * time.Minute
	// Days that are read: a forecast looks back a week, and judges itself by another.
	Days = 15
	// Query is the CPU that all nodes use, in cores, by node-exporter.
	Query = `sum(rate(node_cpu_seconds_total{mode!~"idle|iowait|steal"}[5m]))`
)

// Ranger answers range queries; a client of Prometheus's API does.
type Ranger interface {
	QueryRange(ctx context.Context, query string, r promv1.Range, opts ...promv1.Option) (model.Value, promv1.Warnings, error)
}

// Past asks for the load of the days before a time, of one series in cores. What is missing is unknown.
func Past(ctx context.Context, from Ranger, query string, until time.Time, days int) (history.Series, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	end := until.Truncate(Step)
	s := history.Series{Start: end.Add(-time.Duration(days) * 24 * time.Hour), Step: Step}
	// The value at the end of a step is the mean over it.
	value, _, err := from.QueryRange(ctx, query, promv1.Range{Start: s.Start.Add(Step), End: end, Step: Step})
	if err != nil {
		return history.Series{}, fmt.Errorf("asking Prometheus for %s: %w", query, err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok || len(matrix) > 1 {
		return history.Series{}, fmt.Errorf("asking Prometheus for %s: the answer is no single series: take the sum", query)
	}
	s.CPU = make([]int64, end.Sub(s.Start)/Step)
	for i := range s.CPU {
		s.CPU[i] = -1
	}
	for _, series := range matrix {
		for _, sample := range series.Values {
			put(&s, sample)
		}
	}
	return s, nil
}

// put a sample where it belongs. What is no use of CPU stays unknown.
func put(s *history.Series, sample model.SamplePair) {
	i := int(sample.Timestamp.Time().Sub(s.Start)/s.Step) - 1
	if i >= 0 && i < len(s.CPU) && measurable(sample.Value) {
		s.CPU[i] = int64(math.Round(float64(sample.Value) * 1000))
	}
}

// measurable tells that a value can be a use of CPU.
func measurable(cores model.SampleValue) bool { return cores >= 0 && !math.IsInf(float64(cores), 0) }
