// Package wish says what ScalingWindows come to, given the autoscalers of their namespace: which reads each is for, its
// window, or why it is refused. Values in, values out.
package wish

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/demand"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/plan"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/serve"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// Reasons of the condition Ready, beside those of window.Reason.
const (
	Serving            = "Serving"
	Holding            = "Holding"
	Invalid            = "Invalid"
	Conflict           = "Conflict"
	AutoscalerNotFound = "AutoscalerNotFound"
	ValueTarget        = "ValueTarget"
	NoMetric           = "NoMetric"
	Replaying          = "Replaying"
	ReplayFailed       = "ReplayFailed"
)

// Unknown is why nothing can be served.
type Unknown struct {
	Reason string
	err    error
}

// Error implements error.
func (u *Unknown) Error() string { return u.err.Error() }

// Unwrap returns the cause.
func (u *Unknown) Unwrap() error { return u.err }

// Refused makes an Unknown.
func Refused(reason, format string, args ...any) *Unknown {
	return &Unknown{reason, fmt.Errorf(format, args...)}
}

// Wish is what a ScalingWindow comes to, given the autoscalers of its namespace.
type Wish struct {
	Object *v1alpha1.ScalingWindow
	// Scales is what is scaled; nil where it is not known.
	Scales *autoscalingv2.CrossVersionObjectReference
	// Autoscalers scale it, by name.
	Autoscalers []*autoscalingv2.HorizontalPodAutoscaler
	Selector    labels.Selector
	// Key is what reads ask for; zero where that is not known.
	Key    serve.Key
	Config window.Config
	Fault  *Unknown // nil: it is sound
}

// Name is namespace/name.
func (w *Wish) Name() string { return w.Object.Namespace + "/" + w.Object.Name }

// Same tells whether a window for one wish is the one for another.
func (w *Wish) Same(other *Wish) bool {
	return w.Key == other.Key && reflect.DeepEqual(w.Config, other.Config) && (w.Fault == nil) == (other.Fault == nil)
}

// Target is whose demand it is about.
func (w *Wish) Target(m rules.Metric) demand.Target {
	return demand.Target{
		Read: plan.Read{Metric: m, Namespace: w.Key.Namespace, Selector: w.Selector}, Type: w.Key.Type, Name: w.Key.Name,
	}
}

// Mapper knows the resources of a cluster.
type Mapper interface {
	RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error)
}

// Grid is what a window has of the board: when ticks are, and how long samples are good for.
type Grid struct {
	Step, Fresh, Stale time.Duration
}

// Of says what the ScalingWindows of a namespace come to, the oldest first. Of two for one metric of one target the older serves.
func Of(
	windows []*v1alpha1.ScalingWindow, autoscalers []*autoscalingv2.HorizontalPodAutoscaler, mapper Mapper, g Grid,
) []Wish {
	windows = slices.SortedFunc(slices.Values(windows), func(a, b *v1alpha1.ScalingWindow) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	taken := map[serve.Key]string{}
	var all []Wish
	for _, object := range windows {
		w := Wish{Object: object}
		w.Fault = w.fill(autoscalers, mapper, g)
		if by := taken[w.Key]; by != "" && w.Key != (serve.Key{}) {
			w.Fault, w.Key = Refused(Conflict, "%s is older and for the same metric of the same target: it serves; delete one of the two", by), serve.Key{}
		} else {
			taken[w.Key] = object.Name
		}
		all = append(all, w)
	}
	return all
}

// fill works everything out; what can be is there in case of a fault too.
func (w *Wish) fill(autoscalers []*autoscalingv2.HorizontalPodAutoscaler, mapper Mapper, g Grid) *Unknown {
	missing := w.scale(autoscalers)
	var err error
	if w.Selector, err = selectorOf(w.Object.Spec.Metric.Selector); err != nil {
		return Refused(Invalid, "spec.metric.selector: %w", err)
	}
	if err := w.identify(mapper); err != nil {
		return Refused(Invalid, "spec.metric.describedObject: %w", err)
	}
	if missing != nil {
		return missing
	}
	if err := w.configure(g); err != nil {
		return Refused(Invalid, "%w", err)
	}
	return w.refuseValues()
}

// scale finds what is scaled, and by whom.
func (w *Wish) scale(autoscalers []*autoscalingv2.HorizontalPodAutoscaler) *Unknown {
	w.Scales = w.Object.Spec.ScaleTargetRef
	if name := w.Object.Spec.Autoscaler; name != "" {
		i := slices.IndexFunc(autoscalers, func(a *autoscalingv2.HorizontalPodAutoscaler) bool { return a.Name == name })
		if i < 0 {
			return Refused(AutoscalerNotFound, "spec.autoscaler: there is no HorizontalPodAutoscaler %s in this namespace", name)
		}
		w.Scales = &autoscalers[i].Spec.ScaleTargetRef
	}
	if w.Scales == nil {
		return Refused(Invalid, "spec.scaleTargetRef: name what is scaled, or its autoscaler")
	}
	for _, a := range autoscalers {
		if sameObject(w.Scales, &a.Spec.ScaleTargetRef) {
			w.Autoscalers = append(w.Autoscalers, a)
		}
	}
	return nil
}

func sameObject(a, b *autoscalingv2.CrossVersionObjectReference) bool {
	return a.Name == b.Name && groupKind(a) == groupKind(b)
}

func groupKind(r *autoscalingv2.CrossVersionObjectReference) schema.GroupKind {
	return schema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind()
}

// selectorOf reads a selector as it comes back from the text that an autoscaler sends.
func selectorOf(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, err
	}
	return labels.Parse(selector.String())
}

// identify tells which reads the window is for.
func (w *Wish) identify(mapper Mapper) error {
	metric := &w.Object.Spec.Metric
	key := serve.Key{Type: metric.Type, Namespace: w.Object.Namespace, Metric: metric.Name, Selector: w.Selector.String()}
	switch metric.Type {
	case v1alpha1.PodsMetric:
		if w.Scales == nil {
			return nil // whose pods is not known; scale says so
		}
		key.Resource, key.Name = schema.GroupResource{Resource: "pods"}, w.Scales.Name
	case v1alpha1.ObjectMetric:
		if err := identifyObject(&key, metric.DescribedObject, mapper); err != nil {
			return err
		}
	}
	w.Key = key
	return nil
}

// identifyObject finds the object of a metric. An autoscaler reads those of its own namespace, and the namespace itself.
func identifyObject(key *serve.Key, described *autoscalingv2.CrossVersionObjectReference, mapper Mapper) error {
	if described == nil {
		return errors.New("name the object that the metric is about")
	}
	kind := groupKind(described)
	mapping, err := mapper.RESTMapping(kind)
	if err != nil {
		return fmt.Errorf("finding the resource of %s: %w", kind, err)
	}
	key.Resource, key.Name = mapping.Resource.GroupResource(), described.Name
	switch {
	case kind == schema.GroupKind{Kind: "Namespace"}:
		key.Namespace, key.Name = "", key.Namespace
	case mapping.Scope.Name() == meta.RESTScopeNameRoot:
		return fmt.Errorf("an autoscaler cannot read metrics of a %s, which is in no namespace", described.Kind)
	}
	return nil
}

// refuseValues refuses windows that would feed on themselves.
func (w *Wish) refuseValues() *Unknown {
	for _, a := range w.Autoscalers {
		for i := range a.Spec.Metrics {
			if target := w.read(&a.Spec.Metrics[i]); target != nil && target.Type == autoscalingv2.ValueMetricType {
				return Refused(ValueTarget, "HorizontalPodAutoscaler %s has a target of type Value for this metric: the size that follows depends on "+
					"the size of today, and what a window holds would multiply; make it AverageValue", a.Name)
			}
		}
	}
	return nil
}

// Reads tells whether an autoscaler's metric is the window's: by type, name, selector and object.
func (w *Wish) Reads(m *autoscalingv2.MetricSpec) bool { return w.read(m) != nil }

// Serves tells whether what an autoscaler of the namespace is told of one of its metrics comes of this window. Pods are those of one
// target; objects and external metrics are the same for all.
func (w *Wish) Serves(scales *autoscalingv2.CrossVersionObjectReference, m *autoscalingv2.MetricSpec) bool {
	mine := w.Key.Type != v1alpha1.PodsMetric || w.Scales != nil && sameObject(w.Scales, scales)
	return w.Key != (serve.Key{}) && mine && w.Reads(m)
}

// read is the target of an autoscaler's metric, nil where that is another metric than the window's.
func (w *Wish) read(m *autoscalingv2.MetricSpec) *autoscalingv2.MetricTarget {
	var id *autoscalingv2.MetricIdentifier
	var target *autoscalingv2.MetricTarget
	same := true
	switch metric := &w.Object.Spec.Metric; {
	case m.Pods != nil && metric.Type == v1alpha1.PodsMetric:
		id, target = &m.Pods.Metric, &m.Pods.Target
	case m.Object != nil && metric.Type == v1alpha1.ObjectMetric:
		id, target = &m.Object.Metric, &m.Object.Target
		same = sameObject(&m.Object.DescribedObject, metric.DescribedObject)
	case m.External != nil && metric.Type == v1alpha1.ExternalMetric:
		id, target = &m.External.Metric, &m.External.Target
	default:
		return nil
	}
	if !same || !w.names(id) {
		return nil
	}
	return target
}

// names tells whether an autoscaler's metric is the window's.
func (w *Wish) names(id *autoscalingv2.MetricIdentifier) bool {
	selector, err := selectorOf(id.Selector)
	return err == nil && id.Name == w.Key.Metric && selector.String() == w.Key.Selector
}

// configure converts the specification.
func (w *Wish) configure(g Grid) error {
	spec := &w.Object.Spec
	if spec.Target.AverageValue == nil {
		return errors.New("spec.target.averageValue: say how much one pod bears")
	}
	c := window.Config{Step: g.Step, Fresh: g.Fresh, Stale: g.Stale, Target: spec.Target.AverageValue.MilliValue()}
	if spec.MaxWindow != nil {
		c.Max = &window.Max{Window: spec.MaxWindow.Duration}
	}
	if s := spec.SlowScaleDown; s != nil {
		c.SlowScaleDown = &window.SlowScaleDown{Hold: length(s.Hold), HalfLife: length(s.HalfLife), Period: length(s.Period)}
		if s.Pods != nil {
			if len(w.Autoscalers) == 0 {
				return errors.New("spec.slowScaleDown.pods: no HorizontalPodAutoscaler scales the target, so that maxReplicas is not known; " +
					"make one, or use halfLife")
			}
			c.SlowScaleDown.Pods, c.SlowScaleDown.MaxPods = *s.Pods, w.maxReplicas()
		}
	}
	if p := spec.Percentile; p != nil {
		c.Percentile = &window.Percentile{Percent: float64(p.Value), Window: p.Window.Duration}
	}
	if d := spec.DeadBand; d != nil {
		c.DeadBand = &window.DeadBand{Dwell: d.Dwell.Duration, Band: float64(d.Step) / 100}
	}
	if s := spec.SeasonalFloor; s != nil {
		c.Season = &window.Season{Weeks: max(1, int(s.Weeks)), Lead: length(s.Lead)}
		if s.Margin != nil {
			c.Season.Margin = float64(*s.Margin) / 100
		}
	}
	c.Default()
	w.Config = c
	return window.Validate(&c, field.NewPath("spec")).ToAggregate()
}

func (w *Wish) maxReplicas() int32 {
	most := int32(0)
	for _, a := range w.Autoscalers {
		most = max(most, a.Spec.MaxReplicas)
	}
	return most
}

func length(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}
