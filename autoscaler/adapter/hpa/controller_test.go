package hpa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	scalefake "k8s.io/client-go/scale/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

// loop is what the controller read, and what it made of it.
type loop struct {
	at       time.Time
	replicas int32 // before
	after    int32
	reading  Reading
	restart  bool // the controller began anew before it
}

// bench is a scale target and its metrics, under the real controller.
type bench struct {
	replicas int32
	spec     *autoscalingv2.HorizontalPodAutoscalerSpec
	seed     uint64
	loops    []loop
	restart  bool
}

func threshold(milli int64) *resource.Quantity {
	return resource.NewMilliQuantity(milli, resource.DecimalSI)
}

// anySpec draws a specification of one to three metrics and any behavior.
func anySpec(r *rand.Rand) *autoscalingv2.HorizontalPodAutoscalerSpec {
	spec := &autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		MaxReplicas:    int32(5 + r.IntN(60)),
	}
	if least := r.IntN(5); least != 1 || r.IntN(2) == 0 {
		spec.MinReplicas = new(int32(least))
	}
	metric := autoscalingv2.MetricIdentifier{Name: "m"}
	for range 1 + r.IntN(3)/2 + r.IntN(2) {
		target := threshold(int64(500 + r.IntN(5000)))
		average := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: target}
		value := autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: threshold(int64(5000 + r.IntN(50_000)))}
		switch r.IntN(5) {
		case 0:
			spec.Metrics = append(spec.Metrics, autoscalingv2.MetricSpec{Type: "Pods", Pods: &autoscalingv2.PodsMetricSource{Metric: metric, Target: average}})
		case 1:
			spec.Metrics = append(spec.Metrics, autoscalingv2.MetricSpec{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{Metric: metric, Target: value}})
		case 2:
			spec.Metrics = append(spec.Metrics, autoscalingv2.MetricSpec{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{Metric: metric, Target: average}})
		case 3:
			spec.Metrics = append(spec.Metrics, autoscalingv2.MetricSpec{Type: "External", External: &autoscalingv2.ExternalMetricSource{Metric: metric, Target: value}})
		default:
			spec.Metrics = append(spec.Metrics, autoscalingv2.MetricSpec{Type: "External", External: &autoscalingv2.ExternalMetricSource{Metric: metric, Target: average}})
		}
	}
	if r.IntN(4) > 0 {
		spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: anyRules(r), ScaleDown: anyRules(r)}
	}
	return spec
}

func anyRules(r *rand.Rand) *autoscalingv2.HPAScalingRules {
	if r.IntN(4) == 0 {
		return nil
	}
	rules := &autoscalingv2.HPAScalingRules{}
	if r.IntN(2) == 0 {
		rules.StabilizationWindowSeconds = new(int32(r.IntN(5) * 35))
	}
	if r.IntN(3) == 0 {
		rules.SelectPolicy = new([]autoscalingv2.ScalingPolicySelect{"Max", "Min", "Disabled"}[min(2, r.IntN(9)/4)])
	}
	if r.IntN(3) == 0 {
		rules.Tolerance = resource.NewMilliQuantity(int64(r.IntN(5)*40), resource.DecimalSI)
	}
	for range r.IntN(3) {
		rules.Policies = append(rules.Policies, autoscalingv2.HPAScalingPolicy{
			Type: []autoscalingv2.HPAScalingPolicyType{"Pods", "Percent"}[r.IntN(2)], Value: int32(1 + r.IntN(60)), PeriodSeconds: int32(1 + r.IntN(200)),
		})
	}
	return rules
}

// read is what there is to read at a moment: a function of it and of the size alone.
func (b *bench) read(now time.Time) Reading {
	r := rand.New(rand.NewPCG(b.seed, uint64(now.Unix())))
	// Demand stays for a minute, then leaps.
	minute := rand.New(rand.NewPCG(b.seed, uint64(now.Unix()/60)))
	level := minute.Int64N(24_000) * min(1, minute.Int64N(5))
	reading := Reading{Replicas: b.replicas, Running: b.replicas}
	for range b.replicas {
		pod := Pod{Phase: v1.PodRunning, Ready: r.IntN(20) > 0, Missing: r.IntN(40) == 0, Value: level / 20}
		if r.IntN(40) == 0 {
			pod.Phase = v1.PodPending
		}
		reading.Pods = append(reading.Pods, pod)
	}
	faulty := rand.New(rand.NewPCG(b.seed, uint64(now.Unix()/60))).IntN(8) == 0
	for i := range b.spec.Metrics {
		m := Metric{Values: []int64{level + r.Int64N(1+level/20)}}
		if b.spec.Metrics[i].Type == autoscalingv2.ExternalMetricSourceType {
			m.Values = append(m.Values, r.Int64N(1+level/20))
		}
		if faulty && i == 0 {
			m = Metric{Err: errors.New("unavailable")}
		}
		reading.Metrics = append(reading.Metrics, m)
	}
	return reading
}

// now is the reading of the loop that is going on.
func (b *bench) now() *Reading { return &b.loops[len(b.loops)-1].reading }

// nth finds out which metric is asked for: the controller asks in order, each once.
func (b *bench) client() metrics.MetricsClient {
	asked, of := 0, time.Time{}
	next := func() (*Metric, error) {
		if at := b.loops[len(b.loops)-1].at; at != of {
			asked, of = 0, at
		}
		asked++
		m := &b.now().Metrics[asked-1]
		return m, m.Err
	}
	return &stub{
		pods: func() metrics.PodMetricsInfo {
			if _, err := next(); err != nil {
				return nil
			}
			_, info := objects(b.now().Pods)
			return info
		},
		object: func() (int64, error) {
			m, err := next()
			if err != nil {
				return 0, err
			}
			return m.Values[0], nil
		},
		values: func() ([]int64, error) {
			m, err := next()
			return m.Values, err
		},
	}
}

// scales serves the scale subresource: each get is the beginning of a loop.
func (b *bench) scales(pods func([]Pod)) *scalefake.FakeScaleClient {
	scales := &scalefake.FakeScaleClient{}
	scales.AddReactor("get", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		now := time.Now()
		l := loop{at: now, replicas: b.replicas, after: b.replicas, reading: b.read(now), restart: b.restart}
		b.restart = false
		b.loops = append(b.loops, l)
		pods(l.reading.Pods)
		return true, &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"},
			Spec:       autoscalingv1.ScaleSpec{Replicas: b.replicas},
			Status:     autoscalingv1.ScaleStatus{Replicas: b.replicas, Selector: "app=a"},
		}, nil
	})
	scales.AddReactor("update", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		scale := action.(clienttesting.UpdateAction).GetObject().(*autoscalingv1.Scale)
		b.replicas = scale.Spec.Replicas
		b.loops[len(b.loops)-1].after = scale.Spec.Replicas
		return true, scale, nil
	})
	return scales
}

// run has kube-controller-manager's controller scale, with some restarts.
func (b *bench) run(t *testing.T, spans []time.Duration) {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web", UID: "1"}}
	hpa.Spec = New(b.spec, NewOptions()).Spec // defaulted as the API server does
	// NewClientset keeps book of who owns which field, which costs thirty times the rest.
	client := fake.NewSimpleClientset(hpa)
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "apps", Version: "v1"}})
	mapper.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
	for _, span := range spans {
		ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(io.Discard)))))
		factory := informers.NewSharedInformerFactory(client, 0)
		podInformer := factory.Core().V1().Pods()
		indexer := podInformer.Informer().GetIndexer()
		b.restart = true
		controller := podautoscaler.NewHorizontalController(ctx, client.CoreV1(), b.scales(func(pods []Pod) {
			list, _ := objects(pods)
			var items []any
			for _, pod := range list {
				items = append(items, pod)
			}
			if err := indexer.Replace(items, ""); err != nil {
				t.Error(err)
			}
		}), client.AutoscalingV2(), mapper, b.client(), factory.Autoscaling().V2().HorizontalPodAutoscalers(), podInformer,
			15*time.Second, 5*time.Minute, 0.1, time.Minute, time.Minute)
		factory.Start(ctx.Done())
		factory.WaitForCacheSync(ctx.Done())
		go controller.Run(ctx, 1)
		time.Sleep(span)
		cancel()
		factory.Shutdown()
		synctest.Wait()
	}
}

// TestLoopsAreThoseOfTheController runs the real controller on virtual time, on any specification, and takes each of its
// loops again: the same readings must give the same sizes.
func TestLoopsAreThoseOfTheController(t *testing.T) {
	// Metrics that cannot be read are part of the test; and the handlers wait by a time from outside the bubble.
	defer func(handlers []utilruntime.ErrorHandler) { utilruntime.ErrorHandlers = handlers }(utilruntime.ErrorHandlers)
	utilruntime.ErrorHandlers = nil
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	defer klog.LogToStderr(true)
	loops, changes := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 38))
		b := &bench{spec: anySpec(r), seed: seed, replicas: int32(r.IntN(20))}
		synctest.Test(t, func(t *testing.T) {
			b.run(t, []time.Duration{time.Duration(5+r.IntN(30)) * time.Minute, time.Duration(5+r.IntN(20)) * time.Minute})
		})
		a := New(b.spec, NewOptions())
		var sizes []int32
		for i, l := range b.loops {
			if l.restart {
				a.Forget()
			}
			d, err := a.Scale(l.at, &l.reading)
			sizes = append(sizes, l.after)
			if d.Replicas != l.after {
				t.Fatalf("seed %d, loop %d of %d: %d replicas became %d, the controller's %d: %v\n%s\nthe controller's before: %v",
					seed, i, len(b.loops), l.replicas, d.Replicas, l.after, err, described(b.spec), sizes)
			}
			if l.after != l.replicas {
				changes++
			}
		}
		loops += len(b.loops)
	}
	if loops < 20_000 || changes < loops/20 {
		t.Errorf("only %d loops and %d changes", loops, changes)
	}
}

func described(spec *autoscalingv2.HorizontalPodAutoscalerSpec) string {
	text := fmt.Sprintf("replicas %v..%d", spec.MinReplicas, spec.MaxReplicas)
	for i := range spec.Metrics {
		target, _ := TargetOf(&spec.Metrics[i])
		text += fmt.Sprintf("; %s %s", spec.Metrics[i].Type, target.Type)
	}
	if b := spec.Behavior; b != nil {
		for _, rules := range slices.DeleteFunc([]*autoscalingv2.HPAScalingRules{b.ScaleUp, b.ScaleDown}, func(r *autoscalingv2.HPAScalingRules) bool { return r == nil }) {
			text += "; " + rules.String()
		}
	}
	return text
}
