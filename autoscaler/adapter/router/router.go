package router

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"k8s.io/utils/clock"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// Router asks other metrics servers. It implements serve.Elsewhere.
type Router struct {
	config    Config
	clock     clock.Clock
	metrics   *metrics
	upstreams []*upstream
}

var _ provider.MetricsProvider = (*Router)(nil)

// New returns a router that has asked nobody yet.
func New(c Config, clk clock.Clock, r Registerer) (*Router, error) {
	c.Upstreams = slices.Clone(c.Upstreams)
	c.Default()
	if errs := c.Validate(field.NewPath("router")); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	m, err := newMetrics(r)
	if err != nil {
		return nil, fmt.Errorf("registering metrics of the router: %w", err)
	}
	out := &Router{config: c, clock: clk, metrics: m}
	for i := range c.Upstreams {
		u, err := newUpstream(&c.Upstreams[i], &c)
		if err != nil {
			return nil, err
		}
		out.upstreams = append(out.upstreams, u)
	}
	return out, nil
}

// Run keeps the lists of metrics up to date until the context ends. A server that does not answer keeps its list.
func (r *Router) Run(ctx context.Context) {
	for {
		for _, u := range r.upstreams {
			err := u.refresh(ctx)
			r.metrics.asked(u.name, err)
			if err != nil {
				klog.FromContext(ctx).Error(err, "The metrics of another server are not known anew", "server", u.name)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-r.clock.After(r.config.refresh()):
		}
	}
}

// first asks one server after the other until one knows. One that fails ends this: it may know, and what those after
// it say may be of something else.
func first[T any](r *Router, absent error, ask func(*upstream) (T, error)) (T, error) {
	for _, u := range r.upstreams {
		got, err := ask(u)
		r.metrics.asked(u.name, err)
		if !apierrors.IsNotFound(err) {
			return got, err
		}
		absent = err
	}
	var none T
	return none, absent
}

// GetMetricByName implements provider.CustomMetricsProvider.
func (r *Router) GetMetricByName(
	ctx context.Context, name types.NamespacedName, info provider.CustomMetricInfo, selector labels.Selector,
) (*custom_metrics.MetricValue, error) {
	absent := provider.NewMetricNotFoundForError(info.GroupResource, info.Metric, name.Name)
	return first(r, absent, func(u *upstream) (*custom_metrics.MetricValue, error) {
		list, err := u.byName(ctx, name.Namespace, name.Name, info, nil, selector)
		switch {
		case err != nil:
			return nil, err
		case len(list.Items) == 0:
			return nil, absent
		default:
			return &list.Items[0], nil
		}
	})
}

// GetMetricBySelector implements provider.CustomMetricsProvider.
func (r *Router) GetMetricBySelector(
	ctx context.Context, namespace string, by labels.Selector, info provider.CustomMetricInfo, selector labels.Selector,
) (*custom_metrics.MetricValueList, error) {
	absent := provider.NewMetricNotFoundError(info.GroupResource, info.Metric)
	return first(r, absent, func(u *upstream) (*custom_metrics.MetricValueList, error) {
		return u.byName(ctx, namespace, "*", info, by, selector)
	})
}

// GetExternalMetric implements provider.ExternalMetricsProvider.
func (r *Router) GetExternalMetric(
	ctx context.Context, namespace string, selector labels.Selector, info provider.ExternalMetricInfo,
) (*external_metrics.ExternalMetricValueList, error) {
	absent := provider.NewMetricNotFoundError(schema.GroupResource{}, info.Metric)
	return first(r, absent, func(u *upstream) (*external_metrics.ExternalMetricValueList, error) {
		return u.ofExternal(ctx, namespace, info.Metric, selector)
	})
}

// ListAllMetrics implements provider.CustomMetricsProvider.
func (r *Router) ListAllMetrics() []provider.CustomMetricInfo {
	var all []provider.CustomMetricInfo
	for _, u := range r.upstreams {
		all = append(all, u.lists.Load().custom...)
	}
	return all
}

// ListAllExternalMetrics implements provider.ExternalMetricsProvider.
func (r *Router) ListAllExternalMetrics() []provider.ExternalMetricInfo {
	var all []provider.ExternalMetricInfo
	for _, u := range r.upstreams {
		all = append(all, u.lists.Load().external...)
	}
	return all
}
