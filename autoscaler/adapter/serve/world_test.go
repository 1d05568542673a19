package serve

import (
	"context"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	kubelabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/catalogue"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

const (
	step      = 15 * time.Second
	shop      = "shop"
	rulesText = `
rules:
- seriesQuery: http_requests_total
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)
- seriesQuery: front_requests
  resources: {overrides: {namespace: {resource: namespace}, service: {resource: service}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
externalRules:
- seriesQuery: queue_depth
  resources: {overrides: {namespace: {resource: namespace}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>})
`
)

var began = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// engine is a real PromQL engine over a real TSDB, and what may go wrong on the way to it.
type engine struct {
	t      testing.TB
	db     *tsdb.DB
	promql *promql.Engine
	totals map[string]float64 // of counters
	series map[string]model.LabelSet
	// spoil changes what comes back; nil for nothing.
	spoil func(model.Vector, error) (model.Vector, error)
	// off is how far the clock of Prometheus is from ours.
	off     time.Duration
	queries []string
}

func newEngine(t testing.TB) *engine {
	t.Helper()
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 0
	db, err := tsdb.Open(t.TempDir(), nil, nil, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &engine{
		t: t, db: db, totals: map[string]float64{}, series: map[string]model.LabelSet{},
		promql: promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute}),
	}
}

// add scrapes one sample; what has staleNaN for a value is marked as ended.
func (e *engine) add(at time.Time, v float64, pairs ...string) {
	e.t.Helper()
	l := labels.FromStrings(pairs...)
	appender := e.db.Appender(context.Background())
	if _, err := appender.Append(0, l, at.UnixMilli(), v); err != nil {
		e.t.Fatalf("appending to %s: %v", l, err)
	}
	if err := appender.Commit(); err != nil {
		e.t.Fatal(err)
	}
	if e.series[l.String()] == nil {
		set := model.LabelSet{}
		for name, value := range l.Map() {
			set[model.LabelName(name)] = model.LabelValue(value)
		}
		e.series[l.String()] = set
	}
}

var staleNaN = math.Float64frombits(value.StaleNaN)

// Query implements board.Prometheus.
func (e *engine) Query(ctx context.Context, text string, at time.Time, _ ...promv1.Option) (model.Value, promv1.Warnings, error) {
	e.queries = append(e.queries, text)
	query, err := e.promql.NewInstantQuery(ctx, e.db, nil, text, at.Add(e.off))
	if err != nil {
		return nil, nil, err
	}
	defer query.Close()
	result := query.Exec(ctx)
	if matrix, err := result.Matrix(); err == nil {
		return matrixOf(matrix), nil, nil
	}
	got, err := result.Vector()
	vector := model.Vector{}
	for _, sample := range got {
		metric := model.Metric{}
		for name, value := range sample.Metric.Map() {
			metric[model.LabelName(name)] = model.LabelValue(value)
		}
		vector = append(vector, &model.Sample{Metric: metric, Value: model.SampleValue(sample.F)})
	}
	if e.spoil != nil {
		vector, err = e.spoil(vector, err)
	}
	if err != nil {
		return nil, nil, err
	}
	return vector, nil, nil
}

// matrixOf is the answer to a subquery.
func matrixOf(got promql.Matrix) model.Matrix {
	matrix := model.Matrix{}
	for _, series := range got {
		stream := &model.SampleStream{Metric: model.Metric{}}
		for name, value := range series.Metric.Map() {
			stream.Metric[model.LabelName(name)] = model.LabelValue(value)
		}
		for _, point := range series.Floats {
			stream.Values = append(stream.Values, model.SamplePair{Timestamp: model.Time(point.T), Value: model.SampleValue(point.F)})
		}
		matrix = append(matrix, stream)
	}
	return matrix
}

// Series implements catalogue.Prometheus.
func (e *engine) Series(_ context.Context, matches []string, _, _ time.Time, _ ...promv1.Option) ([]model.LabelSet, promv1.Warnings, error) {
	if e.spoil != nil {
		if _, err := e.spoil(nil, nil); err != nil {
			return nil, nil, err
		}
	}
	var found []model.LabelSet
	for _, set := range e.series {
		if string(set[model.MetricNameLabel]) == matches[0] {
			found = append(found, set)
		}
	}
	return found, nil, nil
}

// objects are the pods there are.
type objects struct {
	names []string
	idle  []string
	err   error
}

// Select implements Objects.
func (o *objects) Select(context.Context, schema.GroupVersionResource, string, kubelabels.Selector) ([]Object, error) {
	var list []Object
	for _, name := range o.names {
		list = append(list, Object{Name: name, Idle: slices.Contains(o.idle, name)})
	}
	return list, o.err
}

// adapter is a provider, and what it is made of.
type adapter struct {
	*Provider
	clock     *clocktesting.FakeClock
	board     *board.Board
	catalogue *catalogue.Catalogue
}

// start starts an adapter, which asks for the series there are.
func start(t testing.TB, prometheus interface {
	board.Prometheus
	catalogue.Prometheus
}, clk *clocktesting.FakeClock, text string, c Config) *adapter {
	t.Helper()
	b, err := board.New(board.Config{Step: step, Fresh: time.Minute, Stale: 5 * time.Minute}, prometheus, clk, nil)
	if err != nil {
		t.Fatal(err)
	}
	mapper := rules.BuiltIn()
	cat, err := catalogue.New(catalogue.Config{}, prometheus, mapper, clk, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := rules.Parse("rules.yaml", []byte(text))
	if len(set.Faults) > 0 {
		t.Fatal(set.Faults)
	}
	cat.Use(set)
	cat.Refresh(t.Context())
	c.Board, c.Catalogue, c.Mapper = b, cat, mapper
	return &adapter{Provider: New(c), clock: clk, board: b, catalogue: cat}
}

func podName(i int) string { return "web-" + strconv.Itoa(i) }
