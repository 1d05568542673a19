package serve

import (
	"context"

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
