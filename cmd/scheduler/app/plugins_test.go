package app

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/evenkeel/evenkeel/internal/usage"
)

// counted is a source that counts how often it is read.
type counted struct{ reads atomic.Int32 }

func (c *counted) Read(context.Context, usage.Statistic, func(usage.Reading)) error {
	c.reads.Add(1)
	return nil
}

func TestAfterSync(t *testing.T) {
	source := &counted{}
	var synced atomic.Bool
	s := &afterSync{Source: source, synced: synced.Load}

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Read(ctx, usage.Mean, nil); !errors.Is(err, context.DeadlineExceeded) || source.reads.Load() != 0 {
		t.Errorf("before the nodes are known: %v after %d reads, want none and a deadline", err, source.reads.Load())
	}
	synced.Store(true)
	if err := s.Read(t.Context(), usage.Mean, nil); err != nil || source.reads.Load() != 1 {
		t.Errorf("once they are: %v after %d reads", err, source.reads.Load())
	}
}

func TestCapacityOf(t *testing.T) {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "a"},
		Status: v1.NodeStatus{Capacity: v1.ResourceList{
			v1.ResourceCPU: resource.MustParse("3500m"), v1.ResourceMemory: resource.MustParse("2Gi"),
		}},
	}
	factory := informers.NewSharedInformerFactory(fake.NewClientset(node), 0)
	capacity := capacityOf(factory.Core().V1().Nodes().Lister())
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	if cores, bytes, ok := capacity("a"); !ok || cores != 3.5 || bytes != 2<<30 {
		t.Errorf("a has %v cores, %v bytes, %v", cores, bytes, ok)
	}
	if _, _, ok := capacity("b"); ok {
		t.Error("an unknown node has a capacity")
	}
}

func TestOpenSource(t *testing.T) {
	nodes := informers.NewSharedInformerFactory(fake.NewClientset(), 0).Core().V1().Nodes()
	config := &rest.Config{Host: "https://127.0.0.1:1"}
	for name, tc := range map[string]struct {
		give usage.Config
		ok   bool
	}{
		"Default":     {usage.Config{}, true},
		"MetricsAPI":  {usage.Config{MetricsAPI: &usage.MetricsAPIConfig{}}, true},
		"Prometheus":  {usage.Config{Prometheus: &usage.PrometheusConfig{Address: "http://127.0.0.1:1"}}, true},
		"LoadWatcher": {usage.Config{LoadWatcher: &usage.LoadWatcherConfig{Address: "http://127.0.0.1:1"}}, true},
		"MissingCA":   {usage.Config{Prometheus: &usage.PrometheusConfig{Address: "https://p", CAFile: "/nowhere"}}, false},
	} {
		cfg := tc.give
		cfg.Default()
		if source, err := openSource(cfg, config, nodes); (err == nil) != tc.ok || tc.ok && source == nil {
			t.Errorf("%s: got %v, %v", name, source, err)
		}
	}
}
