package catalogue

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
)

// fake has series by selector; a selector that it lacks fails as unanswered says.
type fake struct {
	series     map[string][]model.LabelSet
	unanswered error
	asked      []string
	from, to   time.Time
}

func (f *fake) Series(_ context.Context, matches []string, from, to time.Time, _ ...promv1.Option) ([]model.LabelSet, promv1.Warnings, error) {
	f.asked = append(f.asked, matches...)
	f.from, f.to = from, to
	if found, ok := f.series[matches[0]]; ok {
		return found, nil, nil
	}
	return nil, nil, f.unanswered
}

func series(labels ...string) model.LabelSet {
	set := model.LabelSet{}
	for i := 0; i < len(labels); i += 2 {
		set[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	return set
}

func parse(t *testing.T, text string) *rules.Set {
	t.Helper()
	set := rules.Parse("rules.yaml", []byte(text))
	if len(set.Faults) > 0 {
		t.Fatal(set.Faults)
	}
	return set
}

const both = `
rules:
- seriesQuery: http
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)'
externalRules:
- seriesQuery: queue
  resources: {namespaced: false}
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>})'
`

var (
	began = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	web   = series("__name__", "http", "namespace", "shop", "pod", "web-0")
	web1  = series("__name__", "http", "namespace", "shop", "pod", "web-1")
	queue = series("__name__", "queue", "topic", "orders")
	all   = []string{"queue", "namespaces/http", "pods/http"}
)

func newCatalogue(t *testing.T, source Prometheus, clk clock.Clock) (*Catalogue, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	c, err := New(Config{}, source, rules.BuiltIn(), clk, r)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func names(i *Index) []string {
	var list []string
	for _, m := range i.Metrics {
		list = append(list, m.String())
	}
	return list
}

// TestRefresh has series at the beginning, and others after a while.
func TestRefresh(t *testing.T) {
	down := errors.New("down")
	bad := &promv1.Error{Type: promv1.ErrBadData, Msg: "no selector"}
	everything := map[string][]model.LabelSet{"http": {web, web1}, "queue": {queue}}
	for name, test := range map[string]struct {
		then     map[string][]model.LabelSet
		err      error
		after    time.Duration
		want     []string
		complete bool
		reason   string
	}{
		"the same":           {everything, nil, time.Minute, all, true, "nothing changed"},
		"Prometheus is down": {nil, down, 24 * time.Hour, all, true, "what was known stays, however long"},
		"half is down": {
			map[string][]model.LabelSet{"http": {}}, down, 2 * time.Hour, []string{"queue"}, true, "each selector stands for itself",
		},
		"an empty answer":    {map[string][]model.LabelSet{"http": {}, "queue": {}}, nil, time.Hour, all, true, "an empty Prometheus knows no better"},
		"empty for long":     {map[string][]model.LabelSet{"http": {}, "queue": {}}, nil, time.Hour + 1, nil, true, "it ended"},
		"refused afterwards": {nil, bad, time.Minute, all, true, "the series were there"},
		"fewer labels": {
			map[string][]model.LabelSet{"http": {series("__name__", "http", "pod", "x")}, "queue": {queue}}, nil, 2 * time.Hour,
			[]string{"queue", "pods/http"}, true, "no label names a namespace any more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			clk := clocktesting.NewFakeClock(began)
			source := &fake{series: everything}
			c, _ := newCatalogue(t, source, clk)
			c.Use(parse(t, both))
			if i := c.Index(); i.Complete || len(i.Metrics) > 0 {
				t.Errorf("before Prometheus was asked: %v", names(i))
			}
			c.Refresh(t.Context())
			if diff := cmp.Diff(all, names(c.Index())); diff != "" {
				t.Fatal(diff)
			}
			clk.Step(test.after)
			source.series, source.unanswered = test.then, test.err
			c.Refresh(t.Context())
			if diff := cmp.Diff(test.want, names(c.Index())); diff != "" || c.Index().Complete != test.complete {
				t.Errorf("complete: %v: %s\n%s", c.Index().Complete, test.reason, diff)
			}
		})
	}
}

func TestComplete(t *testing.T) {
	for name, test := range map[string]struct {
		source fake
		want   bool
		reason string
	}{
		"all answered":    {fake{series: map[string][]model.LabelSet{"http": {web}, "queue": {}}}, true, "an empty answer is one"},
		"one unanswered":  {fake{series: map[string][]model.LabelSet{"http": {web}}, unanswered: errors.New("down")}, false, "there may be a queue"},
		"one is bad data": {fake{series: map[string][]model.LabelSet{"http": {web}}, unanswered: &promv1.Error{Type: promv1.ErrBadData}}, true, "it never will have series"},
		"one timed out":   {fake{series: map[string][]model.LabelSet{"http": {web}}, unanswered: &promv1.Error{Type: promv1.ErrTimeout}}, false, "there may be a queue"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := newCatalogue(t, &test.source, clocktesting.NewFakeClock(began))
			c.Use(parse(t, both))
			c.Refresh(t.Context())
			if got := c.Index().Complete; got != test.want || c.Asked() != test.want {
				t.Errorf("got %v: %s", got, test.reason)
			}
			c.Use(parse(t, strings.ReplaceAll(both, "queue", "topics")))
			if c.Index().Complete || c.Asked() != test.want {
				t.Error("another rule's series are not known, but those before it were")
			}
		})
	}
	c, _ := newCatalogue(t, &fake{}, clocktesting.NewFakeClock(began))
	if c.Refresh(t.Context()); c.Index().Complete {
		t.Error("without rules nothing is known")
	}
}

func TestSeriesAreAskedOnceForEachSelector(t *testing.T) {
	source := &fake{series: map[string][]model.LabelSet{"http": {web}, "queue": {queue}}}
	c, _ := newCatalogue(t, source, clocktesting.NewFakeClock(began))
	c.Use(parse(t, both), parse(t, both))
	c.Refresh(t.Context())
	if diff := cmp.Diff([]string{"http", "queue"}, source.asked); diff != "" {
		t.Error(diff)
	}
	if source.to != began || source.to.Sub(source.from) != time.Hour {
		t.Errorf("asked from %v to %v", source.from, source.to)
	}
}

func TestIndex(t *testing.T) {
	c, _ := newCatalogue(t, &fake{series: map[string][]model.LabelSet{"http": {web}, "queue": {queue}}}, clocktesting.NewFakeClock(began))
	c.Use(parse(t, both))
	c.Refresh(t.Context())
	i := c.Index()
	pods, namespaces := schema.GroupResource{Resource: "pods"}, schema.GroupResource{Resource: "namespaces"}
	for name, test := range map[string]struct{ got, want bool }{
		"of pods":                     {second(i.Custom(pods, true, "http")), true},
		"of pods without a namespace": {second(i.Custom(pods, false, "http")), false},
		"of namespaces":               {second(i.Custom(namespaces, false, "http")), true},
		"an external as custom":       {second(i.Custom(pods, true, "queue")), false},
		"external":                    {second(i.External("queue")), true},
		"a custom as external":        {second(i.External("http")), false},
	} {
		t.Run(name, func(t *testing.T) {
			if test.got != test.want {
				t.Errorf("got %v", test.got)
			}
		})
	}
}

func second(_ rules.Metric, ok bool) bool { return ok }

// TestNamersStay holds that what is remembered by a namer is not forgotten at each refresh.
func TestNamersStay(t *testing.T) {
	c, _ := newCatalogue(t, &fake{series: map[string][]model.LabelSet{"http": {web}, "queue": {queue}}}, clocktesting.NewFakeClock(began))
	set := parse(t, both)
	c.Use(set)
	c.Refresh(t.Context())
	before, _ := c.Index().External("queue")
	c.Refresh(t.Context())
	after, _ := c.Index().External("queue")
	if before.Namer != after.Namer {
		t.Error("a refresh made a new namer")
	}
	c.Use(parse(t, both))
	if after, _ := c.Index().External("queue"); before.Namer == after.Namer || len(c.namers) != 2 {
		t.Errorf("the namers of rules that were replaced are still there: %d", len(c.namers))
	}
}

// late knows pods only after a while, as when a cluster's discovery fails.
type late struct {
	rules.Mapper
	known bool
}

func (l *late) ResourceFor(r schema.GroupVersionResource) (schema.GroupVersionResource, error) {
	if !l.known && strings.HasPrefix(r.Resource, "pod") {
		return schema.GroupVersionResource{}, errors.New("not now")
	}
	return l.Mapper.ResourceFor(r)
}

func TestResourcesThatCome(t *testing.T) {
	mapper := &late{Mapper: rules.BuiltIn()}
	c, err := New(Config{}, &fake{series: map[string][]model.LabelSet{"http": {web}, "queue": {queue}}}, mapper, clocktesting.NewFakeClock(began), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Use(parse(t, both))
	c.Refresh(t.Context())
	if diff := cmp.Diff([]string{"queue", "namespaces/http"}, names(c.Index())); diff != "" {
		t.Error(diff)
	}
	mapper.known = true
	c.Refresh(t.Context())
	if diff := cmp.Diff(all, names(c.Index())); diff != "" {
		t.Error(diff)
	}
}

// TestRun has rules replaced while Prometheus is asked once a minute.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{series: map[string][]model.LabelSet{"http": {web}, "queue": {queue}}}
		c, r := newCatalogue(t, source, clock.RealClock{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		synctest.Wait()
		c.Use(parse(t, both))
		synctest.Wait()
		if diff := cmp.Diff(all, names(c.Index())); diff != "" {
			t.Errorf("rules are not taken at once:\n%s", diff)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(source.asked) != 4 {
			t.Errorf("asked for %v in a minute", source.asked)
		}
		stop()
		<-done
		if err := testutil.GatherAndCompare(r, strings.NewReader(`
# HELP evenkeel_adapter_discovery_failures Selectors of rules that Prometheus did not answer when last asked.
# TYPE evenkeel_adapter_discovery_failures gauge
evenkeel_adapter_discovery_failures 0
# HELP evenkeel_adapter_metric_conflicts Metrics that more than one series makes; the last rule wins.
# TYPE evenkeel_adapter_metric_conflicts gauge
evenkeel_adapter_metric_conflicts 0
# HELP evenkeel_adapter_metrics Metrics that are served.
# TYPE evenkeel_adapter_metrics gauge
evenkeel_adapter_metrics{api="custom"} 2
evenkeel_adapter_metrics{api="external"} 1
`), "evenkeel_adapter_discovery_failures", "evenkeel_adapter_metric_conflicts", "evenkeel_adapter_metrics"); err != nil {
			t.Error(err)
		}
	})
}

func TestTwoCataloguesShareMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	for range 2 {
		if _, err := New(Config{}, &fake{}, rules.BuiltIn(), clocktesting.NewFakeClock(began), r); err != nil {
			t.Error(err)
		}
	}
}
