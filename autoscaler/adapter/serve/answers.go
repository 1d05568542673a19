package serve

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
)

// list is the answer to a read of a custom metric.
func (p *Provider) list(r *read, values []measured) *custom_metrics.MetricValueList {
	kind, err := p.mapper.KindFor(r.resource)
	if err != nil {
		kind = schema.GroupVersionKind{} // the objects were found by their resource: it went this very moment
	}
	id := custom_metrics.MetricIdentifier{Name: r.Metric.Name, Selector: labelSelector(r.Selector)}
	list := &custom_metrics.MetricValueList{Items: make([]custom_metrics.MetricValue, len(values))}
	for i := range values {
		list.Items[i] = custom_metrics.MetricValue{
			DescribedObject: custom_metrics.ObjectReference{
				APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: values[i].Name, Namespace: r.Namespace,
			},
			Metric:    id,
			Timestamp: metav1.NewTime(values[i].at),
			Value:     quantity(values[i].milli),
		}
	}
	return list
}

func labelSelector(s labels.Selector) *metav1.LabelSelector {
	if s.Empty() {
		return nil
	}
	parsed, err := metav1.ParseToLabelSelector(s.String())
	if err != nil {
		return nil // it has != or compares sizes, which this form cannot say, and so no autoscaler can ask
	}
	return parsed
}

// externalList is the answer to a read of an external metric, of which an autoscaler takes the sum.
func externalList(r *read, sheet *board.Sheet, row board.Row, served *Served) *external_metrics.ExternalMetricValueList {
	values := make([]int64, len(row.Samples))
	for i := range row.Samples {
		values[i] = milli(row.Samples[i].Value)
	}
	if served != nil {
		spreadSum(values, served.Milli)
	}
	list := &external_metrics.ExternalMetricValueList{}
	for i := range row.Samples {
		list.Items = append(list.Items, external_metrics.ExternalMetricValue{
			MetricName: r.Metric.Name, MetricLabels: sheet.Labels(&row.Samples[i]), Timestamp: metav1.NewTime(row.At), Value: quantity(values[i]),
		})
	}
	return list
}

// spreadSum raises the largest of the values so that their sum is what is served.
func spreadSum(values []int64, served int64) {
	var sum int64
	for _, v := range values {
		sum += v
	}
	if more := served - sum; more > 0 && len(values) > 0 {
		values[slices.Index(values, slices.Max(values))] += more
	}
}

func quantity(milli int64) resource.Quantity {
	return *resource.NewMilliQuantity(milli, resource.DecimalSI)
}
