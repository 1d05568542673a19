package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/scale"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/hpa"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/wish"
)

// Cluster is where facts are read. It is only read.
type Cluster struct {
	Client   kubernetes.Interface
	Objects  dynamic.Interface
	Scales   scale.ScalesGetter
	Custom   custom_metrics.CustomMetricsClient
	External external_metrics.ExternalMetricsClient
	Mapper   meta.RESTMapper
	Clock    clock.PassiveClock
	// Options are the flags of the autoscalers' controller, which cannot be read.
	Options hpa.Options
}

// Facts reads what concerns an autoscaler. Without the autoscaler, its scale and its pods there is nothing to explain; the
// rest may be unknown.
func (c *Cluster) Facts(ctx context.Context, namespace, name string) (*Facts, error) {
	a, err := c.autoscaler(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	f := &Facts{Autoscaler: a, Options: c.Options}
	selector, err := c.scale(ctx, f)
	if err != nil {
		return nil, err
	}
	pods, err := c.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of %s: %w", selector, err)
	}
	f.Pods = pods.Items
	for i := range a.Spec.Metrics {
		values, err := c.read(namespace, &a.Spec.Metrics[i], selector)
		f.Reads = append(f.Reads, Read{Values: values, Err: err})
	}
	if f.Windows, err = c.windows(ctx, namespace); err != nil {
		f.Unknown = append(f.Unknown, fmt.Sprintf("whether ScalingWindows hold anything: %v", err))
	}
	f.Now = c.Clock.Now() // the reads are older, never from the future
	return f, nil
}

// autoscaler reads it, or names those that there are.
func (c *Cluster) autoscaler(ctx context.Context, namespace, name string) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	api := c.Client.AutoscalingV2().HorizontalPodAutoscalers(namespace)
	a, err := api.Get(ctx, name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		if err != nil {
			return nil, fmt.Errorf("reading HorizontalPodAutoscaler %s/%s: %w", namespace, name, err)
		}
		return a, nil
	}
	list, err := api.List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		return nil, fmt.Errorf("there is no HorizontalPodAutoscaler %s/%s, and no other in namespace %s", namespace, name, namespace)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("there is no HorizontalPodAutoscaler %s/%s; in namespace %s there are: %s", namespace, name, namespace, strings.Join(names, ", "))
}

// scale reads the size of what is scaled, and which pods are its.
func (c *Cluster) scale(ctx context.Context, f *Facts) (labels.Selector, error) {
	ref := &f.Autoscaler.Spec.ScaleTargetRef
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, fmt.Errorf("reading spec.scaleTargetRef.apiVersion: %w", err)
	}
	mapping, err := c.Mapper.RESTMapping(schema.GroupKind{Group: version.Group, Kind: ref.Kind}, version.Version)
	if err != nil {
		return nil, fmt.Errorf("finding the resource of spec.scaleTargetRef: %w", err)
	}
	got, err := c.Scales.Scales(f.Autoscaler.Namespace).Get(ctx, mapping.Resource.GroupResource(), ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the scale of %s %s: %w", ref.Kind, ref.Name, err)
	}
	f.Replicas, f.Running = got.Spec.Replicas, got.Status.Replicas
	selector, err := labels.Parse(got.Status.Selector)
	if err != nil || got.Status.Selector == "" {
		return nil, fmt.Errorf("the scale of %s %s has the selector %q, by which no autoscaler finds pods", ref.Kind, ref.Name, got.Status.Selector)
	}
	return selector, nil
}

// read reads a metric with the autoscaler's own clients and arguments.
func (c *Cluster) read(namespace string, m *autoscalingv2.MetricSpec, pods labels.Selector) ([]Value, error) {
	id := identifierOf(m)
	if id == nil {
		return nil, hpa.ErrUnsupported
	}
	selector := labels.Everything()
	if id.Selector != nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(id.Selector); err != nil {
			return nil, fmt.Errorf("reading its selector: %w", err)
		}
	}
	values, err := c.values(namespace, m, pods, id.Name, selector)
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		return nil, &Unread{fmt.Errorf("you may not read it (the autoscaler may): %w", err)}
	}
	if err == nil && len(values) == 0 {
		err = errors.New("the answer has no values")
	}
	return values, err
}

func (c *Cluster) values(namespace string, m *autoscalingv2.MetricSpec, pods labels.Selector, name string, selector labels.Selector) ([]Value, error) {
	switch {
	case m.Pods != nil:
		return c.readPods(namespace, pods, name, selector)
	case m.Object != nil:
		return c.readObject(namespace, &m.Object.DescribedObject, name, selector)
	default:
		return c.readExternal(namespace, name, selector)
	}
}

func identifierOf(m *autoscalingv2.MetricSpec) *autoscalingv2.MetricIdentifier {
	switch {
	case m.Pods != nil:
		return &m.Pods.Metric
	case m.Object != nil:
		return &m.Object.Metric
	case m.External != nil:
		return &m.External.Metric
	default:
		return nil
	}
}

func (c *Cluster) readPods(namespace string, pods labels.Selector, name string, selector labels.Selector) ([]Value, error) {
	list, err := c.Custom.NamespacedMetrics(namespace).GetForObjects(schema.GroupKind{Kind: "Pod"}, pods, name, selector)
	if err != nil {
		return nil, err
	}
	values := make([]Value, len(list.Items))
	for i := range list.Items {
		values[i] = valueOf(&list.Items[i])
	}
	return values, nil
}

func (c *Cluster) readObject(
	namespace string, of *autoscalingv2.CrossVersionObjectReference, name string, selector labels.Selector,
) ([]Value, error) {
	kind := schema.FromAPIVersionAndKind(of.APIVersion, of.Kind).GroupKind()
	var value *v1beta2.MetricValue
	var err error
	if kind == (schema.GroupKind{Kind: "Namespace"}) {
		value, err = c.Custom.RootScopedMetrics().GetForObject(kind, namespace, name, selector)
	} else {
		value, err = c.Custom.NamespacedMetrics(namespace).GetForObject(kind, of.Name, name, selector)
	}
	if err != nil {
		return nil, err
	}
	return []Value{valueOf(value)}, nil
}

func valueOf(v *v1beta2.MetricValue) Value {
	return Value{Object: v.DescribedObject.Name, Milli: v.Value.MilliValue(), At: v.Timestamp.Time}
}

func (c *Cluster) readExternal(namespace, name string, selector labels.Selector) ([]Value, error) {
	list, err := c.External.NamespacedMetrics(namespace).List(name, selector)
	if err != nil {
		return nil, err
	}
	values := make([]Value, len(list.Items))
	for i := range list.Items {
		item := &list.Items[i]
		values[i] = Value{Object: labels.FormatLabels(item.MetricLabels), Milli: item.Value.MilliValue(), At: item.Timestamp.Time}
	}
	return values, nil
}

// windows says what the ScalingWindows of a namespace come to; a cluster without the kind has none.
func (c *Cluster) windows(ctx context.Context, namespace string) ([]wish.Wish, error) {
	list, err := c.Objects.Resource(v1alpha1.GroupVersion.WithResource("scalingwindows")).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var windows []*v1alpha1.ScalingWindow
	for i := range list.Items {
		w := &v1alpha1.ScalingWindow{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, w); err != nil {
			return nil, fmt.Errorf("reading ScalingWindow %s/%s: %w", namespace, list.Items[i].GetName(), err)
		}
		windows = append(windows, w)
	}
	autoscalers, err := c.Client.AutoscalingV2().HorizontalPodAutoscalers(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var all []*autoscalingv2.HorizontalPodAutoscaler
	for i := range autoscalers.Items {
		all = append(all, &autoscalers.Items[i])
	}
	// Which metric a window is over does not depend on the grid; what becomes of it is in its status.
	grid := wish.Grid{Step: 15 * time.Second, Fresh: time.Minute, Stale: 10 * time.Minute}
	return wish.Of(windows, all, c.Mapper, grid), nil
}
