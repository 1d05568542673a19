package trace

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

// podsOf makes pods a0, a1, … that ask for so many thousandths of a GPU, one a second.
func podsOf(milli ...int64) []Pod {
	made := mold{}
	var pods []Pod
	for i, share := range milli {
		pods = append(pods, Pod{Object: made.pod(fmt.Sprint("a", i), shape{cpuMilli: 1000, gpuMilli: share}), Arrival: time.Duration(i) * time.Second})
	}
	return pods
}

func namesOf(pods []Pod) string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Object.Name)
	}
	return strings.Join(names, " ")
}

func gpuNodes(gpus ...int64) []*v1.Node {
	var nodes []*v1.Node
	for i, n := range gpus {
		nodes = append(nodes, newNode(fmt.Sprint("n", i), v1.ResourceList{}, n, "T4"))
	}
	return nodes
}

func TestScale(t *testing.T) {
	tests := map[string]struct {
		factor float64
		count  int
		prefix string
	}{
		"as it is":       {1, 4, "a0 a1 a2 a3"},
		"twice":          {2, 8, "a0 a1 a2 a3 a0.2 a1.2 a2.2 a3.2"},
		"once and more":  {1.5, 6, "a0 a1 a2 a3 a"},
		"thrice":         {3, 12, "a0 a1 a2 a3 a0.2 a1.2 a2.2 a3.2 a0.3 a1.3 a2.3 a3.3"},
		"half":           {0.5, 2, "a"},
		"next to none":   {0.01, 0, ""},
		"none":           {0, 0, ""},
		"less than none": {-1, 0, ""},
		"not a number":   {math.NaN(), 0, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := Scale(podsOf(1, 2, 3, 4), test.factor, 1)
			if len(got) != test.count || !strings.HasPrefix(namesOf(got), test.prefix) {
				t.Errorf("got %s, want %d pods from %s on", namesOf(got), test.count, test.prefix)
			}
			if err := (&Workload{Pods: got}).Validate(); err != nil {
				t.Error(err)
			}
			if again := Scale(podsOf(1, 2, 3, 4), test.factor, 1); namesOf(again) != namesOf(got) {
				t.Errorf("the same seed gives %s and %s", namesOf(got), namesOf(again))
			}
		})
	}
}

func TestScaleIsBounded(t *testing.T) {
	if got := scaled(1000, 1e300); got != maxPods {
		t.Errorf("%d pods", got)
	}
	if got := Scale(nil, 2, 1); got != nil {
		t.Errorf("nothing became %s", namesOf(got))
	}
}

func TestClonesShareWhatTheyAskForAndRunNowhere(t *testing.T) {
	pods := podsOf(500)
	pods[0].Departure = time.Minute
	pods[0].Object.Spec.NodeName = "n0"
	clone := Scale(pods, 2, 1)[1]
	if &clone.Object.Spec.Containers[0] != &pods[0].Object.Spec.Containers[0] {
		t.Error("the clone has a container of its own")
	}
	if clone.Object.Spec.NodeName != "" || pods[0].Object.Spec.NodeName != "n0" {
		t.Errorf("the clone runs on %q, the pod on %q", clone.Object.Spec.NodeName, pods[0].Object.Spec.NodeName)
	}
	if clone.Object.UID != "default/a0.2" || clone.Departure != time.Minute {
		t.Errorf("the clone is %s until %v", clone.Object.UID, clone.Departure)
	}
}

func TestScaleDrawsEachPodAsOften(t *testing.T) {
	drawn := map[string]int{}
	for seed := range int64(2000) {
		for _, pod := range Scale(podsOf(0, 0, 0, 0), 0.5, seed) {
			drawn[pod.Object.Name]++
		}
	}
	for name, n := range drawn {
		if n < 900 || n > 1100 {
			t.Errorf("%s is drawn %d times of 2000, want about half", name, n)
		}
	}
}

func TestTune(t *testing.T) {
	tests := map[string]struct {
		pods     []Pod
		nodes    []*v1.Node
		share    float64
		from, to int64
		reason   string
	}{
		"up":          {podsOf(100, 200, 300), gpuNodes(2, 2), 1.3, 5200, 5499, "the last clone may overshoot"},
		"down":        {podsOf(900, 800, 700, 600), gpuNodes(2), 0.5, 101, 1000, "at or below, by less than a pod"},
		"as it is":    {podsOf(500, 500), gpuNodes(1), 1, 1000, 1000, "nothing to do"},
		"not for GPU": {podsOf(0, 0, 500), gpuNodes(1), 1, 1000, 1000, "pods without GPU come along"},
		"to nothing":  {podsOf(900), gpuNodes(1), 0.1, 0, 0, "one pod is too many"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Tune(test.pods, test.nodes, test.share, 1)
			if err != nil {
				t.Fatal(err)
			}
			var demand int64
			for _, pod := range got {
				demand += PodGPUMilli(pod.Object)
			}
			if demand < test.from || demand > test.to {
				t.Errorf("they ask for %d, want %d..%d: %s", demand, test.from, test.to, test.reason)
			}
			if err := (&Workload{Pods: got}).Validate(); err != nil {
				t.Error(err)
			}
			again, err := Tune(test.pods, test.nodes, test.share, 1)
			if err != nil || namesOf(again) != namesOf(got) {
				t.Errorf("the same seed gives %s and %s, %v", namesOf(got), namesOf(again), err)
			}
		})
	}
}

func TestTuneRefuses(t *testing.T) {
	tests := map[string]struct {
		pods  []Pod
		nodes []*v1.Node
		want  string
	}{
		"no GPU on nodes": {podsOf(1), gpuNodes(0), "the nodes offer 0 and the pods ask for 1 thousandths of a GPU: use scale"},
		"no GPU wanted":   {podsOf(0), gpuNodes(1), "the pods ask for 0 thousandths"},
		"no pods":         {nil, gpuNodes(1), "the pods ask for 0"},
		"too many pods":   {podsOf(1), gpuNodes(3000), "it takes about 3000000 pods, at most 2000000: lower the share"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Tune(test.pods, test.nodes, 1, 1)
			mustFail(t, err, test.want)
		})
	}
}

func TestGPUMilli(t *testing.T) {
	made := mold{}
	tests := map[string]struct {
		got, want int64
	}{
		"pod without":        {PodGPUMilli(made.pod("a", shape{})), 0},
		"pod with a share":   {PodGPUMilli(made.pod("a", shape{gpuMilli: 460})), 460},
		"pod with GPUs":      {PodGPUMilli(made.pod("a", shape{gpus: 8})), 8000},
		"node without":       {NodeGPUMilli(gpuNodes(0)[0]), 0},
		"node with":          {NodeGPUMilli(gpuNodes(4)[0]), 4000},
		"node of a cluster":  {NodeGPUMilli(nodeOf("a", nil, amounts("nvidia.com/gpu", "2"))), 2000},
		"pod of a container": {PodGPUMilli(podOf(nil, nil, nil)), 0},
	}
	for name, test := range tests {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

func TestRollOut(t *testing.T) {
	pods := make([]Pod, 100)
	for i := range pods {
		pods[i] = Pod{Object: &v1.Pod{}, Arrival: time.Hour, Departure: 2 * time.Hour}
	}
	pods[7].Object.Spec.NodeName = "n"
	again := slices.Clone(pods)
	RollOut(pods, time.Hour, 3)
	RollOut(again, time.Hour, 3)
	if diff := cmp.Diff(pods, again); diff != "" {
		t.Errorf("the same seed rolled out otherwise:\n%s", diff)
	}
	seen := map[time.Duration]bool{}
	inOrder := true
	for i := range pods {
		if i == 7 {
			continue
		}
		if pods[i].Arrival >= time.Hour || pods[i].Departure != 0 || seen[pods[i].Arrival] {
			t.Errorf("pod %d comes at %v and goes at %v", i, pods[i].Arrival, pods[i].Departure)
		}
		seen[pods[i].Arrival] = true
		inOrder = inOrder && (i == 0 || pods[i].Arrival >= pods[i-1].Arrival)
	}
	if pods[7].Arrival != time.Hour || pods[7].Departure != 2*time.Hour || inOrder {
		t.Error("a pod that runs was moved, or the order was not drawn")
	}
	if LastArrival(pods) != time.Hour || LastArrival(nil) != 0 {
		t.Errorf("the last comes at %v", LastArrival(pods))
	}
}
