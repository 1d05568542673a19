// Package metricsapi reads usage from the metrics.k8s.io API, as metrics-server
// serves it: the CPU and memory of nodes and pods, now. Deviation and P95 come
// from what this process saw (see package history); Peak stays unknown.
package metricsapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"k8s.io/metrics/pkg/client/clientset/versioned"
	"k8s.io/utils/clock"

	"github.com/evenkeel/evenkeel/internal/usage"
	"github.com/evenkeel/evenkeel/internal/usage/history"
	"github.com/evenkeel/evenkeel/internal/usage/limit"
)

// New returns the metrics.k8s.io API that restConfig leads to.
func New(cfg usage.Config, restConfig *rest.Config, clock clock.PassiveClock) (usage.Source, error) {
	cfg.Default()
	m := cfg.MetricsAPI
	if m == nil {
		return nil, errors.New("opening metrics.k8s.io: the usage configuration has no metricsAPI")
	}
	own := rest.CopyConfig(restConfig)
	own.ContentType = "application/vnd.kubernetes.protobuf"
	own.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	own.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &limiter{next: next, limit: m.MaxResponseBytes}
	})
	client, err := versioned.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("opening metrics.k8s.io: %w", err)
	}
	s := &source{client: client, timeout: cfg.Timeout.Duration}
	return history.New(s, cfg, m.Windows, clock), nil
}

// source knows means alone.
type source struct {
	client  versioned.Interface
	timeout time.Duration
}

// Read implements usage.Source. The nodes come first: they matter most.
func (s *source) Read(ctx context.Context, statistic usage.Statistic, emit func(usage.Reading)) error {
	if statistic != usage.Mean {
		return usage.ErrUnsupported
	}
	nodes := s.readNodes(ctx, emit)
	pods := s.readPods(ctx, emit)
	return errors.Join(nodes, pods)
}

func (s *source) readNodes(ctx context.Context, emit func(usage.Reading)) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	// metrics-server serves no pages: a limit would be ignored.
	list, err := s.client.MetricsV1beta1().NodeMetricses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing the nodes of metrics.k8s.io: %w: see whether metrics-server runs, and may be read", err)
	}
	for i := range list.Items {
		m := &list.Items[i]
		emitAll(usage.Object{Name: m.Name}, m.Timestamp, total(m.Usage), emit)
	}
	return nil
}

func (s *source) readPods(ctx context.Context, emit func(usage.Reading)) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	list, err := s.client.MetricsV1beta1().PodMetricses("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing the pods of metrics.k8s.io: %w", err)
	}
	for i := range list.Items {
		m := &list.Items[i]
		emitAll(usage.Object{Namespace: m.Namespace, Name: m.Name}, m.Timestamp, sum(m.Containers), emit)
	}
	return nil
}

// amount is what was used of CPU and memory, where it was measured.
type amount struct {
	value [2]float64
	known [2]bool
}

func total(list v1.ResourceList) amount {
	var a amount
	for d, name := range [...]v1.ResourceName{usage.CPU: v1.ResourceCPU, usage.Memory: v1.ResourceMemory} {
		if q, ok := list[name]; ok {
			a.value[d], a.known[d] = q.AsApproximateFloat64(), true
		}
	}
	return a
}

// sum adds the containers up. Where one was not measured the sum is unknown: of
// the others it would be too little.
func sum(containers []v1beta1.ContainerMetrics) amount {
	var out amount
	for i := range containers {
		one := total(containers[i].Usage)
		for d := range out.value {
			out.value[d] += one.value[d]
			out.known[d] = one.known[d] && (i == 0 || out.known[d])
		}
	}
	return out
}

func emitAll(o usage.Object, at metav1.Time, a amount, emit func(usage.Reading)) {
	var milliseconds int64 // 0 where the server gave no time
	if !at.IsZero() {
		milliseconds = at.UnixMilli()
	}
	for d := range a.value {
		if a.known[d] {
			emit(usage.Reading{
				Object:    o,
				Dimension: usage.Dimension(d),
				Sample:    usage.Sample{Value: a.value[d], At: milliseconds},
			})
		}
	}
}

// limiter bounds what comes back.
type limiter struct {
	next  http.RoundTripper
	limit int64
}

// RoundTrip implements http.RoundTripper.
func (l *limiter) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{limit.Reader(response.Body, l.limit, "metricsAPI.maxResponseBytes"), response.Body}
	return response, nil
}
