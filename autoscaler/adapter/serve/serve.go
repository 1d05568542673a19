// Package serve answers reads of custom.metrics.k8s.io and external.metrics.k8s.io from memory. It implements the
// providers of sigs.k8s.io/custom-metrics-apiserver.
package serve

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/evenkeel/evenkeel/api/v1alpha1"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/board"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/catalogue"
	"github.com/evenkeel/evenkeel/autoscaler/adapter/plan"
)

// Objects knows the objects of the cluster.
type Objects interface {
	// Select returns the objects of a resource that have the labels.
	Select(ctx context.Context, resource schema.GroupVersionResource, namespace string, by labels.Selector) ([]Object, error)
}

// Object is one that a metric may be about.
type Object struct {
	Name string
	// Idle objects are pods that serve nothing: pending, failed, or about to go.
	Idle bool
}

// Elsewhere is another metrics server. It has what is not known here.
type Elsewhere interface {
	provider.CustomMetricsProvider
	provider.ExternalMetricsProvider
}

// Provider answers reads.
type Provider struct {
	catalogue *catalogue.Catalogue
	board     *board.Board
	mapper    meta.RESTMapper
	objects   Objects
	windows   Windows
	elsewhere Elsewhere
	shadow    Shadow
	plans     plan.Plans
}

var _ provider.MetricsProvider = (*Provider)(nil)

// Config is what a Provider is made of. Windows, Elsewhere and Shadow may be nil.
type Config struct {
	Catalogue *catalogue.Catalogue
	Board     *board.Board
	Mapper    meta.RESTMapper
	Objects   Objects
	Windows   Windows
	Elsewhere Elsewhere
	Shadow    Shadow
}

// New returns a provider.
func New(c Config) *Provider {
	p := &Provider{
		catalogue: c.Catalogue, board: c.Board, mapper: c.Mapper, objects: c.Objects, windows: c.Windows,
		elsewhere: c.Elsewhere, shadow: c.Shadow,
	}
	if p.windows == nil {
		p.windows = none{}
	}
	return p
}

// GetMetricByName implements provider.CustomMetricsProvider.
func (p *Provider) GetMetricByName(
	ctx context.Context, name types.NamespacedName, info provider.CustomMetricInfo, selector labels.Selector,
) (*custom_metrics.MetricValue, error) {
	r, err := p.custom(info, name.Namespace, selector)
	switch {
	case errors.Is(err, errElsewhere):
		return p.elsewhere.GetMetricByName(ctx, name, info, selector)
	case err != nil:
		return nil, err
	}
	got, err := p.read(ctx, r, []Object{{Name: name.Name}})
	if err != nil {
		return nil, err
	}
	if len(got.measured) == 0 {
		return nil, got.refusal(provider.NewMetricNotFoundForError(r.info.GroupResource, info.Metric, name.Name))
	}
	if p.shadow != nil {
		p.shadow.Custom(p.list(r, got.measured), askByName(name, info, selector))
	}
	served, err := p.windows.Served(r.key(v1alpha1.ObjectMetric, name.Name))
	if err != nil {
		return nil, unavailable(err)
	}
	if served != nil {
		got.measured[0].milli = max(served.Milli, got.measured[0].milli)
	}
	return &p.list(r, got.measured).Items[0], nil
}

// GetMetricBySelector implements provider.CustomMetricsProvider. Objects without a sample are left out: an autoscaler
// takes them for idle when it would grow, and for busy when it would shrink.
func (p *Provider) GetMetricBySelector(
	ctx context.Context, namespace string, by labels.Selector, info provider.CustomMetricInfo, selector labels.Selector,
) (*custom_metrics.MetricValueList, error) {
	r, err := p.custom(info, namespace, selector)
	switch {
	case errors.Is(err, errElsewhere):
		return p.elsewhere.GetMetricBySelector(ctx, namespace, by, info, selector)
	case err != nil:
		return nil, err
	}
	objects, err := p.objects.Select(ctx, r.resource, namespace, by)
	if err != nil {
		return nil, unavailable(err)
	}
	r.kin = "by " + by.String()
	got, err := p.read(ctx, r, objects)
	if err != nil {
		return nil, err
	}
	if len(got.measured) == 0 {
		return nil, got.refusal(provider.NewMetricNotFoundForSelectorError(r.info.GroupResource, info.Metric, "*", by))
	}
	if p.shadow != nil {
		p.shadow.Custom(p.list(r, got.measured), askBySelector(namespace, by, info, selector))
	}
	if err := p.hold(r, got); err != nil {
		return nil, err
	}
	return p.list(r, got.measured), nil
}

// ListAllMetrics implements provider.CustomMetricsProvider.
func (p *Provider) ListAllMetrics() []provider.CustomMetricInfo {
	var list []provider.CustomMetricInfo
	for _, m := range p.catalogue.Index().Metrics {
		if m.Resource.Resource != "" {
			list = append(list, provider.CustomMetricInfo{GroupResource: m.Resource, Namespaced: m.Namespaced, Metric: m.Name})
		}
	}
	if p.elsewhere != nil {
		list = union(list, p.elsewhere.ListAllMetrics())
	}
	return list
}

// GetExternalMetric implements provider.ExternalMetricsProvider.
func (p *Provider) GetExternalMetric(
	ctx context.Context, namespace string, selector labels.Selector, info provider.ExternalMetricInfo,
) (*external_metrics.ExternalMetricValueList, error) {
	index := p.catalogue.Index()
	m, ok := index.External(info.Metric)
	if !ok {
		err := p.unknown(index, provider.NewMetricNotFoundError(schema.GroupResource{}, info.Metric))
		if errors.Is(err, errElsewhere) {
			return p.elsewhere.GetExternalMetric(ctx, namespace, selector, info)
		}
		return nil, err
	}
	r := &read{Read: plan.Read{Metric: m, Namespace: namespace, Selector: selector}}
	source, err := p.sheet(r)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	got, err := source.sheet.Read(ctx, source.row(""))
	if err != nil {
		return nil, refuseExternal(err, info.Metric)
	}
	if p.shadow != nil {
		p.shadow.External(externalList(r, source.sheet, got, nil), askExternal(namespace, selector, info))
	}
	served, err := p.windows.Served(r.key(v1alpha1.ExternalMetric, ""))
	if err != nil {
		return nil, unavailable(err)
	}
	return externalList(r, source.sheet, got, served), nil
}

// ListAllExternalMetrics implements provider.ExternalMetricsProvider.
func (p *Provider) ListAllExternalMetrics() []provider.ExternalMetricInfo {
	var list []provider.ExternalMetricInfo
	for _, m := range p.catalogue.Index().Metrics {
		if m.Resource.Resource == "" {
			list = append(list, provider.ExternalMetricInfo{Metric: m.Name})
		}
	}
	if p.elsewhere != nil {
		list = union(list, p.elsewhere.ListAllExternalMetrics())
	}
	return list
}

func refuseExternal(err error, metric string) error {
	var missing *board.Missing
	if errors.As(err, &missing) && missing.Absent() {
		return provider.NewMetricNotFoundError(schema.GroupResource{}, metric)
	}
	return unavailable(err)
}

// errElsewhere says that the other metrics server is to be asked.
var errElsewhere = errors.New("the metric is not known here")

// errUnknown is of the time before Prometheus told which series there are: another server may know the metric, but not
// the window that is over it here.
var errUnknown = errors.New("which series Prometheus has is not known yet")

// unknown is the error of a metric that is not in an index.
func (p *Provider) unknown(index *catalogue.Index, absent error) error {
	switch {
	case !index.Complete:
		return unavailable(errUnknown)
	case p.elsewhere != nil:
		return errElsewhere
	default:
		return absent
	}
}

// unavailable is an error that makes an autoscaler stay as it is.
func unavailable(err error) error { return apierrors.NewServiceUnavailable(err.Error()) }

// union joins lists, each element once.
func union[T comparable](lists ...[]T) []T {
	var all []T
	seen := map[T]bool{}
	for _, list := range lists {
		for _, one := range list {
			if !seen[one] {
				seen[one] = true
				all = append(all, one)
			}
		}
	}
	return all
}
