package demand

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/plan"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/workload"
)

// Target is whose demand, and by which metric. Pods belong to a workload by their names, in history as at present, so
// that it does not matter what an informer knew when.
type Target struct {
	plan.Read
	Type v1alpha1.WindowMetricType
	// Name is that of the workload or of the object.
	Name string
}

// query asks for the target alone. Its rows are pods of the workload and perhaps of a few others, the object, or "".
func (t *Target) query() (board.Query, error) {
	switch t.Type {
	case v1alpha1.PodsMetric:
		return t.Alone(workload.Patterns(t.Name)...)
	case v1alpha1.ObjectMetric:
		return t.Alone(t.Name)
	default:
		return t.Alone()
	}
}

// Expr is the PromQL that asks for the target alone: targets of the same one have the same history.
func (t *Target) Expr() (string, error) {
	query, err := t.query()
	return query.Expr, err
}

// label is that of the objects; "" for external metrics.
func (t *Target) label() string {
	if t.Type == v1alpha1.ExternalMetric {
		return ""
	}
	label, _ := t.Metric.Namer.Label(t.Metric.Resource) // without it there is no query, and no sample to look at
	return label
}

// Take adds the samples of a row at a tick to a sum. Samples that are no measurement count as missing, and spoil their
// row. A row about an object has one sample, unless a rule groups by more: then the safe one is the highest.
func (t *Target) Take(sum *Sum, tick time.Time, samples []board.Sample, hidden []string) {
	millis := make([]int64, len(samples))
	for i := range samples {
		milli, verdict := window.Milli(samples[i].Value)
		if verdict != window.Taken {
			return
		}
		millis[i] = milli
	}
	switch {
	case len(samples) == 0:
	case t.Type == v1alpha1.ExternalMetric:
		for i := range samples {
			sum.Add(tick, nameOf(samples[i].Labels, hidden), millis[i])
		}
	case t.Type == v1alpha1.ObjectMetric:
		sum.Add(tick, t.Name, slices.Max(millis))
	default:
		pod := string(samples[0].Labels[model.LabelName(t.label())])
		if usage.WorkloadOfName(t.Namespace, pod).Name == t.Name {
			sum.Add(tick, pod, slices.Max(millis))
		}
	}
}

func nameOf(labels model.Metric, hidden []string) string {
	if len(hidden) > 0 {
		labels = maps.Clone(labels)
		for _, name := range hidden {
			delete(labels, model.LabelName(name))
		}
	}
	return labels.String()
}
