package trace

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

func TestEvents(t *testing.T) {
	tests := map[string]struct {
		events string
		want   []Event
	}{
		"a node": {"- {at: 1h, kind: NodeLoss, node: a-1}\n", []Event{{At: time.Hour, Kind: NodeLoss, Nodes: []string{"a-1"}}}},
		"nodes":  {"- {at: 1h, kind: Drain, nodes: [a-2, a-0]}\n", []Event{{At: time.Hour, Kind: Drain, Nodes: []string{"a-2", "a-0"}}}},
		"a pool": {"- {at: 1h, kind: Drain, pool: a, count: 3}\n", []Event{{At: time.Hour, Kind: Drain, Nodes: []string{"a-0", "a-1", "a-2"}}}},
		"in the order of time": {"- {at: 2h, kind: Drain, node: a-2}\n- {at: 1h, kind: NodeLoss, node: a-1}\n", []Event{
			{At: time.Hour, Kind: NodeLoss, Nodes: []string{"a-1"}}, {At: 2 * time.Hour, Kind: Drain, Nodes: []string{"a-2"}}}},
		"the rest of a pool": {"- {at: 2h, kind: Drain, pool: a, count: 2}\n- {at: 1h, kind: NodeLoss, node: a-1}\n", []Event{
			{At: time.Hour, Kind: NodeLoss, Nodes: []string{"a-1"}}, {At: 2 * time.Hour, Kind: Drain, Nodes: []string{"a-0", "a-2"}}}},
		"bursts": {"- {at: 1h, kind: Burst, count: 7, pods: {template: {name: b}}}\n- {at: 1h, kind: Burst, pods: {file: testdata/pods.csv}}\n",
			[]Event{{At: time.Hour, Kind: Burst, Pods: 7}, {At: time.Hour, Kind: Burst, Pods: 26}}},
		"after the end": {"- {at: 100h, kind: NodeLoss, node: a-1}\n", []Event{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := play(t, oneNode+"duration: 50h\nevents:\n"+test.events, 1)
			if diff := cmp.Diff(test.want, w.Events); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestEventsDrawNodesBySeed(t *testing.T) {
	const content = "nodes: [{pool: {name: a, count: 100, cpu: 1, memory: 1Gi}}]\nevents: [{at: 1h, kind: NodeLoss, pool: a, count: 5}]\n"
	draws := map[string]bool{}
	for seed := range int64(10) {
		first, again := play(t, content, seed).Events[0].Nodes, play(t, content, seed).Events[0].Nodes
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("one seed, two draws\n%s", diff)
		}
		if len(slices.Compact(slices.Clone(first))) != 5 {
			t.Errorf("drawn are %q", first)
		}
		draws[strings.Join(first, " ")] = true
	}
	if len(draws) != 10 {
		t.Errorf("10 seeds gave %d draws", len(draws))
	}
}

func TestBurstOfATemplate(t *testing.T) {
	w := play(t, oneNode+`events:
- at: 1h
  kind: Burst
  count: 2
  pods: {template: {name: b, cpu: 500m, memory: 1Gi, gpuMilli: 250, models: [T4, G2], life: 10m}}
`, 1)
	if len(w.Pods) != 2 {
		t.Fatalf("%d pods", len(w.Pods))
	}
	pod := w.Pods[1]
	if pod.Object.Name != "b-1" || pod.Arrival != time.Hour || pod.Departure != 70*time.Minute {
		t.Errorf("%s lives from %v to %v", pod.Object.Name, pod.Arrival, pod.Departure)
	}
	want := podOf(amounts("cpu", "500m", "memory", "1Gi", "evenkeel.dev/gpu-milli", "250"), amounts("evenkeel.dev/gpu-milli", "250"), onModels("T4", "G2"))
	if diff := cmp.Diff(want.Spec, pod.Object.Spec); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestBurstOfAFile(t *testing.T) {
	tests := map[string]struct {
		burst string
		count int
	}{
		"all":  {"pods: {file: testdata/pods.csv}", 26},
		"some": {"count: 5, pods: {file: testdata/pods.csv}", 5},
		"more": {"count: 60, pods: {file: testdata/pods.csv}", 60},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := play(t, oneNode+"events: [{at: 1h, kind: Burst, "+test.burst+"}]\n", 1)
			if len(w.Pods) != test.count {
				t.Errorf("%d pods, want %d", len(w.Pods), test.count)
			}
			for _, pod := range w.Pods {
				if pod.Arrival != time.Hour || pod.Departure <= pod.Arrival {
					t.Errorf("%s lives from %v to %v", pod.Object.Name, pod.Arrival, pod.Departure)
				}
			}
		})
	}
}

func TestBurstBesideItsOwnList(t *testing.T) {
	w := play(t, oneNode+"pods: [{file: testdata/pods.csv}]\nevents: [{at: 1h, kind: Burst, pods: {file: testdata/pods.csv, prefix: burst-}}]\n", 1)
	names := map[bool]int{}
	for _, pod := range w.Pods {
		names[strings.HasPrefix(pod.Object.Name, "burst-")]++
	}
	if diff := cmp.Diff(map[bool]int{true: 26, false: 26}, names); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAnotherEventLeavesTheRest(t *testing.T) {
	const content = oneNode + "pods: [{file: testdata/pods.csv}]\narrivals: {order: shuffled, poisson: 1m}\ndemand: {scale: 1.5}\n"
	first := play(t, content, 3)
	second := play(t, content+"events: [{at: 1h, kind: Drain, pool: a, count: 1}]\n", 3)
	if diff := cmp.Diff(namesOf(first.Pods), namesOf(second.Pods)); diff != "" {
		t.Errorf("an event changed the pods: %s", diff)
	}
	if diff := cmp.Diff(v1.ConditionTrue, second.Nodes[0].Status.Conditions[0].Status); diff != "" {
		t.Errorf("an event to come changed a node: %s", diff)
	}
}
