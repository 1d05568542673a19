package explain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

func now() time.Time { return time.Date(2026, 11, 22, 10, 3, 12, 0, time.UTC) }

// shop is an autoscaler of a Deployment with so many ready pods, of which each reports the same: 10 are what one is there for.
func shop(replicas int32, each float64) *Facts {
	f := &Facts{
		Now: now(), Replicas: replicas, Running: replicas, Options: hpa.NewOptions(),
		Autoscaler: &autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
				ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
				MinReplicas:    new(int32(2)), MaxReplicas: 40,
			},
		},
	}
	var values []Value
	for i := range replicas {
		name := fmt.Sprintf("web-5d89bdcf78-%05d", i)
		f.Pods = append(f.Pods, v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Status: v1.PodStatus{
			Phase: v1.PodRunning, Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue}},
		}})
		values = append(values, Value{Object: name, Milli: int64(each * 1000), At: now().Add(-12 * time.Second)})
	}
	f.add(podsMetric("requests"), Read{Values: values})
	return f
}

func (f *Facts) add(m autoscalingv2.MetricSpec, r Read) {
	f.Autoscaler.Spec.Metrics = append(f.Autoscaler.Spec.Metrics, m)
	f.Reads = append(f.Reads, r)
}

func ten() autoscalingv2.MetricTarget {
	return autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: resource.NewQuantity(10, resource.DecimalSI)}
}

func podsMetric(name string) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: name}, Target: ten(),
	}}
}

func externalMetric() autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: "queue_depth", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"queue": "mail"}}},
		Target: ten(),
	}}
}

func cpuMetric() autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: v1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(80))},
	}}
}

func (f *Facts) down() *autoscalingv2.HPAScalingRules {
	if f.Autoscaler.Spec.Behavior == nil {
		f.Autoscaler.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{}}
	}
	return f.Autoscaler.Spec.Behavior.ScaleDown
}

// exact has the autoscaler do at once what it is told.
func (f *Facts) exact() {
	f.down().StabilizationWindowSeconds, f.down().Tolerance = new(int32), resource.NewQuantity(0, resource.DecimalSI)
}

// hold has a ScalingWindow serve 120 in place of a demand.
func (f *Facts) hold(demand int64) {
	w := &v1alpha1.ScalingWindow{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "slow", ManagedFields: []metav1.ManagedFieldsEntry{
			{Subresource: "status", Time: &metav1.Time{Time: now().Add(-20 * time.Second)}}, {Time: &metav1.Time{Time: now()}},
		}},
		Spec: v1alpha1.ScalingWindowSpec{
			Autoscaler: "web", Metric: v1alpha1.WindowMetric{Type: v1alpha1.PodsMetric, Name: "requests"},
			Target:    v1alpha1.WindowTarget{AverageValue: resource.NewQuantity(10, resource.DecimalSI)},
			MaxWindow: &metav1.Duration{Duration: time.Hour},
		},
		Status: v1alpha1.ScalingWindowStatus{
			Conditions: []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue, Reason: wish.Serving}},
			Demand:     resource.NewQuantity(demand, resource.DecimalSI), Served: resource.NewQuantity(120, resource.DecimalSI),
			HeldBy: &v1alpha1.WindowSample{
				Time: metav1.NewTime(now().Add(-time.Hour / 2)), Value: resource.MustParse("120"), Part: v1alpha1.MaxWindowPart,
			},
			HeldUntil: &metav1.Time{Time: now().Add(time.Hour / 2)},
		},
	}
	f.Windows = wish.Of([]*v1alpha1.ScalingWindow{w}, []*autoscalingv2.HorizontalPodAutoscaler{f.Autoscaler}, rules.BuiltIn(),
		wish.Grid{Step: 15 * time.Second, Fresh: time.Minute, Stale: 10 * time.Minute})
}

func TestReasons(t *testing.T) {
	down := errors.New("Prometheus does not answer, and the newest sample is 12m0s old")
	for name, tc := range map[string]struct {
		facts *Facts
		with  func(*Facts)
		next  int32
		want  []Reason
		falls time.Duration // from now; 0: not known
		says  string
	}{
		"demand":           {facts: shop(12, 10), next: 12, want: []Reason{DemandAsks}, says: "demand asks for 12"},
		"more demand":      {facts: shop(12, 15), next: 18},
		"much more demand": {facts: shop(12, 100), next: 24},
		"at its maximum": {facts: shop(12, 15), next: 12, want: []Reason{DemandAsks}, with: func(f *Facts) {
			f.Autoscaler.Spec.MaxReplicas = 12
		}},
		"above its maximum": {facts: shop(12, 10), next: 8, with: func(f *Facts) { f.Autoscaler.Spec.MaxReplicas = 8 }},
		"below its minimum": {facts: shop(1, 1), next: 2},
		"little less":       {facts: shop(12, 9.1), next: 12, want: []Reason{WithinTolerance}, says: "once 10 or fewer"},
		"less, at once":     {facts: shop(12, 5), next: 6, with: (*Facts).exact},
		"less, at once, but to the minimum": {facts: shop(12, 1), next: 6, with: func(f *Facts) {
			f.exact()
			f.Autoscaler.Spec.MinReplicas = new(int32(6))
		}},
		"less": {facts: shop(12, 5), next: 12, want: []Reason{Stabilizing}, falls: 5 * time.Minute, says: "within 5m0s"},
		"less, and it says so": {facts: shop(12, 5), next: 12, want: []Reason{Stabilizing}, falls: time.Minute, says: "and says that it does", with: func(f *Facts) {
			f.down().StabilizationWindowSeconds = new(int32(60))
			f.Autoscaler.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
				{Type: autoscalingv2.AbleToScale, Status: v1.ConditionTrue, Reason: "ScaleDownStabilized"},
			}
		}},
		"one at a time": {facts: shop(12, 5), next: 11, want: []Reason{Policies}, says: "1 pods in 30m0s", with: func(f *Facts) {
			f.exact()
			f.down().Policies = []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PodsScalingPolicy, Value: 1, PeriodSeconds: 1800}}
		}},
		"one at a time, not long ago": {facts: shop(12, 5), next: 12, want: []Reason{Policies}, falls: 20 * time.Minute, with: func(f *Facts) {
			f.exact()
			f.down().Policies = []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PodsScalingPolicy, Value: 1, PeriodSeconds: 1800}}
			f.Autoscaler.Status.LastScaleTime = &metav1.Time{Time: now().Add(-10 * time.Minute)}
		}},
		"forbidden": {facts: shop(12, 5), next: 12, want: []Reason{ScaleDownOff}, with: func(f *Facts) {
			f.exact()
			f.down().SelectPolicy = new(autoscalingv2.DisabledPolicySelect)
		}},
		"at its minimum": {facts: shop(2, 1), next: 2, want: []Reason{AtMinimum}, with: (*Facts).exact},
		"no replicas":    {facts: shop(0, 1), want: []Reason{ScalingDisabled}, says: "leaves that as it is"},
		"it scaled to zero": {facts: shop(0, 1), next: 4, with: func(f *Facts) {
			f.Autoscaler.Spec.MinReplicas = new(int32)
			f.Autoscaler.Spec.Metrics, f.Reads = nil, nil
			f.add(externalMetric(), Read{Values: []Value{{Milli: 45_000}}})
			f.Autoscaler.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: autoscalingv2.ScaledToZero, Status: v1.ConditionTrue}}
		}},
		"held":                  {facts: shop(12, 10), next: 12, want: []Reason{WindowHolds}, falls: 30 * time.Minute, says: "for which 4 would do", with: func(f *Facts) { f.exact(); f.hold(40) }},
		"held and kept":         {facts: shop(4, 30), next: 12 - 4, with: func(f *Facts) { f.hold(40) }},
		"held, then stabilised": {facts: shop(12, 10), next: 12, want: []Reason{WindowHolds, WithinTolerance}, with: func(f *Facts) { f.hold(40) }},
		"held, then stabilised, exact": {facts: shop(12, 10), next: 12, want: []Reason{WindowHolds}, falls: 35 * time.Minute, with: func(f *Facts) {
			f.exact()
			f.down().StabilizationWindowSeconds = nil
			f.hold(40)
		}},
		"held while demand stays": {facts: shop(12, 10), next: 12, want: []Reason{WindowHolds}, says: "only with demand", with: func(f *Facts) {
			f.exact()
			f.hold(40)
			f.Windows[0].Object.Status.HeldUntil = nil
		}},
		"a window that need not hold": {facts: shop(12, 10), next: 12, want: []Reason{DemandAsks}, with: func(f *Facts) { f.exact(); f.hold(120) }},
		"a window of which nothing is known": {facts: shop(12, 10), next: 12, want: []Reason{DemandAsks}, says: "slow does not say", with: func(f *Facts) {
			f.hold(40)
			f.Windows[0].Object.Status = v1alpha1.ScalingWindowStatus{}
		}},
		"another's window": {facts: shop(12, 10), next: 12, want: []Reason{DemandAsks}, with: func(f *Facts) {
			f.hold(40)
			f.Autoscaler.Spec.ScaleTargetRef.Name = "api"
			f.Windows[0].Scales = &autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
		}},
		"an error": {facts: shop(12, 5), next: 12, want: []Reason{Unreadable}, says: "12m0s old", with: func(f *Facts) {
			f.exact()
			f.Reads[0] = Read{Err: down}
		}},
		"an error of one": {facts: shop(12, 5), next: 12, want: []Reason{Unreadable}, with: func(f *Facts) {
			f.exact()
			f.add(externalMetric(), Read{Err: down})
		}},
		"an error, and the other asks for more": {facts: shop(12, 15), next: 18, with: func(f *Facts) { f.add(externalMetric(), Read{Err: down}) }},
		"the other asks for as many": {facts: shop(12, 5), next: 12, want: []Reason{DemandAsks}, says: "queue_depth{queue=mail}: demand asks for 12", with: func(f *Facts) {
			f.exact()
			f.add(externalMetric(), Read{Values: []Value{{Milli: 100_000}, {Milli: 20_000}}})
		}},
		"not allowed": {facts: shop(12, 5), next: 9, want: []Reason{NotComputed}, says: "last saw 9 a pod", with: func(f *Facts) {
			f.exact()
			f.Autoscaler.Status.DesiredReplicas = 9
			f.Autoscaler.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{Pods: &autoscalingv2.PodsMetricStatus{
				Current: autoscalingv2.MetricValueStatus{AverageValue: resource.NewQuantity(9, resource.DecimalSI)},
			}}}
			f.Reads[0] = Read{Err: &Unread{apierrors.NewForbidden(v1.Resource("pods"), "*", errors.New("no"))}}
		}},
		"of a resource": {facts: shop(12, 5), next: 12, want: []Reason{NotComputed}, says: "last saw nothing", with: func(f *Facts) {
			f.exact()
			f.Autoscaler.Status.DesiredReplicas = 12
			f.add(cpuMetric(), Read{Err: hpa.ErrUnsupported})
		}},
		"pods without a value": {facts: shop(12, 4), next: 12, want: []Reason{PodsWithoutValue}, says: "11 pods have no value", with: func(f *Facts) {
			f.Reads[0].Values = f.Reads[0].Values[:1]
		}},
		"no pods": {facts: shop(12, 4), next: 12, want: []Reason{Unreadable}, says: hpa.ErrNoPods.Error(), with: func(f *Facts) { f.Pods = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.with != nil {
				tc.with(tc.facts)
			}
			e := Of(tc.facts)
			if diff := cmp.Diff(tc.want, reasons(e)); diff != "" || e.Next != tc.next {
				t.Errorf("next is %d, want %d, because (-want +got):\n%s%+v", e.Next, tc.next, diff, e.Holds)
			}
			falls := time.Duration(0)
			if !e.Falls.IsZero() {
				falls = e.Falls.Sub(now())
			}
			if falls != tc.falls {
				t.Errorf("it falls in %s, want %s", falls, tc.falls)
			}
			var text strings.Builder
			if err := e.Print(&text); err != nil || !strings.Contains(text.String(), tc.says) {
				t.Errorf("%q is missing (%v) in:\n%s", tc.says, err, &text)
			}
			if _, err := json.Marshal(e); err != nil {
				t.Error(err)
			}
		})
	}
}

func reasons(e *Explanation) (all []Reason) {
	for _, h := range e.Holds {
		all = append(all, h.Reason)
	}
	return all
}

// TestNothingStaysWithoutCause asks an autoscaler that remembers nothing, and does at once what it is told.
func TestNothingStaysWithoutCause(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	stays := 0
	for range 3000 {
		replicas := 1 + random.Int32N(30)
		f := shop(replicas, float64(random.IntN(200))/10)
		f.exact()
		f.Autoscaler.Spec.MinReplicas = new(1 + random.Int32N(10))
		if random.IntN(2) == 0 {
			f.down().Tolerance = resource.NewMilliQuantity(random.Int64N(300), resource.DecimalSI)
		}
		switch random.IntN(5) {
		case 0:
			f.add(externalMetric(), Read{Err: errors.New("503")})
		case 1:
			f.add(externalMetric(), Read{Values: []Value{{Milli: random.Int64N(400_000)}}})
		case 2:
			f.Reads[0].Values = f.Reads[0].Values[:random.IntN(int(replicas)+1)]
		case 3:
			f.Pods[random.IntN(len(f.Pods))].Status.Phase = v1.PodPending
		}
		e := Of(f)
		decision, _ := hpa.New(&f.Autoscaler.Spec, f.Options).Scale(f.Now, reading(f, f.Autoscaler.Spec.Metrics))
		if e.Next != decision.Replicas {
			t.Fatalf("next is %d, the autoscaler goes to %d: %+v", e.Next, decision.Replicas, e)
		}
		if stay := e.Next == replicas; stay != (len(e.Holds) > 0) {
			t.Fatalf("from %d it goes to %d, because %v", replicas, e.Next, e.Holds)
		} else if stay {
			stays++
		}
	}
	if stays < 500 || stays > 2500 {
		t.Errorf("it stays %d times of 3000: the test sees one side alone", stays)
	}
}

func TestText(t *testing.T) {
	f := shop(12, 10)
	f.exact()
	f.hold(40)
	f.add(externalMetric(), Read{Values: []Value{{Milli: 90_000, At: now().Add(-3 * time.Minute)}}})
	f.add(cpuMetric(), Read{Err: hpa.ErrUnsupported})
	f.Autoscaler.Status.DesiredReplicas = 12
	f.Autoscaler.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
		{Type: autoscalingv2.ScalingActive, Status: v1.ConditionTrue, Reason: "ValidMetricFound", Message: "the HPA was able to"},
	}
	f.Unknown = []string{"the weather"}
	var got strings.Builder
	if err := Of(f).Print(&got); err != nil {
		t.Fatal(err)
	}
	want := `shop/web scales Deployment/web: 12 replicas, 12 ready, from 2 to 40; tolerance 0 down, 0.1 up (2026-11-22 10:03:12Z)

METRIC                            TARGET    TOTAL  VALUES  AGE  USAGE/TARGET  ASKS FOR
pods requests                     10 a pod  120    12      12s  1.000         12
external queue_depth{queue=mail}  10 a pod  90     1       3m   0.750         9
resource cpu                      -         error: metrics of this type are not covered

pods requests is told by ScalingWindow slow (its status is 20s old)
  demand   40   asks for 4
  served   120  
  held by  120  of 2026-11-22 09:33:12Z, by its maxWindow, until 2026-11-22 10:33:12Z (in 30m)

It stays at 12, because:
  NotComputed  resource cpu: metrics of this type are not covered; the autoscaler last saw nothing
  WindowHolds  pods requests: demand is 40, for which 4 would do; ScalingWindow slow serves 120, by the 120 of 2026-11-22 09:33:12Z (maxWindow), until 2026-11-22 10:33:12Z (in 30m)

The autoscaler itself says:
  ScalingActive  True  ValidMetricFound  the HPA was able to
Not known: the weather
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}
