package trace

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

// sameAmount compares quantities by value: 1024Mi is 1Gi.
var sameAmount = cmp.Comparer(func(a, b resource.Quantity) bool { return a.Equal(b) })

// list writes objects as kubectl does.
func list[T any](t *testing.T, kind string, objects []T) string {
	t.Helper()
	content, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "kind": kind + "List", "items": objects})
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestNodesComeBackFromYAML(t *testing.T) {
	nodes, err := ReadNodes("testdata/nodes.csv")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadNodes(write(t, "nodes.yaml", list(t, "Node", nodes)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(nodes, again, sameAmount); diff != "" {
		t.Errorf("-CSV +YAML\n%s", diff)
	}
}

func TestPodsComeBackFromYAML(t *testing.T) {
	pods, err := ReadPods("testdata/pods.csv")
	if err != nil {
		t.Fatal(err)
	}
	var objects []*v1.Pod
	for i := range pods {
		pods[i].Arrival, pods[i].Departure = 0, 0 // which an object does not say
		objects = append(objects, pods[i].Object)
	}
	again, err := ReadPods(write(t, "pods", list(t, "Pod", objects)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pods, again, sameAmount); diff != "" {
		t.Errorf("-CSV +YAML\n%s", diff)
	}
}

// openbRow writes a pod as the list has it.
func openbRow(pod *Pod) string {
	requests := pod.Object.Spec.Containers[0].Resources.Requests
	gpus, milli := amount(requests, GPU), amount(requests, GPUMilli)
	switch {
	case gpus > 0:
		milli = wholeGPU
	case milli > 0:
		gpus = 1
	}
	return fmt.Sprintf("%s,%d,%d,%d,%d,%s,%g,%g\n", pod.Object.Name, requests.Cpu().MilliValue(), requests.Memory().Value()/mebibyte,
		gpus, milli, strings.Join(gpuModels(pod.Object), "|"), pod.Arrival.Seconds(), pod.Departure.Seconds())
}

func TestPodsComeBackFromCSV(t *testing.T) {
	pods, err := ReadPods("testdata/pods.csv")
	if err != nil {
		t.Fatal(err)
	}
	var content strings.Builder
	content.WriteString(lifeHead)
	for i := range pods {
		content.WriteString(openbRow(&pods[i]))
	}
	again, err := ReadPods(write(t, "pods.csv", content.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pods, again, sameAmount); diff != "" {
		t.Errorf("-first +second\n%s", diff)
	}
}

// TestManyPodsStaySmall keeps 100,000 pods well below 300 MB, which they would take with parts of their own.
func TestManyPodsStaySmall(t *testing.T) {
	pods, err := ReadPods(write(t, "pods.csv", manyPods(10_000)))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all := Scale(pods, 10, 1)
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	if len(all) != 100_000 || grown > 160<<20 {
		t.Errorf("%d pods take %d MiB", len(all), grown>>20)
	}
	runtime.KeepAlive(pods)
}

// canRun is the dumb twin of what Warnings asks of a node.
func canRun(s shape, cpuMilli, memory, gpus int64, model string) bool {
	if s.models != "" && !strings.Contains("|"+s.models+"|", "|"+model+"|") {
		return false
	}
	return s.cpuMilli <= cpuMilli && s.memory <= memory && s.gpus <= gpus && s.gpuMilli <= gpus*1000
}

func TestWarningsAgreeWithTheTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	models := []string{"T4", "G2", "A10"}
	for range 500 {
		s := shape{cpuMilli: random.Int64N(5000), memory: random.Int64N(5000)}
		switch random.IntN(3) {
		case 0:
			s.gpus, s.models = 1+random.Int64N(4), strings.Join(models[:random.IntN(3)], "|")
		case 1:
			s.gpuMilli = 1 + random.Int64N(999)
		}
		w := &Workload{Pods: []Pod{{Object: mold{}.pod("a", s)}}}
		fits := false
		for i := range 3 {
			cpu, memory, gpus, model := random.Int64N(5000), random.Int64N(5000), random.Int64N(4), models[random.IntN(3)]
			list := v1.ResourceList{"cpu": *resource.NewMilliQuantity(cpu, resource.DecimalSI), "memory": *resource.NewQuantity(memory, resource.BinarySI)}
			w.Nodes = append(w.Nodes, newNode(fmt.Sprint("n", i), list, gpus, model))
			if gpus == 0 {
				model = ""
			}
			fits = fits || canRun(s, cpu, memory, gpus, model)
		}
		if got := w.Warnings(); (got == nil) != fits {
			t.Fatalf("%+v can run: %v, but warnings are %q", s, fits, got)
		}
	}
}

func TestMoreNodesNeverWarnMore(t *testing.T) {
	pods, err := ReadPods("testdata/pods.csv")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := ReadNodes("testdata/nodes.csv")
	if err != nil {
		t.Fatal(err)
	}
	last := len(pods) + 1
	for n := range len(nodes) + 1 {
		barred := 0
		w := &Workload{Nodes: nodes[:n]}
		for i := range pods {
			w.Pods = pods[i : i+1]
			barred += len(w.Warnings())
		}
		if barred > last {
			t.Fatalf("with %d nodes %d pods cannot run, with one fewer %d", n, barred, last)
		}
		last = barred
	}
}
