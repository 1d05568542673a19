package scaledown

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	externalmetrics "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/cmd/evenkeel/scenario"
	"github.com/evenkeel/evenkeel/internal/controlplane"
)

// TestRun plays three quarters of an hour in which the demand falls from the peak to next to nothing and comes back: kube-controller-
// manager's HPA lets go and has to come back; with the window it stays.
func TestRun(t *testing.T) {
	s := New()
	s.From, s.Length, s.Speed, s.Peak = 30*time.Minute, 45*time.Minute, mostSpeed, 20
	demand, err := s.demand()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	setting := &scenario.Setting{View: scenario.NewView(&log, false), Clock: clock.RealClock{}}
	plane, err := setting.Start(t.Context(), controlplane.Options{AutoscalerPeriod: s.wall(15 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	}()
	stage, err := newStage(s, demand, plane, setting)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stage.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := stage.set(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stage.perform(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := stage.result()
	t.Logf("%s%+v", log.String(), r.Verdicts)
	for _, c := range s.contenders() {
		checkVerdict(t, r, c.name)
		checkAutoscaler(t, stage, c)
	}
	// Plain HPAs are told a demand of the trace as it is, and a window never tells less than that.
	plain := told(t, stage, "hpa")
	if !slices.ContainsFunc(demand.Values, func(asked float64) bool { return math.Abs(plain-asked) < 1e-4 }) {
		t.Errorf("the adapter says %v pods, which the trace never has", plain)
	}
	if window := told(t, stage, "window"); window < plain || window > s.Peak+1e-4 {
		t.Errorf("the window has the adapter say %v pods; the demand is %v and never above %v", window, plain, s.Peak)
	}
	hpa, held := r.Verdicts["hpa"], r.Verdicts["window"]
	if hpa.ReplicaChanges < 2 || hpa.Reversals < 1 {
		t.Errorf("the plain HPA did not follow the demand: %+v", hpa)
	}
	if held.Reversals > 0 || held.PodHours <= hpa.PodHours || held.Unserved >= hpa.Unserved {
		t.Errorf("the window held nothing: %+v, the plain HPA %+v", held, hpa)
	}
}

// checkVerdict holds a verdict against itself and the others.
func checkVerdict(t *testing.T, r *Result, name string) {
	t.Helper()
	v := r.Verdicts[name]
	asked := r.Verdicts[r.Names[0]].Demand
	if v.Demand <= 0 || math.Abs(v.Demand-asked) > 1e-9 || math.Abs(v.Served+v.Unserved-v.Demand) > 1e-9 {
		t.Errorf("%s: of a demand of %v, which others have as %v, %v is served and %v not", name, v.Demand, asked, v.Served, v.Unserved)
	}
	if hours := r.Demand.Length().Hours(); v.PodHours > float64(v.MostReplicas)*hours || v.PodHours < hours || v.Reversals > v.ReplicaChanges {
		t.Errorf("%s: %+v in %v hours", name, v, hours)
	}
	if v.Settings == "" {
		t.Errorf("%s does not say how it scales down", name)
	}
	if last := r.Sizes[name][len(r.Sizes[name])-1]; last.Ready == 0 {
		t.Errorf("%s: no pod is ready in the end", name)
	}
}

// checkAutoscaler: a contender's HPA reads the metric, and scales down as it should.
func checkAutoscaler(t *testing.T, s *stage, c contender) {
	t.Helper()
	hpa, err := s.client.AutoscalingV2().HorizontalPodAutoscalers(c.name).Get(t.Context(), web, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if why := unread(hpa); why != "" {
		t.Errorf("%s: %s", c.name, why)
	}
	if m := hpa.Status.CurrentMetrics; len(m) != 1 || m[0].External == nil || m[0].External.Current.AverageValue.Sign() <= 0 {
		t.Errorf("%s: its HPA has read %+v", c.name, m)
	}
	down := hpa.Spec.Behavior.ScaleDown
	if applied := down.Tolerance != nil && down.Tolerance.IsZero(); applied != (c.stabilisation == 0) {
		t.Errorf("%s: it scales down by %+v", c.name, down)
	}
}

// told is what HPAs of a namespace are told now, in pods.
func told(t *testing.T, s *stage, namespace string) float64 {
	t.Helper()
	path := "/apis/external.metrics.k8s.io/v1beta1/namespaces/" + namespace + "/" + metricName
	raw, err := s.client.Discovery().RESTClient().Get().AbsPath(path).Param("labelSelector", "service="+web).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list externalmetrics.ExternalMetricValueList
	if err := json.Unmarshal(raw, &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d values in %s, %v", len(list.Items), raw, err)
	}
	return list.Items[0].Value.AsApproximateFloat64() / podBears
}
