package router

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
	"sigs.k8s.io/yaml"
)

func list(values map[string]int64) *custom_metrics.MetricValueList {
	l := &custom_metrics.MetricValueList{}
	for name, milli := range values {
		l.Items = append(l.Items, custom_metrics.MetricValue{
			DescribedObject: custom_metrics.ObjectReference{Namespace: "shop", Name: name},
			Metric:          custom_metrics.MetricIdentifier{Name: "load"}, Value: *resource.NewMilliQuantity(milli, resource.DecimalSI),
		})
	}
	return l
}

func newShadow(t *testing.T, c ShadowConfig, clk clock.PassiveClock) (*Shadow, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	s, err := NewShadow(t.Context(), c, nil, clk, r)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// counts are the comparisons by result.
func counts(t *testing.T, s *Shadow) map[Result]int {
	t.Helper()
	all := map[Result]int{}
	for _, result := range []Result{Equal, Different, Absent, Failed, Skipped} {
		if n := int(testutil.ToFloat64(s.comparisons.WithLabelValues(string(result)))); n > 0 {
			all[result] = n
		}
	}
	return all
}

func TestCompare(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	differs := func(object string, here, there *int64) []Difference {
		return []Difference{{At: at, Metric: "load", Object: object, Here: here, There: there}}
	}
	for name, test := range map[string]struct {
		here, there map[string]int64
		err         error
		result      Result
		found       []Difference
	}{
		"equal":            {map[string]int64{"a": 100, "b": 0}, map[string]int64{"a": 100, "b": 0}, nil, Equal, nil},
		"near":             {map[string]int64{"a": 100}, map[string]int64{"a": 95}, nil, Equal, nil},
		"apart":            {map[string]int64{"a": 100}, map[string]int64{"a": 94}, nil, Different, differs("shop/a", new(int64(100)), new(int64(94)))},
		"zero there":       {map[string]int64{"a": 100}, map[string]int64{"a": 0}, nil, Different, differs("shop/a", new(int64(100)), new(int64(0)))},
		"one is not there": {map[string]int64{"a": 1, "b": 2}, map[string]int64{"a": 1}, nil, Different, differs("shop/b", new(int64(2)), nil)},
		"one is not here":  {map[string]int64{"a": 1}, map[string]int64{"a": 1, "b": 2}, nil, Different, differs("shop/b", nil, new(int64(2)))},
		"unknown there":    {map[string]int64{"a": 1}, nil, apierrors.NewNotFound(custom_metrics.Resource("x"), "load"), Absent, nil},
		"no answer":        {map[string]int64{"a": 1}, nil, errors.New("down"), Failed, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newShadow(t, ShadowConfig{}, clocktesting.NewFakeClock(at))
			s.Custom(list(test.here), func(context.Context, provider.CustomMetricsProvider) (*custom_metrics.MetricValueList, error) {
				return list(test.there), test.err
			})
			s.Wait()
			if diff := cmp.Diff(map[Result]int{test.result: 1}, counts(t, s)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.found, s.Differences()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExternalValuesAreSummed(t *testing.T) {
	values := func(milli ...int64) *external_metrics.ExternalMetricValueList {
		l := &external_metrics.ExternalMetricValueList{}
		for _, m := range milli {
			l.Items = append(l.Items, external_metrics.ExternalMetricValue{MetricName: "queue", Value: *resource.NewMilliQuantity(m, resource.DecimalSI)})
		}
		return l
	}
	s, _ := newShadow(t, ShadowConfig{}, clock.RealClock{})
	for _, theirs := range []*external_metrics.ExternalMetricValueList{values(30), values(10, 20), values(50), values()} {
		s.External(values(15, 15), func(context.Context, provider.ExternalMetricsProvider) (*external_metrics.ExternalMetricValueList, error) {
			return theirs, nil
		})
		s.Wait()
	}
	s.External(values(15), func(context.Context, provider.ExternalMetricsProvider) (*external_metrics.ExternalMetricValueList, error) {
		return nil, errors.New("down")
	})
	s.Wait()
	if diff := cmp.Diff(map[Result]int{Equal: 2, Different: 2, Failed: 1}, counts(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestShadowKeepsNobodyWaiting has another server that hangs.
func TestShadowKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newShadow(t, ShadowConfig{Concurrency: 2, Every: 3}, clock.RealClock{})
		begun := time.Now()
		for range 12 {
			s.Custom(list(map[string]int64{"a": 1}), func(ctx context.Context, _ provider.CustomMetricsProvider) (*custom_metrics.MetricValueList, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("reads waited for %v", took)
		}
		s.Wait()
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("comparisons took %v, want the timeout", took)
		}
		if diff := cmp.Diff(map[Result]int{Failed: 2, Skipped: 2}, counts(t, s)); diff != "" {
			t.Errorf("of twelve reads four are compared, two at once:\n%s", diff)
		}
	})
}

func TestDifferencesAreBounded(t *testing.T) {
	s, _ := newShadow(t, ShadowConfig{}, clock.RealClock{})
	for i := range int64(3 * differencesKept) {
		s.keep([]Difference{{Here: new(i)}})
	}
	got := s.Differences()
	if len(got) != differencesKept || *got[len(got)-1].Here != 3*differencesKept-1 {
		t.Errorf("%d are kept, the last is %v", len(got), got[len(got)-1])
	}
}

// TestNear holds that nearness does not depend on the order, or on the unit.
func TestNear(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		a, b := r.Int64N(1000), r.Int64N(1000)
		if near(a, b, 0.05) != near(b, a, 0.05) || near(a, b, 0.05) != near(a*1000, b*1000, 0.05) {
			t.Fatal(a, b)
		}
	}
}

// TestReadme reads the example of the README.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	var c struct {
		Router Config       `json:"elsewhere"`
		Shadow ShadowConfig `json:"shadow"`
	}
	if err := yaml.UnmarshalStrict([]byte(example), &c); err != nil {
		t.Fatal(err)
	}
	if c.Router.Default(); len(c.Router.Upstreams) != 2 || c.Router.Validate(field.NewPath("elsewhere")) != nil {
		t.Errorf("got %+v, %v", c.Router, c.Router.Validate(field.NewPath("elsewhere")))
	}
	if c.Shadow.Every != 10 {
		t.Errorf("got %+v", c.Shadow)
	}
}
