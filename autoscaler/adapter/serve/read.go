package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/plan"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
	"github.com/evenkeel/evenkeel/internal/usage"
)

// read is one read of a metric.
type read struct {
	plan.Read
	info     provider.CustomMetricInfo // of a custom metric
	resource schema.GroupVersionResource
	kin      string // what reads have in common whose objects are others by now; "" where they cannot be
}

// key is the read in the terms of windows.
func (r *read) key(of v1alpha1.WindowMetricType, name string) Key {
	return Key{
		Type: of, Namespace: r.Namespace, Resource: r.Metric.Resource, Metric: r.Metric.Name, Selector: r.Selector.String(), Name: name,
	}
}

// custom finds a metric.
func (p *Provider) custom(info provider.CustomMetricInfo, namespace string, selector labels.Selector) (*read, error) {
	index := p.catalogue.Index()
	resource, err := p.mapper.ResourceFor(info.GroupResource.WithVersion(""))
	switch {
	case meta.IsNoMatchError(err):
		return nil, p.unknown(index, provider.NewMetricNotFoundError(info.GroupResource, info.Metric))
	case err != nil:
		return nil, unavailable(fmt.Errorf("finding the resource %s: %w", info.GroupResource, err))
	}
	info.GroupResource = resource.GroupResource()
	m, ok := index.Custom(info.GroupResource, info.Namespaced, info.Metric)
	if !ok {
		return nil, p.unknown(index, provider.NewMetricNotFoundError(info.GroupResource, info.Metric))
	}
	return &read{Read: plan.Read{Metric: m, Namespace: namespace, Selector: selector}, info: info, resource: resource}, nil
}

// measured is an object and its value.
type measured struct {
	Object
	milli int64
	at    time.Time
}

// found is what is known of the objects asked for.
type found struct {
	measured []measured
	// why is the most telling reason why an object has no value.
	why *board.Missing
}

// refusal is why there is nothing to answer: absent where Prometheus knows of nothing.
func (f *found) refusal(absent error) error {
	if f.why == nil || f.why.Absent() {
		return absent
	}
	return unavailable(f.why)
}

// read returns what is known of objects.
func (p *Provider) read(ctx context.Context, r *read, objects []Object) (*found, error) {
	if len(objects) == 0 {
		return &found{}, nil
	}
	source, err := p.sheet(r, objects...)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	f := &found{measured: make([]measured, 0, len(objects))}
	for _, object := range objects {
		row, err := source.sheet.Read(ctx, source.row(object.Name))
		var missing *board.Missing
		switch {
		case errors.As(err, &missing):
			if f.why == nil || f.why.Absent() {
				f.why = missing
			}
		case err != nil:
			return nil, unavailable(err)
		default:
			f.measured = append(f.measured, measured{Object: object, milli: highest(row.Samples), at: row.At})
		}
	}
	return f, nil
}

// hold puts what windows serve in place of what was measured. A window is for the pods of one workload; a selector may
// select pods of more, and those keep their values.
func (p *Provider) hold(r *read, f *found) error {
	if r.Metric.Resource != (schema.GroupResource{Resource: "pods"}) {
		return nil
	}
	workloads := map[string][]*measured{}
	for i := range f.measured {
		name := usage.WorkloadOfName(r.Namespace, f.measured[i].Name).Name
		workloads[name] = append(workloads[name], &f.measured[i])
	}
	for name, measured := range workloads {
		served, err := p.windows.Served(r.key(v1alpha1.PodsMetric, name))
		if err != nil {
			return unavailable(err)
		}
		if served != nil {
			spread(measured, served.Milli)
		}
	}
	return nil
}

// spread shares out what a window serves among the pods that do the work. A window that lags behind never lowers them.
func spread(pods []*measured, served int64) {
	pods = slices.DeleteFunc(pods, func(m *measured) bool { return m.Idle })
	values, sum := make([]int64, len(pods)), int64(0)
	for i, m := range pods {
		values[i] = m.milli
		sum += m.milli
	}
	if served <= sum {
		return
	}
	window.Spread(values, served)
	for i, m := range pods {
		m.milli = values[i]
	}
}

// highest is the value of a row in thousandths. A row has one sample, unless a rule groups by more than the object:
// then the safe one is the highest.
func highest(samples []board.Sample) int64 {
	value := samples[0].Value
	for i := range samples {
		value = max(value, samples[i].Value)
	}
	return milli(value)
}

// milli is a value that the board let pass, in thousandths.
func milli(value float64) int64 {
	thousandths, _ := window.Milli(value)
	return thousandths
}
