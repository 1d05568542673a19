package hold

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/catalogue"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// rulesFile makes a table of the first three; the fourth, which prints the names of pods, is asked for alone.
const rulesFile = `
rules:
- seriesQuery: 'http_requests_total{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  name: {matches: "^(.*)_total$", as: "${1}_per_second"}
  metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)
- seriesQuery: 'ingress_load{namespace!="",service!=""}'
  resources: {overrides: {namespace: {resource: namespace}, service: {resource: service}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
- seriesQuery: 'busy{namespace!="",pod!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: topk(1000, sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>))
externalRules:
- seriesQuery: 'queue_depth{queue!=""}'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (queue, shard) or vector(0)
`

// world is Prometheus: a real engine over a real database.
type world struct {
	db     *tsdb.DB
	engine *promql.Engine
	// down tells whether it does not answer now.
	down  func() bool
	asked atomic.Int64
}

var errDown = errors.New("connection refused")

func newWorld(t testing.TB) *world {
	t.Helper()
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 0
	options.MinBlockDuration, options.MaxBlockDuration = (1000 * time.Hour).Milliseconds(), (1000 * time.Hour).Milliseconds()
	db, err := tsdb.Open(t.TempDir(), nil, nil, options, nil)
	if err != nil {
		t.Fatalf("opening the database: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &world{db: db, engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
	})}
}

// What a scrape may find in place of a value: nothing, as it failed, or the end of the series. Any other NaN is a value.
const (
	noScrape  = 0x7ff8_0000_0000_0bad
	seriesEnd = value.StaleNaN
)

func missed() float64 { return math.Float64frombits(noScrape) }
func ended() float64  { return math.Float64frombits(seriesEnd) }

// record scrapes a series every step in [from, until).
func (p *world) record(t testing.TB, from, until time.Time, step time.Duration, series map[string]string, at func(time.Time) float64) {
	t.Helper()
	appender := p.db.Appender(context.Background())
	for tick := from; tick.Before(until); tick = tick.Add(step) {
		v := at(tick)
		if math.Float64bits(v) == noScrape {
			continue
		}
		if _, err := appender.Append(0, labels.FromMap(series), tick.UnixMilli(), v); err != nil {
			t.Fatalf("appending to %v: %v", series, err)
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatalf("committing: %v", err)
	}
}

// Query implements board.Prometheus.
func (p *world) Query(ctx context.Context, query string, at time.Time, _ ...promv1.Option) (model.Value, promv1.Warnings, error) {
	p.asked.Add(1)
	if p.down != nil && p.down() {
		return nil, nil, errDown
	}
	q, err := p.engine.NewInstantQuery(ctx, p.db, nil, query, at)
	if err != nil {
		return nil, nil, err
	}
	defer q.Close()
	vector, err := q.Exec(ctx).Vector()
	if err != nil {
		return nil, nil, err
	}
	out := model.Vector{}
	for _, s := range vector {
		out = append(out, &model.Sample{Metric: metricOf(s.Metric), Timestamp: model.Time(s.T), Value: model.SampleValue(s.F)})
	}
	return out, nil, nil
}

// QueryRange implements demand.Prometheus.
func (p *world) QueryRange(ctx context.Context, query string, r promv1.Range, _ ...promv1.Option) (model.Value, promv1.Warnings, error) {
	p.asked.Add(1)
	if p.down != nil && p.down() {
		return nil, nil, errDown
	}
	if n := r.End.Sub(r.Start) / r.Step; n >= 11_000 {
		return nil, nil, fmt.Errorf("exceeded maximum resolution of 11,000 points per timeseries: %d", n)
	}
	q, err := p.engine.NewRangeQuery(ctx, p.db, nil, query, r.Start, r.End, r.Step)
	if err != nil {
		return nil, nil, err
	}
	defer q.Close()
	matrix, err := q.Exec(ctx).Matrix()
	if err != nil {
		return nil, nil, err
	}
	out := model.Matrix{}
	for _, s := range matrix {
		stream := &model.SampleStream{Metric: metricOf(s.Metric)}
		for _, f := range s.Floats {
			stream.Values = append(stream.Values, model.SamplePair{Timestamp: model.Time(f.T), Value: model.SampleValue(f.F)})
		}
		out = append(out, stream)
	}
	return out, nil, nil
}

// Series implements catalogue.Prometheus.
func (p *world) Series(context.Context, []string, time.Time, time.Time, ...promv1.Option) ([]model.LabelSet, promv1.Warnings, error) {
	return []model.LabelSet{
		{"__name__": "http_requests_total", "namespace": "shop", "pod": "web-0", "verb": "GET"},
		{"__name__": "ingress_load", "namespace": "shop", "service": "web"},
		{"__name__": "busy", "namespace": "shop", "pod": "web-0"},
		{"__name__": "queue_depth", "queue": "mail", "shard": "1"},
	}, nil, nil
}

func metricOf(l labels.Labels) model.Metric {
	m := model.Metric{}
	l.Range(func(l labels.Label) { m[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
	return m
}

// ticks are of the tests: those of the board.
func ticks(step time.Duration) board.Config {
	return board.Config{
		Step: step, Delay: 2 * time.Second, Fresh: 4 * step, Stale: 10 * time.Minute, Idle: time.Hour, Timeout: 10 * time.Second, Concurrency: 4,
	}
}

// adapter is a process.
type adapter struct {
	*Windows
	kill context.CancelFunc
}

func start(t testing.TB, p *world, c board.Config, windows []*v1alpha1.ScalingWindow, hpas []*autoscalingv2.HorizontalPodAutoscaler) *adapter {
	t.Helper()
	ctx, kill := context.WithCancel(context.Background())
	b, err := board.New(c, p, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalogue.New(catalogue.Config{Interval: time.Hour, Age: time.Hour, Timeout: time.Second}, p, rules.BuiltIn(), clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := rules.Parse("rules.yaml", []byte(rulesFile))
	if len(set.Faults) > 0 {
		t.Fatal(set.Faults)
	}
	cat.Use(set)
	cat.Refresh(ctx)
	w, err := New(Config{
		Board: b, Catalogue: cat, Mapper: rules.BuiltIn(), History: p, Concurrency: 2, Clock: clock.RealClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	go w.Run(ctx)
	synctest.Wait()
	w.take(ctx, "shop", wish.Of(windows, hpas, rules.BuiltIn(), w.grid))
	w.known.Store(true)
	go b.Run(ctx)
	return &adapter{Windows: w, kill: kill}
}

var (
	podsKey     = serve.Key{Type: v1alpha1.PodsMetric, Namespace: "shop", Resource: groupResource("pods"), Metric: "http_requests_per_second", Name: "web"}
	busyKey     = serve.Key{Type: v1alpha1.PodsMetric, Namespace: "shop", Resource: groupResource("pods"), Metric: "busy", Name: "web"}
	objectKey   = serve.Key{Type: v1alpha1.ObjectMetric, Namespace: "shop", Resource: groupResource("services"), Metric: "ingress_load", Name: "web"}
	externalKey = serve.Key{Type: v1alpha1.ExternalMetric, Namespace: "shop", Metric: "queue_depth", Selector: "queue=mail"}
	allKeys     = []serve.Key{podsKey, busyKey, objectKey, externalKey}
)

func scalingWindow(name string, metric v1alpha1.WindowMetric, edit func(*v1alpha1.ScalingWindowSpec)) *v1alpha1.ScalingWindow {
	w := &v1alpha1.ScalingWindow{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Generation: 1},
		Spec: v1alpha1.ScalingWindowSpec{
			ScaleTargetRef: &autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			Metric:         metric,
			Target:         v1alpha1.WindowTarget{AverageValue: resource.NewQuantity(10, resource.DecimalSI)},
		},
	}
	edit(&w.Spec)
	return w
}

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// four are one window for each way of reading, each with other parts.
func four() []*v1alpha1.ScalingWindow {
	return []*v1alpha1.ScalingWindow{
		scalingWindow("pods", v1alpha1.WindowMetric{Type: v1alpha1.PodsMetric, Name: podsKey.Metric}, func(s *v1alpha1.ScalingWindowSpec) {
			s.SlowScaleDown = &v1alpha1.SlowScaleDown{Hold: duration(5 * time.Minute), HalfLife: duration(2 * time.Minute)}
		}),
		scalingWindow("busy", v1alpha1.WindowMetric{Type: v1alpha1.PodsMetric, Name: busyKey.Metric}, func(s *v1alpha1.ScalingWindowSpec) {
			s.MaxWindow = duration(7 * time.Minute)
			s.Percentile = &v1alpha1.WindowPercentile{Value: 90, Window: *duration(20 * time.Minute)}
		}),
		scalingWindow("object", v1alpha1.WindowMetric{
			Type: v1alpha1.ObjectMetric, Name: objectKey.Metric,
			DescribedObject: &autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: "Service", Name: "web"},
		}, func(s *v1alpha1.ScalingWindowSpec) {
			s.DeadBand = &v1alpha1.DeadBand{Step: 20, Dwell: *duration(10 * time.Minute)}
		}),
		scalingWindow("external", v1alpha1.WindowMetric{
			Type: v1alpha1.ExternalMetric, Name: externalKey.Metric, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"queue": "mail"}},
		}, func(s *v1alpha1.ScalingWindowSpec) {
			s.SlowScaleDown = &v1alpha1.SlowScaleDown{Hold: duration(3 * time.Minute), Pods: new(int32(2)), Period: duration(5 * time.Minute)}
		}),
	}
}

func autoscaler() *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web", Generation: 1},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
			MaxReplicas:    30,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: podsKey.Metric},
				Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(10, resource.DecimalSI)},
			}}},
		},
	}
}

// busyWorld records pods that come, go and are not scraped now and then, of the workload and of others.
func busyWorld(t testing.TB, p *world, r *rand.Rand, from, until time.Time, step time.Duration) {
	t.Helper()
	demand := func(tick time.Time) float64 {
		hours := tick.Sub(from).Hours()
		v := 20 + 15*math.Sin(hours*5)
		if tick.Unix()/600%4 == 0 {
			v += 40
		}
		return v
	}
	pods := []string{"web-5d89bdcf78-bbbbb", "web-5d89bdcf78-ccccc", "web-6c4f59d4b7-ddddd", "web-6c4f59d4b7-fffff", "web-api-6c4f59d4b7-fffff", "webber-0"}
	for i, pod := range pods {
		begin := from.Add(time.Duration(i%3) * time.Hour / 2)
		end := until.Add(-time.Duration(i%2) * time.Hour)
		gone, total := false, 0.0
		at := func(counter bool) func(time.Time) float64 {
			gone, total = false, 0
			return func(tick time.Time) float64 {
				total += demand(tick) * step.Seconds() * (0.5 + r.Float64())
				switch {
				case tick.Before(begin), gone, r.IntN(8) == 0:
					return missed()
				case tick.After(end):
					gone = true
					return ended()
				case r.IntN(200) == 0:
					total = 0 // it started anew
				}
				if counter {
					return total
				}
				return demand(tick) / 3 * (0.5 + r.Float64())
			}
		}
		late := time.Duration(r.IntN(int(step)))
		p.record(t, from.Add(late), until, step, map[string]string{"__name__": "http_requests_total", "namespace": "shop", "pod": pod, "verb": "GET"}, at(true))
		p.record(t, from.Add(late), until, step, map[string]string{"__name__": "http_requests_total", "namespace": "other", "pod": pod, "verb": "GET"}, at(true))
		p.record(t, from.Add(late), until, step, map[string]string{"__name__": "busy", "namespace": "shop", "pod": pod}, at(false))
	}
	for i := range 3 {
		series := map[string]string{"__name__": "queue_depth", "queue": []string{"mail", "mail", "sms"}[i], "shard": fmt.Sprint(i)}
		p.record(t, from, until, step, series, func(tick time.Time) float64 {
			if tick.Unix()/900%7 == 3 {
				return missed() // long enough for "or vector(0)" to answer
			}
			return math.Round(demand(tick)*100*r.Float64()) / 10
		})
	}
	p.record(t, from, until, step, map[string]string{"__name__": "ingress_load", "namespace": "shop", "service": "web"}, func(tick time.Time) float64 {
		if r.IntN(50) == 0 {
			return -1 // no demand
		}
		return demand(tick)
	})
}
