package router

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
	register "github.com/evenkeel/evenkeel/internal/metrics"
)

// ShadowConfig says how much is compared. What is zero is filled in.
type ShadowConfig struct {
	// Every how many reads one is compared. Default: 1, all of them.
	Every int64 `json:"every"`
	// Concurrency is how many are asked at once; beyond it reads are not compared. Default: 4.
	Concurrency int `json:"concurrency"`
	// Tolerance is how far values may be apart, as a share of the larger one. Default: 0.05.
	Tolerance float64 `json:"tolerance"`
	// TimeoutSeconds bounds one comparison. Default: 10.
	TimeoutSeconds int `json:"timeoutSeconds"`
}

// Default fills in what is zero.
func (c *ShadowConfig) Default() {
	c.Every = cmp.Or(c.Every, 1)
	c.Concurrency = cmp.Or(c.Concurrency, 4)
	c.Tolerance = cmp.Or(c.Tolerance, 0.05)
	c.TimeoutSeconds = cmp.Or(c.TimeoutSeconds, 10)
}

// Result is what a comparison came to.
type Result string

// The results.
const (
	Equal     Result = "equal"
	Different Result = "different"
	Absent    Result = "absent"  // the other server does not know the metric
	Failed    Result = "failed"  // the other server did not answer
	Skipped   Result = "skipped" // too many were under way
)

// Difference is an answer that another server gives otherwise.
type Difference struct {
	At     time.Time `json:"at"`
	Metric string    `json:"metric"`
	// Object is namespace/name, "" for an external metric.
	Object string `json:"object"`
	// Here and There are the values in thousandths, nil where there is none.
	Here, There *int64
}

// differencesKept bounds what is remembered.
const differencesKept = 100

// Shadow compares answers with those of another server. It implements serve.Shadow.
type Shadow struct {
	config      ShadowConfig
	ctx         context.Context //nolint:containedctx // comparisons outlive the reads that they are of
	other       serve.Elsewhere
	clock       clock.PassiveClock
	comparisons *prometheus.CounterVec
	slots       chan struct{}
	reads       atomic.Int64
	running     sync.WaitGroup

	mu   sync.Mutex
	last []Difference
}

// NewShadow returns a shadow that asks the other server until the context ends.
func NewShadow(ctx context.Context, c ShadowConfig, other serve.Elsewhere, clk clock.PassiveClock, r Registerer) (*Shadow, error) {
	c.Default()
	s := &Shadow{
		config: c, ctx: ctx, other: other, clock: clk, slots: make(chan struct{}, c.Concurrency),
		comparisons: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "evenkeel_adapter_shadow_comparisons_total", Help: "Answers compared with those of another metrics server, by result.",
		}, []string{"result"}),
	}
	if err := register.Register(r, &s.comparisons); err != nil {
		return nil, fmt.Errorf("registering metrics of comparisons: %w", err)
	}
	return s, nil
}

// Wait returns when no comparison is under way.
func (s *Shadow) Wait() { s.running.Wait() }

// Differences are the last ones, the newest last.
func (s *Shadow) Differences() []Difference {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.last)
}

// Custom implements serve.Shadow.
func (s *Shadow) Custom(measured *custom_metrics.MetricValueList, ask serve.AskCustom) {
	s.compare(func(ctx context.Context) (Result, []Difference) {
		theirs, err := ask(ctx, s.other)
		if err != nil {
			return failure(err), nil
		}
		return s.judge(measured.Items[0].Metric.Name, valuesOf(measured), valuesOf(theirs))
	})
}

// External implements serve.Shadow. Of an external metric an autoscaler takes the sum.
func (s *Shadow) External(measured *external_metrics.ExternalMetricValueList, ask serve.AskExternal) {
	s.compare(func(ctx context.Context) (Result, []Difference) {
		theirs, err := ask(ctx, s.other)
		if err != nil {
			return failure(err), nil
		}
		return s.judge(measured.Items[0].MetricName, sumOf(measured), sumOf(theirs))
	})
}

// compare does so aside, if it is the turn of this read and few enough are under way.
func (s *Shadow) compare(do func(context.Context) (Result, []Difference)) {
	if s.reads.Add(1)%s.config.Every != 0 {
		return
	}
	select {
	case s.slots <- struct{}{}:
	default:
		s.count(Skipped)
		return
	}
	s.running.Go(func() {
		defer func() { <-s.slots }()
		ctx, cancel := context.WithTimeout(s.ctx, time.Duration(s.config.TimeoutSeconds)*time.Second)
		defer cancel()
		result, found := do(ctx)
		s.count(result)
		s.keep(found)
	})
}

func (s *Shadow) count(r Result) { s.comparisons.WithLabelValues(string(r)).Inc() }

func (s *Shadow) keep(found []Difference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range found {
		klog.FromContext(s.ctx).V(2).Info("Another metrics server answers otherwise", "metric", d.Metric, "object", d.Object, "here", d.Here, "there", d.There)
	}
	s.last = append(s.last, found...)
	s.last = slices.Clone(s.last[max(0, len(s.last)-differencesKept):])
}

func failure(err error) Result {
	if apierrors.IsNotFound(err) {
		return Absent
	}
	return Failed
}

// judge compares values by object.
func (s *Shadow) judge(metric string, here, there map[string]int64) (Result, []Difference) {
	var found []Difference
	all := maps.Clone(here)
	maps.Copy(all, there)
	for _, object := range slices.Sorted(maps.Keys(all)) {
		ours, isHere := here[object]
		theirs, isThere := there[object]
		if isHere && isThere && near(ours, theirs, s.config.Tolerance) {
			continue
		}
		d := Difference{At: s.clock.Now(), Metric: metric, Object: object}
		if isHere {
			d.Here = &ours
		}
		if isThere {
			d.There = &theirs
		}
		found = append(found, d)
	}
	if len(found) > 0 {
		return Different, found
	}
	return Equal, nil
}

// near tells whether values are at most a share of the larger apart.
func near(a, b int64, tolerance float64) bool {
	x, y := float64(a), float64(b)
	return math.Abs(x-y) <= tolerance*max(math.Abs(x), math.Abs(y))
}

func valuesOf(list *custom_metrics.MetricValueList) map[string]int64 {
	values := map[string]int64{}
	for i := range list.Items {
		item := &list.Items[i]
		values[item.DescribedObject.Namespace+"/"+item.DescribedObject.Name] = item.Value.MilliValue()
	}
	return values
}

func sumOf(list *external_metrics.ExternalMetricValueList) map[string]int64 {
	var sum int64
	for i := range list.Items {
		sum += list.Items[i].Value.MilliValue()
	}
	return map[string]int64{"": sum}
}
