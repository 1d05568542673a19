package hpa

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const namespace = "default"

// stub answers the controller's questions with what it is given.
type stub struct {
	pods   func() metrics.PodMetricsInfo
	object func() (int64, error)
	values func() ([]int64, error)
}

func (s *stub) GetResourceMetric(context.Context, v1.ResourceName, string, labels.Selector, string) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errors.New("not asked for")
}

func (s *stub) GetRawMetric(string, string, labels.Selector, labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	info := s.pods()
	if len(info) == 0 {
		return nil, time.Time{}, errors.New("no metrics returned from custom metrics API")
	}
	return info, time.Time{}, nil
}

func (s *stub) GetObjectMetric(string, string, *autoscalingv2.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	value, err := s.object()
	return value, time.Time{}, err
}

func (s *stub) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	values, err := s.values()
	return values, time.Time{}, err
}

// real makes tolerances, whose fields only the controller's own package can set.
func real(t Tolerances) podautoscaler.Tolerances {
	var made podautoscaler.Tolerances
	fields := reflect.ValueOf(&made).Elem()
	for name, value := range map[string]float64{"scaleDown": t.Down, "scaleUp": t.Up} {
		*(*float64)(fields.FieldByName(name).Addr().UnsafePointer()) = value
	}
	return made
}

func anyPods(r *rand.Rand, most int) []Pod {
	pods := make([]Pod, r.IntN(most))
	strange := r.IntN(3) * r.IntN(30) // per cent
	scale := int64(1 + r.IntN(100_000))
	for i := range pods {
		pods[i] = Pod{Phase: v1.PodRunning, Ready: r.IntN(100) >= strange, Missing: r.IntN(100) < strange, Value: r.Int64N(scale)}
		if r.IntN(100) < strange {
			pods[i].Phase = []v1.PodPhase{v1.PodPending, v1.PodFailed, v1.PodRunning, v1.PodSucceeded}[r.IntN(4)]
		}
		pods[i].Deleting = r.IntN(100) < strange/2
	}
	return pods
}

// objects are pods as the API server has them, and the metric of those that have a value.
func objects(pods []Pod) ([]*v1.Pod, metrics.PodMetricsInfo) {
	var list []*v1.Pod
	info := metrics.PodMetricsInfo{}
	for i, pod := range pods {
		object := &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("pod-", i), Labels: map[string]string{"app": "a"}},
			Status:     v1.PodStatus{Phase: pod.Phase, Conditions: []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionFalse}}},
		}
		if pod.Ready {
			object.Status.Conditions[0].Status = v1.ConditionTrue
		}
		if pod.Deleting {
			object.DeletionTimestamp = &metav1.Time{}
		}
		list = append(list, object)
		if !pod.Missing {
			info[object.Name] = metrics.PodMetric{Value: pod.Value}
		}
	}
	return list, info
}

func anyTolerances(r *rand.Rand) Tolerances {
	some := []float64{0, 0.05, 0.1, 0.5}
	return Tolerances{Down: some[r.IntN(len(some))], Up: some[r.IntN(len(some))]}
}

// TestReplicasAreThoseOfTheController asks kube-controller-manager's own calculator the same questions.
func TestReplicasAreThoseOfTheController(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 37))
	asked, changed := 0, 0
	for range 20_000 {
		pods, tol := anyPods(r, 25), anyTolerances(r)
		current := int32(len(pods))
		if r.IntN(4) == 0 {
			current = int32(r.IntN(20))
		}
		target, usage := int64(1+r.IntN(60_000)), r.Int64N(2_000_000)
		list, info := objects(pods)
		values := []int64{usage / 3, usage - usage/3}
		client := &stub{
			pods:   func() metrics.PodMetricsInfo { return info },
			object: func() (int64, error) { return usage, nil }, values: func() ([]int64, error) { return values, nil },
		}
		indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		for _, pod := range list {
			if err := indexer.Add(pod); err != nil {
				t.Fatal(err)
			}
		}
		calculator := podautoscaler.NewReplicaCalculator(client, corelisters.NewPodLister(indexer), time.Minute, time.Minute)
		everything, selector := labels.Everything(), &metav1.LabelSelector{}
		check := func(kind string, got int32, err error, want int32, wantErr error) {
			t.Helper()
			asked++
			if wantErr == nil && want != current {
				changed++
			}
			if (err != nil) != (wantErr != nil) || err == nil && got != want {
				t.Fatalf("%s: %d, %v; the controller says %d, %v\ncurrent %d, target %d, usage %d, %+v\n%+v", kind, got, err, want, wantErr, current, target, usage, tol, pods)
			}
		}
		want, _, _, wantErr := calculator.GetObjectMetricReplicas(current, target, "m", real(tol), namespace, nil, everything, everything)
		got, err := ValueReplicas(current, usage, target, pods, tol)
		check("object value", got, err, want, wantErr)
		want, _, _, wantErr = calculator.GetExternalMetricReplicas(current, target, "m", real(tol), namespace, selector, everything)
		got, err = ValueReplicas(current, Sum(values), target, pods, tol)
		check("external value", got, err, want, wantErr)
		want, _, _, wantErr = calculator.GetObjectPerPodMetricReplicas(current, target, "m", real(tol), namespace, nil, everything)
		check("object average", AverageValueReplicas(current, usage, target, tol), nil, want, wantErr)
		want, _, _, wantErr = calculator.GetExternalPerPodMetricReplicas(current, target, "m", real(tol), namespace, selector)
		check("external average", AverageValueReplicas(current, Sum(values), target, tol), nil, want, wantErr)
		want, _, _, wantErr = calculator.GetMetricReplicas(current, target, "m", real(tol), namespace, everything, everything) // takes from info
		got, err = PodsReplicas(current, target, pods, tol)
		check("pods", got, err, want, wantErr)
	}
	if changed < asked/3 {
		t.Errorf("only %d of %d answers were a change", changed, asked)
	}
}

func TestReplicas(t *testing.T) {
	run := func(values ...int64) []Pod {
		var pods []Pod
		for _, v := range values {
			pods = append(pods, Pod{Phase: v1.PodRunning, Ready: true, Value: v, Missing: v < 0})
		}
		return pods
	}
	pending := Pod{Phase: v1.PodPending}
	for name, tc := range map[string]struct {
		pods   []Pod
		want   int32
		err    error
		reason string
	}{
		"at the target":           {run(100, 100), 2, nil, "nothing to do"},
		"within the tolerance":    {run(110, 120), 2, nil, "15 % is within 16 %"},
		"twice":                   {run(200, 200), 4, nil, "twice the target, twice the pods"},
		"a third idle":            {run(150, 150, 0), 3, nil, "the average is the target"},
		"missing upwards":         {run(400, -1), 4, nil, "it counts as idle: 200 on average, of two"},
		"missing downwards":       {run(20, -1), 2, nil, "it counts as at its target: 60, of two"},
		"missing turns it around": {run(120, -1), 2, nil, "up without it, down with it: stay"},
		"pending upwards":         {append(run(200, 200), pending), 4, nil, "400 over three pods"},
		"pending downwards":       {append(run(50, 50), pending), 1, nil, "it does not count"},
		"nobody":                  {nil, 0, ErrNoPods, "the selector matches none"},
		"nobody with a value":     {run(-1, -1), 0, ErrNoValues, "an error, not idleness"},
		"those that go away":      {[]Pod{{Phase: v1.PodRunning, Deleting: true, Value: 900}, {Phase: v1.PodRunning, Value: 50}}, 1, nil, "what they serve is lost to the sum"},
		"the average rounds down": {run(100, 133), 2, nil, "116, not 116.5"},
	} {
		t.Run(name, func(t *testing.T) {
			current := int32(len(tc.pods))
			if name == "pending upwards" || name == "pending downwards" {
				current--
			}
			got, err := PodsReplicas(current, 100, tc.pods, Tolerances{Down: 0.1, Up: 0.16})
			if !errors.Is(err, tc.err) || got != tc.want {
				t.Errorf("%d, %v; want %d, %v: %s", got, err, tc.want, tc.err, tc.reason)
			}
		})
	}
}

func TestSum(t *testing.T) {
	for _, tc := range []struct {
		values []int64
		want   int64
	}{{nil, 0}, {[]int64{1, 2}, 3}, {[]int64{math.MaxInt64, 1}, math.MaxInt64}, {[]int64{5, -3}, 2}} {
		if got := Sum(tc.values); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.values, got, tc.want)
		}
	}
	if got := AverageValueReplicas(1, math.MaxInt64, 1, Tolerances{}); got != math.MaxInt32 {
		t.Errorf("too many: %d", got)
	}
}
