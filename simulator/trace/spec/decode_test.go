package spec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/evenkeel/evenkeel/simulator/trace/usage"
)

func hours(n int) metav1.Duration {
	return metav1.Duration{Duration: time.Duration(n) * time.Hour}
}

func TestEachFieldIsDecoded(t *testing.T) {
	const content = head + `duration: 24h
nodes:
- file: nodes.csv
- pool:
    name: g2
    count: 4
    cpu: 96
    memory: 384Gi
    gpu: 8
    model: G2
    labels: {zone: a}
    taints: [{key: gpu, value: "yes", effect: NoSchedule}]
    price: 12.5
pods:
- {file: pods.csv, repeat: 2, prefix: x-}
snapshot: {file: cluster.yaml}
demand: {tune: 1.3}
usage: {file: use.csv, format: csv, scale: 2}
arrivals: {order: shuffled, every: 1h, stay: true}
events:
- {at: 1h, kind: NodeLoss, node: a}
- {at: 2h, kind: Drain, nodes: [a, b]}
- {at: 3h, kind: Drain, pool: g2, count: 2}
- at: 4h
  kind: Burst
  count: 20
  pods: {template: {name: b, cpu: 500m, memory: 1Gi, gpuMilli: 250, models: [G2, T4], life: 5h}}
- at: 5h
  kind: Burst
  pods: {file: more.csv, prefix: y-}
`
	want := &Scenario{
		TypeMeta: metav1.TypeMeta{APIVersion: APIVersion, Kind: Kind},
		Duration: hours(24),
		Nodes: []NodeSource{
			{File: "nodes.csv"},
			{Pool: &Pool{
				Name: "g2", Count: 4, CPU: resource.MustParse("96"), Memory: resource.MustParse("384Gi"), GPU: 8, Model: "G2",
				Labels: map[string]string{"zone": "a"},
				Taints: []v1.Taint{{Key: "gpu", Value: "yes", Effect: v1.TaintEffectNoSchedule}},
				Price:  12.5,
			}},
		},
		Pods:     []PodSource{{File: "pods.csv", Repeat: 2, Prefix: "x-"}},
		Snapshot: &FileSource{File: "cluster.yaml"},
		Demand:   Demand{Tune: new(1.3)},
		Usage:    &UsageSource{File: "use.csv", Format: usage.CSV, Scale: new(2.0)},
		Arrivals: Arrivals{Order: OrderShuffled, Every: new(hours(1)), Stay: true},
		Events: []EventSource{
			{At: hours(1), Kind: NodeLoss, Node: "a"},
			{At: hours(2), Kind: Drain, Nodes: []string{"a", "b"}},
			{At: hours(3), Kind: Drain, Pool: "g2", Count: 2},
			{At: hours(4), Kind: Burst, Count: 20, Pods: &BurstPods{Template: &PodTemplate{
				Name: "b", CPU: resource.MustParse("500m"), Memory: resource.MustParse("1Gi"), GPUMilli: 250,
				Models: []string{"G2", "T4"}, Life: hours(5),
			}}},
			{At: hours(5), Kind: Burst, Pods: &BurstPods{File: "more.csv", Prefix: "y-"}},
		},
	}
	got, err := Parse([]byte(content), "s.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Scenario{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAbsentIsNotZero(t *testing.T) {
	tests := map[string]struct {
		content string
		given   func(*Scenario) bool
		want    bool
	}{
		"no gap":        {"arrivals: {order: trace}\n", func(s *Scenario) bool { return s.Arrivals.Every != nil }, false},
		"a gap of zero": {"arrivals: {every: 0s}\n", func(s *Scenario) bool { return s.Arrivals.Every != nil }, true},
		"no scale":      {"demand: {}\n", func(s *Scenario) bool { return s.Demand.Scale != nil }, false},
		"a scale":       {"demand: {scale: 1}\n", func(s *Scenario) bool { return s.Demand.Scale != nil }, true},
		"no usage":      {"", func(s *Scenario) bool { return s.Usage != nil }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Parse([]byte(head+nodes+test.content), "s.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if got := test.given(s); got != test.want {
				t.Errorf("given: %v, want %v", got, test.want)
			}
		})
	}
}
