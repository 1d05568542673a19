package serve

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/rules"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/window"
)

// read is one read of a metric.
type read struct {
	metric    rules.Metric
	info      provider.CustomMetricInfo // of a custom metric
	resource  schema.GroupVersionResource
	namespace string
	selector  labels.Selector
}

// request is the read in the terms of rules.
func (r *read) request(names ...string) rules.Request {
	return rules.Request{Series: r.metric.Series, Resource: r.metric.Resource, Namespace: r.namespace, Names: names, Selector: r.selector}
}

// key is the read in the terms of windows.
func (r *read) key() Key {
	return Key{Namespace: r.namespace, Resource: r.metric.Resource, Metric: r.metric.Name, Selector: r.selector.String()}
}

// custom finds a metric; nil where it is not known here.
func (p *Provider) custom(info provider.CustomMetricInfo, namespace string, selector labels.Selector) (*read, error) {
	resource, err := p.mapper.ResourceFor(info.GroupResource.WithVersion(""))
	if err != nil {
		return nil, apierrors.NewBadRequest("finding the resource " + info.GroupResource.String() + ": " + err.Error())
	}
	info.GroupResource = resource.GroupResource()
	m, ok := p.catalogue.Index().Custom(info.GroupResource, info.Namespaced, info.Metric)
	if !ok {
		return nil, nil
	}
	return &read{metric: m, info: info, resource: resource, namespace: namespace, selector: selector}, nil
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

func (p *Provider) read(ctx context.Context, r *read, objects []Object) (*found, error) {
	source, err := p.sheets.custom(p.board, r, objects)
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

// spread shares out what a window serves among the pods that do the work.
func (f *found) spread(served int64) {
	var values []int64
	for i := range f.measured {
		if !f.measured[i].Idle {
			values = append(values, f.measured[i].milli)
		}
	}
	window.Spread(values, served)
	for i := range f.measured {
		if !f.measured[i].Idle {
			f.measured[i].milli, values = values[0], values[1:]
		}
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
