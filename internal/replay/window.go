package replay

import (
	"context"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/evenkeel/evenkeel/internal/replay/metricsapi"
)

// window is what a metrics server that looks every so often knows: two frames,
// a look apart. It never changes.
type window struct {
	older, newer *frame // nil until there was a look
}

// with is the window after another frame.
func (w *window) with(next *frame, length time.Duration) *window {
	if w.newer != nil && next.At.Sub(w.newer.At) < length {
		return w
	}
	return &window{older: w.newer, newer: next}
}

// nodes are the nodes that both frames have.
func (w *window) nodes() []metrics.NodeMetrics {
	if w.older == nil {
		return nil
	}
	before := secondsBefore(w.older.Nodes)
	length := w.newer.At.Sub(w.older.At)
	var result []metrics.NodeMetrics
	for i := range w.newer.Nodes {
		n := &w.newer.Nodes[i]
		last, seen := before[n.Name]
		if !seen {
			continue
		}
		result = append(result, metrics.NodeMetrics{
			ObjectMeta: w.meta("", n.Name, n.Labels),
			Timestamp:  metav1.NewTime(w.newer.At),
			Window:     metav1.Duration{Duration: length},
			Usage:      usage(n.BusySeconds-last.BusySeconds, length, n.UsedBytes),
		})
	}
	return result
}

// pods are the pods that both frames have, with all use in one container.
func (w *window) pods() []metrics.PodMetrics {
	if w.older == nil {
		return nil
	}
	before := make(map[types.UID]float64, len(w.older.Pods))
	for i := range w.older.Pods {
		before[w.older.Pods[i].UID] = w.older.Pods[i].CPUSeconds
	}
	length := w.newer.At.Sub(w.older.At)
	var result []metrics.PodMetrics
	for i := range w.newer.Pods {
		p := &w.newer.Pods[i]
		last, seen := before[p.UID]
		if !seen {
			continue
		}
		result = append(result, metrics.PodMetrics{
			ObjectMeta: w.meta(p.Namespace, p.Name, p.Labels),
			Timestamp:  metav1.NewTime(w.newer.At),
			Window:     metav1.Duration{Duration: length},
			Containers: []metrics.ContainerMetrics{{Name: p.Container, Usage: usage(p.CPUSeconds-last, length, p.MemoryBytes)}},
		})
	}
	return result
}

func (w *window) meta(namespace, name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: labels,
		CreationTimestamp: metav1.NewTime(w.newer.At),
	}
}

func usage(cpuSeconds float64, over time.Duration, bytes int64) corev1.ResourceList {
	nano := int64(math.Round(cpuSeconds / over.Seconds() * 1e9))
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewScaledQuantity(nano, resource.Nano),
		corev1.ResourceMemory: *resource.NewQuantity(bytes, resource.BinarySI),
	}
}

// ServeMetricsAPI serves the metrics.k8s.io API on a port of its own, for an
// APIService to lead to. hosts are the names that the aggregator calls it by
// (SERVICE.NAMESPACE.svc). It may be called before Start, and the caller stops
// the server.
func (r *Replayer) ServeMetricsAPI(ctx context.Context, hosts ...string) (*metricsapi.Server, error) {
	return metricsapi.Start(ctx, metricsapi.Options{Source: r, Client: r.options.Client, Hosts: hosts})
}

// NodeMetrics is what the metrics.k8s.io API says of nodes. A node is there once
// it was seen for a whole window.
func (r *Replayer) NodeMetrics() []metrics.NodeMetrics { return r.window.Load().nodes() }

// PodMetrics is what the metrics.k8s.io API says of pods. A pod is there once it
// ran for a whole window.
func (r *Replayer) PodMetrics() []metrics.PodMetrics { return r.window.Load().pods() }
