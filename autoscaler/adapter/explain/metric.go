package explain

import (
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// reading is what the autoscaler's arithmetic is given.
func reading(f *Facts, specs []autoscalingv2.MetricSpec) *hpa.Reading {
	r := &hpa.Reading{Replicas: f.Replicas, Running: f.Running, Pods: podsOf(f.Pods, nil)}
	for i := range specs {
		read := &f.Reads[i]
		m := hpa.Metric{Err: read.Err}
		if specs[i].Type == autoscalingv2.PodsMetricSourceType {
			m.Pods = podsOf(f.Pods, read.Values)
		}
		for _, value := range read.Values {
			m.Values = append(m.Values, value.Milli)
		}
		r.Metrics = append(r.Metrics, m)
	}
	return r
}

// podsOf are pods as a metric of pods sees them.
func podsOf(pods []v1.Pod, values []Value) []hpa.Pod {
	milli := map[string]int64{}
	for _, value := range values {
		milli[value.Object] = value.Milli
	}
	all := make([]hpa.Pod, len(pods))
	for i := range pods {
		value, ok := milli[pods[i].Name]
		all[i] = hpa.Pod{
			Phase: pods[i].Status.Phase, Deleting: pods[i].DeletionTimestamp != nil, Ready: ready(&pods[i]), Missing: !ok, Value: value,
		}
	}
	return all
}

func ready(pod *v1.Pod) bool {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == v1.PodReady {
			return pod.Status.Phase == v1.PodRunning && c.Status == v1.ConditionTrue
		}
	}
	return false
}

// metric says what a metric comes to.
func metric(f *Facts, i int, spec *autoscalingv2.MetricSpec, r *hpa.Reading, t hpa.Tolerances) Metric {
	read, m := &f.Reads[i], Metric{Name: nameOf(spec), err: f.Reads[i].Err}
	target, ok := hpa.TargetOf(spec)
	if !ok {
		m.err = hpa.ErrUnsupported
	}
	m.Target, m.worth = targetText(target)
	if m.err == nil {
		var asks, exactly int32
		if asks, m.err = hpa.Replicas(spec, &r.Metrics[i], r, t); m.err == nil {
			exactly, m.err = hpa.Replicas(spec, &r.Metrics[i], r, hpa.Tolerances{})
			m.Asks, m.Exactly = &asks, &exactly
		}
	}
	if m.err != nil {
		m.Error = m.err.Error()
		m.LastSeen = lastSeen(f.Autoscaler.Status.CurrentMetrics, i)
	}
	m.window(f, spec)
	m.usage(read, r, r.Metrics[i].Pods, target)
	return m
}

// usage adds up the values that count.
func (m *Metric) usage(read *Read, r *hpa.Reading, pods []hpa.Pod, target autoscalingv2.MetricTarget) {
	var total int64
	for _, value := range read.Values {
		total += value.Milli
		if m.Oldest.IsZero() || value.At.Before(m.Oldest) {
			m.Oldest = value.At
		}
	}
	m.Values = len(read.Values)
	share := int64(r.Running)
	if pods != nil {
		total = m.count(pods)
		share = int64(m.Values)
	}
	if target.AverageValue == nil {
		share = 1
	}
	if m.Values == 0 {
		return
	}
	m.Total = milli(total)
	if per := share * worth(target); per > 0 {
		m.Ratio = float64(total) / float64(per)
	}
}

// count is the total of the pods that the autoscaler counts.
func (m *Metric) count(pods []hpa.Pod) (total int64) {
	m.Values = 0
	for _, pod := range pods {
		switch {
		case pod.Deleting || pod.Phase == v1.PodFailed || pod.Phase == v1.PodPending:
		case pod.Missing:
			m.Missing++
		default:
			m.Values, total = m.Values+1, total+pod.Value
		}
	}
	return total
}

func milli(n int64) *resource.Quantity { return resource.NewMilliQuantity(n, resource.DecimalSI) }

// worth is the target in thousandths, 0 where it has none that can be counted.
func worth(t autoscalingv2.MetricTarget) int64 {
	switch {
	case t.AverageValue != nil:
		return t.AverageValue.MilliValue()
	case t.Value != nil:
		return t.Value.MilliValue()
	default:
		return 0
	}
}

func targetText(t autoscalingv2.MetricTarget) (text string, perPod int64) {
	switch {
	case t.AverageValue != nil:
		return t.AverageValue.String() + " a pod", worth(t)
	case t.Value != nil:
		return t.Value.String(), 0
	default:
		return "", 0
	}
}

// nameOf says which metric it is, as in: Service/web requests{verb=get}.
func nameOf(m *autoscalingv2.MetricSpec) string {
	switch {
	case m.Pods != nil:
		return "pods " + identifier(&m.Pods.Metric)
	case m.Object != nil:
		return fmt.Sprintf("%s/%s %s", m.Object.DescribedObject.Kind, m.Object.DescribedObject.Name, identifier(&m.Object.Metric))
	case m.External != nil:
		return "external " + identifier(&m.External.Metric)
	case m.Resource != nil:
		return "resource " + string(m.Resource.Name)
	case m.ContainerResource != nil:
		return fmt.Sprintf("resource %s of container %s", m.ContainerResource.Name, m.ContainerResource.Container)
	default:
		return string(m.Type)
	}
}

func identifier(id *autoscalingv2.MetricIdentifier) string {
	if id.Selector == nil {
		return id.Name
	}
	return fmt.Sprintf("%s{%s}", id.Name, metav1.FormatLabelSelector(id.Selector))
}

// lastSeen is what the autoscaler's status has of a metric; "" for nothing.
func lastSeen(all []autoscalingv2.MetricStatus, i int) string {
	if i >= len(all) {
		return ""
	}
	switch value := current(&all[i]); {
	case value.AverageUtilization != nil:
		return fmt.Sprintf("%d%% of requests", *value.AverageUtilization)
	case value.AverageValue != nil:
		return value.AverageValue.String() + " a pod"
	case value.Value != nil:
		return value.Value.String()
	default:
		return ""
	}
}

func current(s *autoscalingv2.MetricStatus) autoscalingv2.MetricValueStatus {
	switch {
	case s.Pods != nil:
		return s.Pods.Current
	case s.Object != nil:
		return s.Object.Current
	case s.External != nil:
		return s.External.Current
	case s.Resource != nil:
		return s.Resource.Current
	case s.ContainerResource != nil:
		return s.ContainerResource.Current
	default:
		return autoscalingv2.MetricValueStatus{}
	}
}

// advice is the reason of a condition that holds, and could hold better.
const advice = "Advice"

// written is when a status was.
func written(w *wish.Wish) (at time.Time) {
	for _, entry := range w.Object.ManagedFields {
		if entry.Subresource == "status" && entry.Time != nil && entry.Time.After(at) {
			at = entry.Time.Time
		}
	}
	return at
}

// window finds the window over a metric.
func (m *Metric) window(f *Facts, spec *autoscalingv2.MetricSpec) {
	for i := range f.Windows {
		w := &f.Windows[i]
		if !w.Serves(&f.Autoscaler.Spec.ScaleTargetRef, spec) {
			continue
		}
		s := &w.Object.Status
		m.Window = &Window{
			Name: w.Object.Name, Written: written(w), Demand: s.Demand, Served: s.Served, HeldBy: s.HeldBy, Until: s.HeldUntil,
		}
		if s.Demand != nil && m.worth > 0 {
			m.Window.DemandAsks = new(int32((s.Demand.MilliValue() + m.worth - 1) / m.worth))
		}
		for _, c := range s.Conditions {
			if c.Status == metav1.ConditionFalse || c.Reason == advice {
				m.Window.Faults = append(m.Window.Faults, c)
			}
		}
		if meta.FindStatusCondition(s.Conditions, "Ready") == nil {
			m.Window.Faults = append(m.Window.Faults, metav1.Condition{
				Type: "Ready", Status: metav1.ConditionUnknown, Reason: "NoStatus", Message: "no adapter has written its status yet",
			})
		}
		return
	}
}
