package serve

import (
	"context"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// Shadow compares what was measured here, before any window, with what another metrics server says. It must not keep
// its caller waiting.
type Shadow interface {
	Custom(measured *custom_metrics.MetricValueList, ask AskCustom)
	External(measured *external_metrics.ExternalMetricValueList, ask AskExternal)
}

// AskCustom asks another server for what was asked here.
type AskCustom func(ctx context.Context, other provider.CustomMetricsProvider) (*custom_metrics.MetricValueList, error)

// AskExternal asks another server for what was asked here.
type AskExternal func(ctx context.Context, other provider.ExternalMetricsProvider) (*external_metrics.ExternalMetricValueList, error)

func askByName(name types.NamespacedName, info provider.CustomMetricInfo, selector labels.Selector) AskCustom {
	return func(ctx context.Context, other provider.CustomMetricsProvider) (*custom_metrics.MetricValueList, error) {
		value, err := other.GetMetricByName(ctx, name, info, selector)
		if err != nil {
			return nil, err
		}
		return &custom_metrics.MetricValueList{Items: []custom_metrics.MetricValue{*value}}, nil
	}
}

func askBySelector(namespace string, by labels.Selector, info provider.CustomMetricInfo, selector labels.Selector) AskCustom {
	return func(ctx context.Context, other provider.CustomMetricsProvider) (*custom_metrics.MetricValueList, error) {
		return other.GetMetricBySelector(ctx, namespace, by, info, selector)
	}
}

func askExternal(namespace string, selector labels.Selector, info provider.ExternalMetricInfo) AskExternal {
	return func(ctx context.Context, other provider.ExternalMetricsProvider) (*external_metrics.ExternalMetricValueList, error) {
		return other.GetExternalMetric(ctx, namespace, selector, info)
	}
}
