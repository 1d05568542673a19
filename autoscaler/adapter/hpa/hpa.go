// Package hpa is the arithmetic of the horizontal pod autoscaler of kube-controller-manager 1.37, values in and values
// out: to explain what it will do, to simulate it, and to say what it must look like beside a window.
package hpa

import (
	"errors"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// Options are the controller's flags.
type Options struct {
	// Tolerance is --horizontal-pod-autoscaler-tolerance. NewOptions: 0.1.
	Tolerance float64
	// Stabilization is --horizontal-pod-autoscaler-downscale-stabilization. NewOptions: 5m.
	Stabilization time.Duration
}

// NewOptions are the controller's defaults.
func NewOptions() Options { return Options{Tolerance: 0.1, Stabilization: 5 * time.Minute} }

// Autoscaler is one HPA, and what its controller remembers of it in memory. It is not safe for concurrent use.
type Autoscaler struct {
	// Spec is the object's, filled in as the API server does.
	Spec autoscalingv2.HorizontalPodAutoscalerSpec
	// ScaledToZero is the condition in the object's status, which outlives the controller.
	ScaledToZero bool

	options         Options
	recommendations []recommendation
	ups, downs      []change
}

// New makes an autoscaler that remembers nothing.
func New(spec *autoscalingv2.HorizontalPodAutoscalerSpec, options Options) *Autoscaler {
	a := &Autoscaler{Spec: *spec.DeepCopy(), options: options}
	if a.Spec.MinReplicas == nil {
		a.Spec.MinReplicas = new(int32(1))
	}
	a.Spec.Behavior = defaulted(a.Spec.Behavior)
	return a
}

// Forget is a restart of the controller: stabilisation begins anew at the present size, and policies have let go of nothing.
func (a *Autoscaler) Forget() { a.recommendations, a.ups, a.downs = nil, nil, nil }

// Reading is what a loop reads.
type Reading struct {
	// Replicas is the scale's spec.replicas, Running its status.replicas.
	Replicas, Running int32
	// Pods are those that the selector matches. For Object and External metrics their values do not matter.
	Pods []Pod
	// Metrics has one for each of the spec.
	Metrics []Metric
}

// Metric is what was read of one metric, in thousandths.
type Metric struct {
	// Values is one number of an Object metric and any of an External one. A Pods metric has its values in Pods.
	Values []int64
	// Pods are those of the reading, with the values of this metric; nil: the reading's own.
	Pods []Pod
	Err  error
}

// Decision is what an HPA makes of a reading.
type Decision struct {
	// Replicas is the size from now on.
	Replicas int32
	// Proposed is what the metrics ask for, Stabilized what the windows of the behavior leave of that.
	Proposed, Stabilized int32
}

// Scale is one loop. Where metrics cannot be read, and the others would not scale up, nothing changes and the error says
// why; where they would, both the decision and an error are there.
func (a *Autoscaler) Scale(now time.Time, r *Reading) (Decision, error) {
	if a.recommendations == nil {
		a.recommendations = []recommendation{{r.Replicas, now}}
	}
	least := *a.Spec.MinReplicas
	if r.Replicas == 0 && !a.wakes(least) {
		return Decision{}, nil
	}
	d, err := a.decide(now, r, least)
	if d.Replicas != r.Replicas {
		a.record(now, r.Replicas, d.Replicas)
		a.ScaledToZero = d.Replicas == 0 && least == 0 && a.fromOutside()
	}
	return d, err
}

// decide looks at the metrics unless the size is out of bounds anyway.
func (a *Autoscaler) decide(now time.Time, r *Reading, least int32) (Decision, error) {
	if bounded := min(max(r.Replicas, least), a.Spec.MaxReplicas); r.Replicas != 0 && bounded != r.Replicas {
		return Decision{Replicas: bounded, Proposed: bounded, Stabilized: bounded}, nil
	}
	proposed, ok, err := a.propose(r)
	if !ok {
		return Decision{Replicas: r.Replicas, Proposed: r.Replicas, Stabilized: r.Replicas}, err
	}
	return a.normalize(now, r.Replicas, max(0, proposed), least), err
}

// wakes tells whether an autoscaler of no replicas looks at its metrics: it does if it was the one to scale to zero.
func (a *Autoscaler) wakes(least int32) bool {
	return a.ScaledToZero && (least != 0 || a.fromOutside())
}

// fromOutside tells whether there is a metric that no pod is needed for.
func (a *Autoscaler) fromOutside() bool {
	for i := range a.Spec.Metrics {
		if t := a.Spec.Metrics[i].Type; t == autoscalingv2.ObjectMetricSourceType || t == autoscalingv2.ExternalMetricSourceType {
			return true
		}
	}
	return false
}

// normalize keeps a proposal within what behavior and bounds allow.
func (a *Autoscaler) normalize(now time.Time, current, proposed, least int32) Decision {
	d := Decision{Proposed: proposed}
	if a.Spec.Behavior == nil {
		d.Stabilized = a.stabilizeDown(now, proposed)
	} else {
		d.Stabilized = a.stabilize(now, current, proposed)
	}
	d.Replicas = a.limit(now, current, d.Stabilized, least)
	if current == 0 {
		d.Replicas = max(d.Replicas, least)
	}
	return d
}

// propose is the largest that a metric asks for. Not ok: none does, or some cannot be read and it would be fewer.
func (a *Autoscaler) propose(r *Reading) (most int32, ok bool, err error) {
	if len(r.Metrics) != len(a.Spec.Metrics) {
		return 0, false, fmt.Errorf("%d metrics read of %d", len(r.Metrics), len(a.Spec.Metrics))
	}
	faults := 0
	for i := range a.Spec.Metrics {
		replicas, fault := Replicas(&a.Spec.Metrics[i], &r.Metrics[i], r, a.Tolerances())
		switch {
		case fault != nil:
			faults++
			if err == nil {
				err = fmt.Errorf("reading metric %d of %d: %w", i+1, len(a.Spec.Metrics), fault)
			}
		case most == 0 || replicas > most:
			most = replicas
		}
	}
	return most, faults == 0 || faults < len(a.Spec.Metrics) && most >= r.Replicas, err
}

// ErrUnsupported is of metrics that this arithmetic does not cover: those of resources.
var ErrUnsupported = errors.New("metrics of this type are not covered")

// Replicas is what one metric of a specification asks for. The error is the metric's own, ErrNoPods, ErrNoValues or
// ErrUnsupported.
func Replicas(spec *autoscalingv2.MetricSpec, m *Metric, r *Reading, t Tolerances) (int32, error) {
	if m.Err != nil {
		return 0, m.Err
	}
	target, ok := TargetOf(spec)
	if !ok {
		return 0, fmt.Errorf("%w: %s", ErrUnsupported, spec.Type)
	}
	if spec.Type == autoscalingv2.PodsMetricSourceType {
		pods := m.Pods
		if pods == nil {
			pods = r.Pods
		}
		return PodsReplicas(r.Replicas, target.AverageValue.MilliValue(), pods, t)
	}
	if len(m.Values) == 0 {
		return 0, ErrNoValues
	}
	if target.AverageValue != nil {
		return AverageValueReplicas(r.Running, Sum(m.Values), target.AverageValue.MilliValue(), t), nil
	}
	return ValueReplicas(r.Replicas, Sum(m.Values), target.Value.MilliValue(), r.Pods, t)
}

// TargetOf is the target of a metric that is no resource's; exactly one of its values is set. False: it is a resource's.
func TargetOf(spec *autoscalingv2.MetricSpec) (autoscalingv2.MetricTarget, bool) {
	var t autoscalingv2.MetricTarget
	switch {
	case spec.Pods != nil:
		t = spec.Pods.Target
		t.Value = nil
	case spec.Object != nil:
		t = spec.Object.Target
		if t.Type == autoscalingv2.ValueMetricType {
			t.AverageValue = nil
		}
	case spec.External != nil:
		t = spec.External.Target
	}
	return t, t.AverageValue != nil || t.Value != nil
}

// Tolerances are the behavior's, else the controller's.
func (a *Autoscaler) Tolerances() Tolerances {
	t := Tolerances{Down: a.options.Tolerance, Up: a.options.Tolerance}
	if b := a.Spec.Behavior; b != nil {
		if b.ScaleDown.Tolerance != nil {
			t.Down = b.ScaleDown.Tolerance.AsApproximateFloat64()
		}
		if b.ScaleUp.Tolerance != nil {
			t.Up = b.ScaleUp.Tolerance.AsApproximateFloat64()
		}
	}
	return t
}
