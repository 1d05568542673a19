package replay

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSamples(t *testing.T) {
	node := nodeOf("n", 2, 2)
	pods := []player{podOn("n", "a", Constant(1)), podOn("", "old", Constant(0.5))}
	f := advance(&frame{At: start()}, pods, []machine{node}, start(), 0)
	f = advance(f, pods, []machine{node}, start().Add(10*time.Second), 10*time.Second)

	want := map[string]float64{
		`{__name__="node_cpu_seconds_total", cpu="0", mode="user", node="n"}`:                                   5,
		`{__name__="node_cpu_seconds_total", cpu="1", mode="user", node="n"}`:                                   5,
		`{__name__="node_cpu_seconds_total", cpu="0", mode="idle", node="n"}`:                                   5,
		`{__name__="node_cpu_seconds_total", cpu="1", mode="idle", node="n"}`:                                   5,
		`{__name__="node_memory_MemTotal_bytes", node="n"}`:                                                     4 << 30,
		`{__name__="node_memory_MemAvailable_bytes", node="n"}`:                                                 3 << 30,
		`{__name__="machine_cpu_cores", node="n"}`:                                                              2,
		`{__name__="machine_memory_bytes", node="n"}`:                                                           4 << 30,
		`{__name__="container_cpu_usage_seconds_total", container="app", namespace="shop", node="n", pod="a"}`:  10,
		`{__name__="container_memory_working_set_bytes", container="app", namespace="shop", node="n", pod="a"}`: 1 << 30,
		`{__name__="container_cpu_usage_seconds_total", container="app", namespace="shop", pod="old"}`:          5,
		`{__name__="container_memory_working_set_bytes", container="app", namespace="shop", pod="old"}`:         1 << 30,
	}
	var s sampler
	for _, round := range []string{"made", "remembered"} {
		got := map[string]float64{}
		for _, sample := range s.samples(f) {
			got[sample.Labels.String()] = sample.Value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("samples with labels %s (-want +got):\n%s", round, diff)
		}
	}
}

func TestSamplerForgetsWhatIsGone(t *testing.T) {
	var s sampler
	f := advance(&frame{At: start()}, []player{podOn("n", "a", Constant(1))}, []machine{nodeOf("n", 2, 2)}, start(), 0)
	s.samples(f)
	s.samples(advance(f, nil, nil, start().Add(time.Second), time.Second))
	if len(s.pods) != 0 || len(s.nodes) != 0 {
		t.Errorf("labels of %d pods and %d nodes kept", len(s.pods), len(s.nodes))
	}
}

// TestEveryMetricIsDescribed: a name without an entry would be a gauge without help.
func TestEveryMetricIsDescribed(t *testing.T) {
	var s sampler
	described := catalog()
	used := map[string]bool{}
	f := advance(&frame{At: start()}, []player{podOn("n", "a", Constant(1))}, []machine{nodeOf("n", 2, 2)}, start(), 0)
	for _, sample := range s.samples(f) {
		name := sample.Labels.Get("__name__")
		used[name] = true
		if _, ok := described[name]; !ok {
			t.Errorf("%s is not in the catalog", name)
		}
	}
	for name := range described {
		if !used[name] {
			t.Errorf("%s is in the catalog, but nothing makes it", name)
		}
	}
}
