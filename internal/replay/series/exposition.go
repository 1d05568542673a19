package series

import (
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// exposition serves the newest values in the text format. Each carries its
// time, because it is as old as the last Append.
type exposition struct {
	db      *DB
	catalog Catalog
}

func (e exposition) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	at, samples := e.db.Newest()
	w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	for _, family := range families(e.catalog, at, samples) {
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return // the client went away
		}
	}
}

// families groups samples by metric name, in order of name.
func families(catalog Catalog, at time.Time, samples []Sample) []*dto.MetricFamily {
	byName := map[string]*dto.MetricFamily{}
	for _, sample := range samples {
		n := name(sample.Labels)
		family := byName[n]
		if family == nil {
			family = newFamily(n, catalog[n])
			byName[n] = family
		}
		family.Metric = append(family.Metric, newMetric(sample, family.GetType(), at.UnixMilli()))
	}
	result := make([]*dto.MetricFamily, 0, len(byName))
	for _, family := range byName {
		result = append(result, family)
	}
	slices.SortFunc(result, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return result
}

func newFamily(name string, metric Metric) *dto.MetricFamily {
	kind := dto.MetricType_GAUGE
	if metric.Counter {
		kind = dto.MetricType_COUNTER
	}
	family := &dto.MetricFamily{Name: &name, Type: &kind}
	if metric.Help != "" {
		family.Help = &metric.Help
	}
	return family
}

func newMetric(sample Sample, kind dto.MetricType, ms int64) *dto.Metric {
	metric := &dto.Metric{TimestampMs: &ms}
	sample.Labels.Range(func(l labels.Label) {
		if l.Name != model.MetricNameLabel {
			metric.Label = append(metric.Label, &dto.LabelPair{Name: &l.Name, Value: &l.Value})
		}
	})
	if kind == dto.MetricType_COUNTER {
		metric.Counter = &dto.Counter{Value: &sample.Value}
	} else {
		metric.Gauge = &dto.Gauge{Value: &sample.Value}
	}
	return metric
}
