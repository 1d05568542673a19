package scaledown

import (
	"fmt"
	"math"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
)

const (
	// web is the name of each contender's Deployment, HPA and window, in a namespace of its own.
	web = "web"
	// metricName is what the HPAs read: how many requests for web are under way, wherever they are served.
	metricName = "ingress_requests_in_flight"
	// podBears is how many of them one pod can serve at once.
	podBears = 100
	// upstreamStabilisation and upstreamPeriod are the HPA's own, where it does not say.
	upstreamStabilisation = 5 * time.Minute
	upstreamPeriod        = 15 * time.Second
)

// contender is a way of scaling, in a namespace of its own.
type contender struct {
	name     string
	settings string // of how it scales down, in time of the trace
	// stabilisation of its HPA downwards, of the trace; 0: the window's adapter sets the HPA's behaviour.
	stabilisation time.Duration
}

func (s *ScaleDown) contenders() []contender {
	longer := duration.HumanDuration(s.Stabilisation)
	return []contender{
		{name: "hpa", settings: "stabilisation 5m", stabilisation: upstreamStabilisation},
		{name: "hpa-" + longer, settings: "stabilisation " + longer, stabilisation: s.Stabilisation},
		{name: "window", settings: fmt.Sprintf("hold %s, half-life %s", duration.HumanDuration(s.Hold), duration.HumanDuration(s.HalfLife))},
	}
}

// deployment has a contender's pods on its node at once: who places them is not the matter here.
func deployment(c contender, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": web}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: web, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: v1.PodSpec{
					NodeName:                     c.name,
					AutomountServiceAccountToken: ptr.To(false),
					Containers:                   []v1.Container{{Name: web, Image: "pause"}},
				},
			},
		},
	}
}

// autoscaler is a contender's HPA: the same for all but for how it scales down.
func (s *ScaleDown) autoscaler(c contender) *autoscalingv2.HorizontalPodAutoscaler {
	behavior := &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: s.scaleUp()}
	if c.stabilisation > 0 {
		behavior.ScaleDown = &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To(s.seconds(c.stabilisation))}
	}
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: web},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: web},
			MinReplicas:    ptr.To[int32](1),
			MaxReplicas:    2 * s.podsFor(s.Peak),
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ExternalMetricSourceType,
				External: &autoscalingv2.ExternalMetricSource{
					Metric: autoscalingv2.MetricIdentifier{Name: metricName, Selector: s.metricSelector()},
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: s.perPod()},
				},
			}},
			Behavior: behavior,
		},
	}
}

// scaleUp is an HPA's default, four pods or twice the size in 15 s, said of whole seconds: in a second of wall time that
// is k periods of 15 s of the trace long, the size may grow by 4·k pods or to its 2^k-fold.
func (s *ScaleDown) scaleUp() *autoscalingv2.HPAScalingRules {
	seconds := s.seconds(upstreamPeriod)
	k := float64(seconds) / s.wall(upstreamPeriod).Seconds()
	return &autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: ptr.To[int32](0),
		SelectPolicy:               ptr.To(autoscalingv2.MaxChangePolicySelect),
		Policies: []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PodsScalingPolicy, Value: int32(math.Round(4 * k)), PeriodSeconds: seconds},
			{Type: autoscalingv2.PercentScalingPolicy, Value: int32(math.Round(100 * (math.Pow(2, k) - 1))), PeriodSeconds: seconds},
		},
	}
}

// window is the ScalingWindow of the last contender.
func (s *ScaleDown) window(c contender) *v1alpha1.ScalingWindow {
	seconds := func(trace time.Duration) *metav1.Duration {
		return &metav1.Duration{Duration: time.Duration(s.seconds(trace)) * time.Second}
	}
	return &v1alpha1.ScalingWindow{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ScalingWindow"},
		ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: web},
		Spec: v1alpha1.ScalingWindowSpec{
			Autoscaler:       web,
			AutoscalerPolicy: v1alpha1.ApplyAutoscaler,
			Metric:           v1alpha1.WindowMetric{Type: v1alpha1.ExternalMetric, Name: metricName, Selector: s.metricSelector()},
			Target:           v1alpha1.WindowTarget{AverageValue: s.perPod()},
			SlowScaleDown:    &v1alpha1.SlowScaleDown{Hold: seconds(s.Hold), HalfLife: seconds(s.HalfLife)},
		},
	}
}

func (*ScaleDown) metricSelector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"service": web}}
}

// perPod is how many requests a pod is to serve at once.
func (s *ScaleDown) perPod() *resource.Quantity {
	return resource.NewMilliQuantity(int64(s.Target)*podBears*10, resource.DecimalSI)
}

// podsFor is the size that a demand in pods asks for.
func (s *ScaleDown) podsFor(demand float64) int32 {
	return max(1, int32(math.Ceil(demand*100/float64(s.Target)-1e-9)))
}
