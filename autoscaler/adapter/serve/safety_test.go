package serve

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
)

const (
	replicas = 10
	each     = 10 // what a pod is there for, and what each of them gets
)

// fault is what goes wrong between two times.
type fault struct {
	// scrape changes a sample of an object, which is a pod, the service or the queue; false: it is not scraped.
	scrape func(e *engine, at time.Time, object string, v float64) (float64, bool)
	// begin and end are called when the fault begins and ends.
	begin, end func(e *engine, clk *clocktesting.FakeClock)
	// demand is what pods get; nil: each the same.
	demand func(pod int) float64
	lasts  time.Duration
	// then is what reads of pods, of the service and of the queue come to at the end of it: "ok" or a status.
	then   [3]string
	reason string
}

// spoiled is a fault of the answers.
func spoiled(spoil func(model.Vector, error) (model.Vector, error)) fault {
	return fault{
		begin: func(e *engine, _ *clocktesting.FakeClock) { e.spoil = spoil },
		end:   func(e *engine, _ *clocktesting.FakeClock) { e.spoil = nil },
		lasts: 10 * time.Minute, then: [3]string{"503", "503", "503"},
	}
}

func failing(err error) fault {
	return spoiled(func(model.Vector, error) (model.Vector, error) { return nil, err })
}

// every turns all values of an answer into one.
func every(v float64) fault {
	return spoiled(func(vector model.Vector, err error) (model.Vector, error) {
		for _, sample := range vector {
			sample.Value = model.SampleValue(v)
		}
		return vector, err
	})
}

func (f fault) with(then ...string) fault { f.then = [3]string(then); return f }

func (f fault) lasting(d time.Duration, then ...string) fault { f.lasts = d; return f.with(then...) }

func (f fault) because(reason string) fault { f.reason = reason; return f }

// silent is a fault in which some objects are not scraped; where they are marked as ended, as a scrape that fails does it.
func silent(marked bool, objects ...string) fault {
	gone := map[string]bool{}
	return fault{scrape: func(_ *engine, _ time.Time, object string, v float64) (float64, bool) {
		if len(objects) > 0 && !slices.Contains(objects, object) {
			return v, true
		}
		first := !gone[object]
		gone[object] = true
		return staleNaN, marked && first
	}}
}

var hotPods = []string{podName(0), podName(1), podName(2), podName(3), podName(4)}

// skewed lets half of the pods do all of the work.
func skewed(pod int) float64 {
	if pod < 5 {
		return 2 * each
	}
	return 0
}

func faults() map[string]fault {
	partial := silent(false, hotPods...)
	partial.demand = skewed
	marked := silent(true, hotPods...)
	marked.demand = skewed
	clockOff := func(off time.Duration) fault {
		return fault{
			begin: func(e *engine, _ *clocktesting.FakeClock) { e.off = off },
			end:   func(e *engine, _ *clocktesting.FakeClock) { e.off = 0 },
		}
	}
	return map[string]fault{
		"none":     fault{}.lasting(10*time.Minute, "ok", "ok", "ok"),
		"down":     failing(errors.New("connection refused")),
		"a hiccup": failing(errors.New("connection refused")).lasting(5*time.Minute-step, "ok", "ok", "ok").because("held up to Stale"),
		"slow":     failing(context.DeadlineExceeded),
		"duplicate series": failing(errors.New("execution: vector cannot contain metrics with the same labelset")).
			because("it is the query that fails"),
		"empty": spoiled(func(model.Vector, error) (model.Vector, error) { return model.Vector{}, nil }).with("404", "404", "404"),
		"empty for a while": spoiled(func(model.Vector, error) (model.Vector, error) { return model.Vector{}, nil }).
			lasting(4*time.Minute, "ok", "ok", "ok"),
		"NaN":             every(math.NaN()),
		"Inf":             every(math.Inf(1)),
		"minus Inf":       every(math.Inf(-1)),
		"negative":        every(-1),
		"a hiccup of NaN": every(math.NaN()).lasting(time.Minute, "ok", "ok", "ok"),
		"partial scrape": partial.lasting(time.Minute, "ok", "ok", "ok").
			because("what no new sample is behind is held, and what is gone up to Fresh"),
		"partial scrape, marked": marked.lasting(time.Minute, "ok", "ok", "ok"),
		"partial scrape, long, and all do the same": silent(true, hotPods...).lasting(10*time.Minute, "ok", "ok", "ok").
			because("an HPA takes those that are missing to be at their target"),
		"nothing is scraped": silent(false).lasting(10*time.Minute, "404", "404", "404").
			because("Prometheus itself looks back for 5m; then the answer is empty for as long"),
		"nothing is scraped, marked": silent(true).lasting(10*time.Minute, "404", "404", "404"),
		"counter reset": {
			begin: func(e *engine, _ *clocktesting.FakeClock) { clear(e.totals) },
			lasts: 5 * time.Minute, then: [3]string{"ok", "ok", "ok"},
		},
		"two series of each": {
			scrape: func(e *engine, at time.Time, object string, v float64) (float64, bool) {
				sample(e, at, object, v, "instance", "other")
				return v, true
			},
			lasts: 5 * time.Minute, then: [3]string{"ok", "ok", "ok"}, reason: "their sum is more than there is",
		},
		"the clock of Prometheus is ahead": clockOff(-2*time.Minute).lasting(5*time.Minute, "ok", "ok", "ok"),
		"the clock of Prometheus is behind": clockOff(time.Minute).lasting(10*time.Minute, "404", "ok", "ok").
			because("the last minute, of which a rate is asked, is still to come"),
		"an hour behind": clockOff(time.Hour).lasting(10*time.Minute, "404", "404", "404").because("it finds nothing"),
		"our clock is set back": {
			begin: func(_ *engine, clk *clocktesting.FakeClock) { clk.SetTime(clk.Now().Add(-4 * time.Minute)) },
			lasts: time.Minute, then: [3]string{"ok", "ok", "ok"},
		},
	}
}

// sample scrapes an object.
func sample(e *engine, at time.Time, object string, v float64, more ...string) {
	switch object {
	case "front":
		e.add(at, v, append(more, "__name__", "front_requests", "namespace", shop, "service", object)...)
	case "orders":
		e.add(at, v, append(more, "__name__", "queue_depth", "namespace", shop, "queue", object)...)
	default:
		if !math.IsNaN(v) {
			key := fmt.Sprint(object, more)
			e.totals[key] += v * step.Seconds()
			v = e.totals[key]
		}
		e.add(at, v, append(more, "__name__", "http_requests_total", "namespace", shop, "pod", object)...)
	}
}

func scrape(e *engine, at time.Time, f *fault, on bool) {
	objects := map[string]float64{"front": replicas * each, "orders": replicas * each}
	for i := range replicas {
		objects[podName(i)] = each
		if f.demand != nil {
			objects[podName(i)] = f.demand(i)
		}
	}
	for object, v := range objects {
		ok := true
		if on && f.scrape != nil {
			v, ok = f.scrape(e, at, object, v)
		}
		if ok {
			sample(e, at, object, v)
		}
	}
}

func spec(m autoscalingv2.MetricSpec) *autoscalingv2.HorizontalPodAutoscalerSpec {
	rules := &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: new(int32(0)), Tolerance: resource.NewQuantity(0, resource.DecimalSI)}
	return &autoscalingv2.HorizontalPodAutoscalerSpec{
		MaxReplicas: 1000, Metrics: []autoscalingv2.MetricSpec{m},
		Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: rules},
	}
}

var target = autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(each, resource.DecimalSI)}

// autoscalers read the pods' rate, the service's and the queue's, as the HPA controller does.
var autoscalers = []struct {
	name string
	spec *autoscalingv2.HorizontalPodAutoscalerSpec
	read func(context.Context, provider.MetricsProvider) ([]hpa.Pod, []int64, error)
}{
	{
		"pods", spec(autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{Target: target}}),
		func(ctx context.Context, p provider.MetricsProvider) ([]hpa.Pod, []int64, error) {
			list, err := p.GetMetricBySelector(ctx, shop, labels.Everything(), perSecond, labels.Everything())
			if err != nil {
				return nil, nil, err
			}
			pods := alive()
			for i := range pods {
				pods[i].Missing = true
				for _, item := range list.Items {
					if item.DescribedObject.Name == podName(i) {
						pods[i].Missing, pods[i].Value = false, item.Value.MilliValue()
					}
				}
			}
			return pods, nil, nil
		},
	},
	{
		"service", spec(autoscalingv2.MetricSpec{Type: autoscalingv2.ObjectMetricSourceType, Object: &autoscalingv2.ObjectMetricSource{Target: target}}),
		func(ctx context.Context, p provider.MetricsProvider) ([]hpa.Pod, []int64, error) {
			value, err := p.GetMetricByName(ctx, types.NamespacedName{Namespace: shop, Name: "front"}, ofFront, labels.Everything())
			if err != nil {
				return nil, nil, err
			}
			return alive(), []int64{value.Value.MilliValue()}, nil
		},
	},
	{
		"queue", spec(autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{Target: target}}),
		func(ctx context.Context, p provider.MetricsProvider) ([]hpa.Pod, []int64, error) {
			list, err := p.GetExternalMetric(ctx, shop, labels.SelectorFromSet(labels.Set{"queue": "orders"}), ofQueue)
			if err != nil {
				return nil, nil, err
			}
			var values []int64
			for _, item := range list.Items {
				values = append(values, item.Value.MilliValue())
			}
			return alive(), values, nil
		},
	},
}

var (
	perSecond = provider.CustomMetricInfo{GroupResource: schema.GroupResource{Resource: "pods"}, Namespaced: true, Metric: "http_requests_per_second"}
	ofFront   = provider.CustomMetricInfo{GroupResource: schema.GroupResource{Resource: "services"}, Namespaced: true, Metric: "front_requests"}
	ofQueue   = provider.ExternalMetricInfo{Metric: "queue_depth"}
)

func alive() []hpa.Pod {
	return slices.Repeat([]hpa.Pod{{Phase: v1.PodRunning, Ready: true}}, replicas)
}

func statusOf(err error) string {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &status):
		return fmt.Sprint(status.Status().Code)
	default:
		return err.Error()
	}
}

// TestNothingScalesDownWithoutCause plays each fault while demand asks for all replicas that there are: no autoscaler,
// without stabilisation or tolerance, may ask for fewer at any tick of it or after; and reads end as they ought to. An
// adapter that starts anew at any tick, with another metrics server beside it that takes all for idle, must do no worse.
func TestNothingScalesDownWithoutCause(t *testing.T) {
	for name, f := range faults() {
		t.Run(name, func(t *testing.T) {
			play(t, &f)
		})
	}
}

func play(t *testing.T, f *fault) {
	t.Helper()
	e := newEngine(t)
	clk := clocktesting.NewFakeClock(began)
	pods := &objects{}
	for i := range replicas {
		pods.names = append(pods.names, podName(i))
	}
	at := began // of the cluster, whatever our clock says
	scrapes := func(on bool) { scrape(e, at, f, on); at = at.Add(step); clk.Step(step) }
	for range 20 {
		scrapes(false)
	}
	seasoned := start(t, e, clk, rulesText, Config{Objects: pods, Elsewhere: zeros{}})
	judge := func(a *adapter, when string) (statuses [3]string) {
		for i, scaler := range autoscalers {
			pods, values, err := scaler.read(t.Context(), a)
			statuses[i] = statusOf(err)
			d, _ := hpa.New(scaler.spec, hpa.Options{}).Scale(clk.Now(), &hpa.Reading{
				Replicas: replicas, Running: replicas, Pods: pods, Metrics: []hpa.Metric{{Values: values, Err: err}},
			})
			if d.Replicas < replicas {
				t.Errorf("%s, %s: the HPA by %s goes down to %d (%v %v)", when, clk.Now().Sub(began), scaler.name, d.Replicas, pods, values)
			}
		}
		return statuses
	}
	phase := func(ticks int, on bool) (last [3]string) {
		for range ticks {
			scrapes(on)
			seasoned.board.Ask(t.Context())
			last = judge(seasoned, fmt.Sprintf("fault %v", on))
			judge(start(t, e, clk, rulesText, Config{Objects: pods, Elsewhere: zeros{}}), fmt.Sprintf("started anew, fault %v", on))
		}
		return last
	}
	if got := phase(4, false); got != [3]string{"ok", "ok", "ok"} {
		t.Fatalf("before the fault: %v", got)
	}
	if f.begin != nil {
		f.begin(e, clk)
	}
	if got := phase(int(f.lasts/step), true); got != f.then {
		t.Errorf("at the end of the fault reads are %v, want %v: %s", got, f.then, f.reason)
	}
	if f.end != nil {
		f.end(e, clk)
	}
	if got := phase(24, false); got != [3]string{"ok", "ok", "ok"} {
		t.Errorf("after the fault: %v", got)
	}
}

// zeros is another metrics server, which takes everything for idle.
type zeros struct{}

func (zeros) GetMetricByName(
	context.Context, types.NamespacedName, provider.CustomMetricInfo, labels.Selector,
) (*custom_metrics.MetricValue, error) {
	return &custom_metrics.MetricValue{}, nil
}

func (zeros) GetMetricBySelector(
	context.Context, string, labels.Selector, provider.CustomMetricInfo, labels.Selector,
) (*custom_metrics.MetricValueList, error) {
	list := &custom_metrics.MetricValueList{}
	for i := range replicas {
		list.Items = append(list.Items, custom_metrics.MetricValue{DescribedObject: custom_metrics.ObjectReference{Name: podName(i)}})
	}
	return list, nil
}

func (zeros) ListAllMetrics() []provider.CustomMetricInfo {
	return []provider.CustomMetricInfo{ofFront, {Metric: "theirs"}}
}

func (zeros) GetExternalMetric(
	context.Context, string, labels.Selector, provider.ExternalMetricInfo,
) (*external_metrics.ExternalMetricValueList, error) {
	return &external_metrics.ExternalMetricValueList{Items: []external_metrics.ExternalMetricValue{{}}}, nil
}

func (zeros) ListAllExternalMetrics() []provider.ExternalMetricInfo {
	return []provider.ExternalMetricInfo{ofQueue, {Metric: "theirs"}}
}
